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
    (is_running_ ? next_ : function_) = std::move(function);
    was_set_ = true;
  }
  /// Does nothing when none is set, or when it runs already.
  void operator()(Args... args) {
    if (is_running_ || !function_) return;
    is_running_ = true;
    was_set_ = false;
    function_(args...);
    is_running_ = false;
    if (was_set_) function_ = std::exchange(next_, nullptr);
  }
  explicit operator bool() const { return static_cast<bool>(function_); }
  /// Gives it away.
  [[nodiscard]] Function release() { return std::exchange(function_, nullptr); }

 private:
  Function function_;
  Function next_;  ///< set by the running one
  bool is_running_ = false;
  bool was_set_ = false;
};

}  // namespace millrace::socket
