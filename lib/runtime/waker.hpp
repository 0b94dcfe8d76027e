// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>
#include <millrace/runtime/sleep_protocol.hpp>

#include <atomic>
#include <cstdint>

namespace millrace::runtime {

/// How an idle lcore (or a thread outside) sleeps and others wake it, without a lost wake-up (receive_path X20).
/// The sleeper announces itself, fences, looks at its queues again, and only then waits; a producer publishes,
/// fences once per batch, then tests the announcement. Either it is seen, or the sleeper sees what was published.
class Waker {
 public:
  Waker();
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  /// The eventfd that becomes readable on a wake-up: for an application's own epoll.
  [[nodiscard]] int fd() const { return fd_; }

  /// Producer, after publishing, once per batch: wakes the sleeper if there is one. Returns whether it wrote.
  bool wake_if_asleep() {
    if (!must_wake(asleep_)) return false;
    // Who takes the announcement writes: however many producers there are, one sleep costs one write.
    if (!asleep_.take()) return false;
    write_event();
    return true;
  }

  /// Sleeper: announces itself. The queues must be looked at again after this and before sleep().
  void announce() { announce_sleep(asleep_); }
  /// Sleeper: something was there after all.
  void retract() { asleep_.store(false); }
  /// The same; false when a producer had taken the announcement: the fd is readable, or will be at once.
  [[nodiscard]] bool retract_unwoken() { return asleep_.take(); }
  /// Anyone: makes the fd readable, whether somebody sleeps or not.
  void signal() { write_event(); }
  /// Sleeper: waits for a wake-up or `timeout`, then retracts. Returns whether it was woken.
  bool sleep(Duration timeout);
  /// Sleeper that waits elsewhere (epoll of its own): takes the event off the fd, so that it can fire again.
  void drain();

 private:
  /// The announcement, and the fence around it.
  class Flag {
   public:
    void store(bool value) { value_.store(value, std::memory_order_relaxed); }
    [[nodiscard]] bool load() const { return value_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool take() { return value_.exchange(false, std::memory_order_relaxed); }
    static void fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }

   private:
    std::atomic<bool> value_{false};
  };

  void write_event();
  Flag asleep_;
  int fd_;
};

}  // namespace millrace::runtime
