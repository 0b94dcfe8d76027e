// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <cstdint>

namespace millrace::runtime {

/// The lock of control paths that many threads share (receive_path O4, O5): a queue in which each waiter watches a line of
/// its own, so that a release moves one line to one waiter, and who came first has it first. After Mellor-Crummey and
/// Scott, 1991. A waiter spins for about a microsecond, then sleeps: threads may be more than CPUs. No packet path
/// takes one; contended() shows it.
class McsLock {
 public:
  /// A thread's place in the queue, from enqueue() to leave(). It must not move.
  struct alignas(64) Place {
    std::atomic<Place*> next{nullptr};
    std::atomic<bool> waits{false};
    bool queued = false;
  };

  /// Holds the lock for a scope.
  class Guard {
   public:
    explicit Guard(McsLock& lock) : lock_(lock) {
      lock_.enqueue(place_);
      lock_.wait(place_);
    }
    ~Guard() { lock_.leave(place_); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    McsLock& lock_;
    Place place_;
  };

  /// Takes a place at the end of the queue; wait() then returns when it is the first.
  void enqueue(Place& mine) {
    mine.next.store(nullptr, std::memory_order_relaxed);
    mine.waits.store(true, std::memory_order_relaxed);
    Place* const before = tail_.exchange(&mine, std::memory_order_acq_rel);
    mine.queued = before != nullptr;
    if (mine.queued) before->next.store(&mine, std::memory_order_release);
  }
  void wait(Place& mine) {
    if (!mine.queued) return;
    for (int spins = 0; spins < most_spins && mine.waits.load(std::memory_order_acquire); ++spins) relax();
    mine.waits.wait(true, std::memory_order_acquire);
    // Only who holds the lock writes it.
    contended_.store(contended_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  /// Gives the lock to the next in the queue.
  void leave(Place& mine) {
    Place* next = mine.next.load(std::memory_order_acquire);
    if (next == nullptr) {
      Place* expected = &mine;
      if (tail_.compare_exchange_strong(expected, nullptr, std::memory_order_release)) return;
      // Somebody is between the two steps of enqueue().
      while ((next = mine.next.load(std::memory_order_acquire)) == nullptr) relax();
    }
    next->waits.store(false, std::memory_order_release);
    next->waits.notify_one();
  }

  /// Times that somebody had to wait. Any thread.
  [[nodiscard]] std::uint64_t contended() const { return contended_.load(std::memory_order_relaxed); }

 private:
  static constexpr int most_spins = 64;
  static void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  std::atomic<Place*> tail_{nullptr};
  std::atomic<std::uint64_t> contended_{0};
};

}  // namespace millrace::runtime
