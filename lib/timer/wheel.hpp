// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/list.hpp>
#include <millrace/base/time.hpp>

#include <array>
#include <cstdint>

namespace millrace::timer {

/// One deadline: a function to call, with the object that it concerns. Lives inside that object; cancels itself
/// when destroyed. Belongs to the Wheel's lcore.
class Timer {
 public:
  using Fire = void (*)(void* object, Instant now);
  Timer(Fire fire, void* object) : fire_(fire), object_(object) {}

  [[nodiscard]] bool is_armed() const { return hook_.is_linked(); }
  /// What it was last armed for; meaningful while armed.
  [[nodiscard]] Instant deadline() const { return deadline_; }

 private:
  friend class Wheel;
  ListHook hook_;
  Instant deadline_{};
  Fire fire_;
  void* object_;
};

/// A hierarchical timing wheel (Varghese and Lauck 1987, scheme 6). Deadlines are exact: a timer fires in the first
/// advance() whose `now` is not before its deadline. Arm and cancel cost O(1), any deadline can be held. One thread.
class Wheel {
 public:
  explicit Wheel(Instant now) : tick_(tick_of(now)) {}
  Wheel(const Wheel&) = delete;
  Wheel& operator=(const Wheel&) = delete;

  /// Arms or re-arms; `never` cancels. A deadline already passed fires in the next advance().
  void arm(Timer& timer, Instant deadline);
  void cancel(Timer& timer) { timer.hook_.unlink(); }

  /// Fires every timer due at `now` in order of deadline, equal deadlines in order of arming (re-arming counts as
  /// arming anew). A callback may arm, cancel or destroy any timer: one that is cancelled before its turn does not
  /// fire, one armed meanwhile for a time not after `now` waits for the next call. Returns how many fired.
  /// Must not be called from a callback.
  std::uint32_t advance(Instant now);

  /// The earliest deadline, or `never`. O(1), but for the first call after the earliest timer went: then one slot is
  /// searched.
  [[nodiscard]] Instant next_expiry();

 private:
  using TimerList = List<Timer, &Timer::hook_>;
  struct Slot {
    TimerList timers;
    Instant floor = never;  ///< no timer here is earlier; one that equals it stands in front
  };
  struct Place {
    int level;  ///< `levels` when the wheel is empty
    unsigned digit;
  };

  // A tick is 2^16 ns. The 48 bits of a tick are 8 digits of 6 bits, one level each: a timer stands on the level of
  // the highest digit in which its tick differs from tick_. Hence levels, and slots within one, are in time order,
  // and timers with equal deadlines always share a slot.
  static constexpr int tick_shift = 16;
  static constexpr int digit_bits = 6;
  static constexpr int levels = 8;

  static std::uint64_t tick_of(Instant t);
  void place(Timer& timer);
  [[nodiscard]] Place first_occupied() const;
  [[nodiscard]] std::uint64_t start_of(Place at) const;
  static Timer& earliest(Slot& slot);
  void cascade(Slot& slot);
  void collect(Slot& slot, Instant now);
  void turn_to(std::uint64_t target, Instant now);

  std::uint64_t tick_;
  std::array<std::uint64_t, levels> occupied_{};  ///< bit per slot; may be set for one that has become empty
  TimerList due_;                                 ///< what advance() has still to fire
  bool firing_ = false;
  std::array<std::array<Slot, 64>, levels> slots_;
};

}  // namespace millrace::timer
