// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <utility>

namespace millrace::socket {

/// A callback of the application's that may replace itself while it runs: then the running one goes when it returns.
/// It is never copied, so what it captured by value keeps its state.
template <class... Args>
class Callback {
 public:
  using Function = std::function<void(Args...)>;

  void set(Function function) {
    function_ = std::move(function);
    was_set_ = true;
  }
  /// Does nothing when none is set, or when it runs already.
  void operator()(Args... args) {
    if (!function_) return;
    was_set_ = false;
    Function running = std::exchange(function_, nullptr);
    running(args...);
    if (!was_set_) function_ = std::move(running);
  }
  explicit operator bool() const { return static_cast<bool>(function_); }
  /// Gives it away.
  [[nodiscard]] Function release() { return std::exchange(function_, nullptr); }

 private:
  Function function_;
  bool was_set_ = false;
};

}  // namespace millrace::socket
