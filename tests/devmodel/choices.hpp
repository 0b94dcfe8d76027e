// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

namespace millrace::devmodel {

/// What an attacker decides by: random numbers in a test, the input in a fuzz target.
class Choices {
 public:
  /// `below`: a number below its argument, which is at most 65536.
  explicit Choices(std::function<std::uint32_t(std::uint32_t)> below) : below_(std::move(below)) {}
  [[nodiscard]] std::uint32_t below(std::uint32_t bound) const { return below_(bound); }
  /// Never where all choices are 0, as behind an input's end.
  [[nodiscard]] bool once_in(std::uint32_t n) const { return below_(n) == n - 1; }
  /// Any number of a type.
  template <class T>
  [[nodiscard]] T any() const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value = value << 8 | below_(256);
    return static_cast<T>(value);
  }

 private:
  std::function<std::uint32_t(std::uint32_t)> below_;
};

}  // namespace millrace::devmodel
