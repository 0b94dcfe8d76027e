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
  [[nodiscard]] Instant deadline() const { return deadline_; }

 private:
  friend class Wheel;
  ListHook hook_;
  Instant deadline_{};
  Fire fire_;
  void* object_;
};

/// A hierarchical timing wheel (Varghese and Lauck). Deadlines are exact: a timer fires in the first advance()
/// whose `now` is not before its deadline. Arm and cancel cost O(1). One thread.
class Wheel {
 public:
  explicit Wheel(Instant now);

  /// Arms or re-arms. A deadline already passed fires in the next advance().
  void arm(Timer& timer, Instant deadline);
  void cancel(Timer& timer);

  /// Fires every timer due at `now`, earliest slot first, ties in arming order; a timer armed meanwhile for a time
  /// not after `now` waits for the next call. Returns how many fired.
  std::uint32_t advance(Instant now);

  /// The earliest deadline, or `never`.
  [[nodiscard]] Instant next_expiry();

 private:
  // 1 << tick_shift ns per tick; levels x 64 slots cover about 19 hours, later deadlines wait in the last slot.
  static constexpr int tick_shift = 16;
  static constexpr int levels = 5;
  using SlotList = List<Timer, &Timer::hook_>;

  std::array<std::array<SlotList, 64>, levels> slots_;
  std::array<std::uint64_t, levels> occupied_{};
  std::uint64_t tick_;
};

}  // namespace millrace::timer
