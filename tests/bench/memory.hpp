// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace millrace::bench {

inline constexpr std::size_t line_bytes = 64;

/// Memory of the kind that the packets lie in: 4 KB pages, or huge ones when EAL has those.
class Region {
 public:
  Region(std::size_t bytes, bool huge_pages);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  [[nodiscard]] std::uint8_t* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return bytes_; }

 private:
  std::uint8_t* data_;
  std::size_t bytes_;
};

/// A ring of cache lines, each of which holds the address of the next, in random order: every load waits for the one
/// before.
class Chase {
 public:
  Chase(std::uint8_t* memory, std::size_t bytes);
  void walk(std::size_t loads);

 private:
  void** at_;
};

}  // namespace millrace::bench
