// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>

namespace millrace::wire {

/// A view, or nothing: std::optional in all but size. It is no wider than the view, so it travels in registers;
/// g++ 12 writes a std::optional in pieces and reads it back whole, a stall that costs more than the parsing.
template <class View>
class Parsed {
 public:
  Parsed(std::nullopt_t) {}
  Parsed(View view) : view_(view) {}

  [[nodiscard]] bool has_value() const { return view_.p_ != nullptr; }
  [[nodiscard]] explicit operator bool() const { return has_value(); }
  /// Only when has_value().
  const View* operator->() const { return &view_; }
  const View& operator*() const { return view_; }

 private:
  View view_;
};

}  // namespace millrace::wire
