// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace millrace::poll {

/// Bits of NapiState's word: enum of include/linux/netdevice.h.
namespace napi_bit {
inline constexpr std::uint32_t sched = 1;         ///< on a poll list, being polled, or not enabled yet
inline constexpr std::uint32_t missed = 2;        ///< scheduled again while it was
inline constexpr std::uint32_t disable = 4;       ///< to be let go: no schedule has an effect
inline constexpr std::uint32_t no_busy_poll = 8;  ///< not to be found by its id
}  // namespace napi_bit

/// A word for one thread, which is all that a NAPI needs whose owner lcore alone schedules and polls it.
class PlainWord {
 public:
  explicit PlainWord(std::uint32_t value) : value_(value) {}
  [[nodiscard]] std::uint32_t load() const { return value_; }
  bool compare_exchange(std::uint32_t expected, std::uint32_t desired) {
    if (value_ != expected) return false;
    value_ = desired;
    return true;
  }

 private:
  std::uint32_t value_;
};

/// The state of a NAPI and its steps: net/core/dev.c's loops around try_cmpxchg(). Word is where the bits are kept:
/// PlainWord here; the tests put a model of shared memory in its place and go through every interleaving.
template <class Word>
class NapiState {
 public:
  template <class... Args>
  explicit NapiState(Args&&... args) : word_(static_cast<Args&&>(args)...) {}

  /// napi_schedule_prep(): whether the caller is to link it. A poll that is under way is told that it missed something.
  bool schedule_prep() {
    for (;;) {
      const std::uint32_t old = word_.load();
      if ((old & napi_bit::disable) != 0) return false;
      const bool scheduled = (old & napi_bit::sched) != 0;
      if (word_.compare_exchange(old, old | napi_bit::sched | (scheduled ? napi_bit::missed : 0))) return !scheduled;
    }
  }
  /// The end of napi_complete_done(): clears SCHED, but for MISSED, which is taken instead. Returns whether it ended;
  /// else it stays scheduled, and the caller links it again.
  bool complete() {
    for (;;) {
      const std::uint32_t old = word_.load();
      const bool missed = (old & napi_bit::missed) != 0;
      const std::uint32_t cleared = old & ~(napi_bit::missed | napi_bit::sched);
      if (word_.compare_exchange(old, cleared | (missed ? napi_bit::sched : 0))) return !missed;
    }
  }
  /// The timer's test_and_set_bit(SCHED), which leaves no MISSED behind (D14). Whether the caller is to link it.
  bool watchdog_prep() {
    for (;;) {
      const std::uint32_t old = word_.load();
      if ((old & (napi_bit::disable | napi_bit::sched)) != 0) return false;
      if (word_.compare_exchange(old, old | napi_bit::sched)) return true;
    }
  }
  void set(std::uint32_t bits) { change(bits, 0); }
  void clear(std::uint32_t bits) { change(0, bits); }
  [[nodiscard]] bool has(std::uint32_t bits) const { return (word_.load() & bits) != 0; }

 private:
  void change(std::uint32_t on, std::uint32_t off) {
    for (;;) {
      const std::uint32_t old = word_.load();
      if (word_.compare_exchange(old, (old | on) & ~off)) return;
    }
  }
  Word word_;
};

}  // namespace millrace::poll
