// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace millrace::devmodel::ena {

/// Where ENA stands in one of its rings, all of which are alike: entries of one size, an index that runs freely through 16 bits,
/// and a phase bit in each entry that tells new from old. It is 1 in the first round and turns with every wrap.
class Ring {
 public:
  Ring() = default;
  Ring(std::uint64_t base, std::uint32_t depth, std::uint32_t entry_bytes)
      : base_(base), depth_(depth), entry_bytes_(entry_bytes) {}

  [[nodiscard]] bool exists() const { return depth_ != 0; }
  [[nodiscard]] std::uint32_t depth() const { return depth_; }
  [[nodiscard]] std::uint32_t entry_bytes() const { return entry_bytes_; }
  [[nodiscard]] std::uint16_t index() const { return index_; }
  [[nodiscard]] bool phase() const { return phase_; }
  /// Where the entry lies whose turn it is.
  [[nodiscard]] std::uint64_t here() const {
    return base_ + std::uint64_t{index_ % depth_} * entry_bytes_;
  }
  /// Entries from here to a tail that the driver has rung in.
  [[nodiscard]] std::uint16_t until(std::uint16_t tail) const { return static_cast<std::uint16_t>(tail - index_); }

  void advance() {
    ++index_;
    if (index_ % depth_ == 0) phase_ = !phase_;
  }

  /// The 16-bit index can only run through a ring whose size divides 65536.
  static bool possible_depth(std::uint32_t depth) { return depth > 0 && depth <= 0x8000 && (depth & (depth - 1)) == 0; }

 private:
  std::uint64_t base_ = 0;
  std::uint32_t depth_ = 0;
  std::uint32_t entry_bytes_ = 0;
  std::uint16_t index_ = 0;
  bool phase_ = true;
};

}  // namespace millrace::devmodel::ena
