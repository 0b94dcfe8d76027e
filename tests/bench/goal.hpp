// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace millrace::bench {

/// What a figure is to reach, and which of its numbers is judged.
struct Goal {
  enum class Of : std::uint8_t { ratio, ours, added };
  Of of;
  bool at_least;
  double number;

  static Goal ratio_at_least(double number) { return {Of::ratio, true, number}; }
  static Goal ratio_at_most(double number) { return {Of::ratio, false, number}; }
  static Goal ours_at_most(double number) { return {Of::ours, false, number}; }
  /// Of ours - peer: what a layer costs over the bare loop.
  static Goal added_at_most(double number) { return {Of::added, false, number}; }

  [[nodiscard]] bool is_met(double ours, double ratio, double added) const {
    const double value = of == Of::ratio ? ratio : of == Of::ours ? ours : added;
    return at_least ? value >= number : value <= number;
  }
  /// ">=3", "<=50000".
  [[nodiscard]] std::string text() const {
    char text[32];
    std::snprintf(text, sizeof text, "%s%.6g", at_least ? ">=" : "<=", number);
    return text;
  }
};

}  // namespace millrace::bench
