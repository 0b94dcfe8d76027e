// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/runtime/mcs_lock.hpp>
#include <millrace/runtime/waker.hpp>

#include <atomic>
#include <functional>
#include <vector>

namespace millrace::runtime {

/// Calls that any thread asks an lcore to make: the control path's way in, and the one for threads that have no ring
/// of their own. Bounded; the lcore looks at one flag a pass.
class Inbox {
 public:
  static constexpr std::size_t limit = 65536;
  explicit Inbox(Waker& waker) : waker_(waker) {}

  /// Any thread. False when `limit` calls are waiting already.
  bool post(std::function<void()> call);
  /// The lcore: makes every waiting call, in order. Returns whether there was one.
  bool run();
  /// Forgets every waiting call; the lcore has stopped.
  void clear();
  /// Times that a thread waited for another one's post(). Any thread.
  [[nodiscard]] std::uint64_t contended() const { return lock_.contended(); }
  [[nodiscard]] bool empty() const { return !has_calls_.load(std::memory_order_acquire); }

 private:
  Waker& waker_;
  std::atomic<bool> has_calls_{false};
  McsLock lock_;
  std::vector<std::function<void()>> calls_;
};

}  // namespace millrace::runtime
