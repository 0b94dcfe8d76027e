// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace millrace::tcp {

/// A sequence number (RFC 9293 section 3.4): arithmetic modulo 2^32. It has no operator<, because order on a circle
/// is a question of which half: before() and after() are right for numbers less than 2^31 apart.
class Seq {
 public:
  constexpr Seq() = default;
  constexpr explicit Seq(std::uint32_t value) : value_(value) {}

  [[nodiscard]] constexpr std::uint32_t value() const { return value_; }
  [[nodiscard]] constexpr bool before(Seq other) const { return static_cast<std::int32_t>(value_ - other.value_) < 0; }
  [[nodiscard]] constexpr bool after(Seq other) const { return other.before(*this); }
  [[nodiscard]] constexpr bool at_or_before(Seq other) const { return !after(other); }
  [[nodiscard]] constexpr bool at_or_after(Seq other) const { return !before(other); }
  /// first =< this < first + size.
  [[nodiscard]] constexpr bool in_window(Seq first, std::uint32_t size) const { return value_ - first.value_ < size; }

  constexpr Seq operator+(std::uint32_t n) const { return Seq(value_ + n); }
  constexpr Seq operator-(std::uint32_t n) const { return Seq(value_ - n); }
  constexpr Seq& operator+=(std::uint32_t n) {
    value_ += n;
    return *this;
  }
  /// Bytes from `other` to this; `other` must not be after this.
  [[nodiscard]] constexpr std::uint32_t operator-(Seq other) const { return value_ - other.value_; }
  constexpr bool operator==(const Seq&) const = default;

 private:
  std::uint32_t value_ = 0;
};

/// The later of two.
[[nodiscard]] constexpr Seq later(Seq a, Seq b) { return a.after(b) ? a : b; }
/// The earlier of two.
[[nodiscard]] constexpr Seq earlier(Seq a, Seq b) { return a.before(b) ? a : b; }

}  // namespace millrace::tcp
