// SPDX-License-Identifier: BSD-3-Clause
// The timing wheel of an lcore. Called by everything that has a deadline (arm, cancel) and by the lcore's loop
// (advance, next_expiry); calls the timers' functions. Varghese and Lauck, SOSP 1987, scheme 6 and 7.
#include <millrace/timer/wheel.hpp>

#include <algorithm>
#include <bit>

namespace millrace::timer {
namespace {

template <class TimerList, class Earlier>
void merge(TimerList& into, TimerList& later, Earlier earlier) {
  TimerList merged;
  while (!into.empty() && !later.empty()) {
    auto& from = earlier(*later.front(), *into.front()) ? later : into;
    merged.push_back(*from.pop_front());
  }
  merged.splice_back(into);
  merged.splice_back(later);
  into.splice_back(merged);
}

// A stable merge sort: runs[i] holds 2^i timers or none, and what is in a higher run was armed earlier.
template <class TimerList, class Earlier>
void sort(TimerList& list, Earlier earlier) {
  std::array<TimerList, 32> runs;
  while (auto* timer = list.pop_front()) {
    TimerList carry;
    carry.push_back(*timer);
    std::size_t i = 0;
    for (; !runs[i].empty(); ++i) {
      merge(runs[i], carry, earlier);
      carry.splice_back(runs[i]);
    }
    runs[i].splice_back(carry);
  }
  for (auto& run : runs) {
    merge(run, list, earlier);
    list.splice_back(run);
  }
}

}  // namespace

std::uint64_t Wheel::tick_of(Instant t) {
  // Flipping the sign bit maps the clock's whole range to unsigned numbers in the same order.
  return (static_cast<std::uint64_t>(t.time_since_epoch().count()) ^ (std::uint64_t{1} << 63)) >> tick_shift;
}

void Wheel::arm(Timer& timer, Instant deadline) {
  timer.hook_.unlink();
  timer.deadline_ = deadline;
  if (deadline != never) place(timer);
}

void Wheel::place(Timer& timer) {
  const std::uint64_t tick = std::max(tick_of(timer.deadline_), tick_);
  const std::uint64_t differs = tick ^ tick_;
  const int level = differs == 0 ? 0 : (63 - std::countl_zero(differs)) / digit_bits;
  const unsigned digit = (tick >> (level * digit_bits)) & 63;
  occupied_[level] |= std::uint64_t{1} << digit;

  Slot& slot = slots_[level][digit];
  if (slot.timers.empty()) slot.floor = never;
  if (timer.deadline_ < slot.floor) {
    slot.floor = timer.deadline_;
    slot.timers.push_front(timer);
  } else {
    slot.timers.push_back(timer);
  }
}

Wheel::Place Wheel::first_occupied() const {
  for (int level = 0; level < levels; ++level)
    if (occupied_[level] != 0) return {level, static_cast<unsigned>(std::countr_zero(occupied_[level]))};
  return {levels, 0};
}

std::uint64_t Wheel::start_of(Place at) const {
  const int shift = at.level * digit_bits;
  const std::uint64_t above = tick_ >> (shift + digit_bits) << (shift + digit_bits);
  return above | std::uint64_t{at.digit} << shift;
}

Timer& Wheel::earliest(Slot& slot) {
  Timer* first = slot.timers.front();
  if (first->deadline_ == slot.floor) return *first;
  // The timer that was earliest has gone. Of equal ones the first armed comes to the front, so their order stays.
  for (Timer* t = first; t != nullptr; t = slot.timers.next(*t))
    if (t->deadline_ < first->deadline_) first = t;
  slot.floor = first->deadline_;
  first->hook_.unlink();
  slot.timers.push_front(*first);
  return *first;
}

Instant Wheel::next_expiry() {
  if (!due_.empty()) return due_.front()->deadline_;
  for (Place at = first_occupied(); at.level < levels; at = first_occupied()) {
    Slot& slot = slots_[at.level][at.digit];
    if (!slot.timers.empty()) return earliest(slot).deadline_;
    // Cancelling, and a timer's destructor, only unlink: the bit is cleared by who finds the slot empty.
    occupied_[at.level] &= ~(std::uint64_t{1} << at.digit);
  }
  return never;
}

void Wheel::cascade(Slot& slot) {
  while (Timer* timer = slot.timers.pop_front()) place(*timer);
}

void Wheel::collect(Slot& slot, Instant now) {
  const auto earlier = [](const Timer& a, const Timer& b) { return a.deadline_ < b.deadline_; };
  TimerList batch;
  Instant last = Instant::min();
  bool in_order = true;
  for (Timer* t = slot.timers.front(); t != nullptr;) {
    Timer* next = slot.timers.next(*t);
    if (t->deadline_ <= now) {
      in_order = in_order && last <= t->deadline_;
      last = t->deadline_;
      t->hook_.unlink();
      batch.push_back(*t);
    }
    t = next;
  }
  if (!in_order) sort(batch, earlier);
  due_.splice_back(batch);
}

void Wheel::turn_to(std::uint64_t target, Instant now) {
  for (Place at = first_occupied(); at.level < levels; at = first_occupied()) {
    const std::uint64_t start = start_of(at);
    if (start > target) break;
    tick_ = start;
    Slot& slot = slots_[at.level][at.digit];
    if (at.level == 0) collect(slot, now);
    // The slot of `now` itself may keep timers of a later part of its tick.
    if (at.level == 0 && !slot.timers.empty()) break;
    occupied_[at.level] &= ~(std::uint64_t{1} << at.digit);
    if (at.level > 0) cascade(slot);
  }
  tick_ = target;
}

std::uint32_t Wheel::advance(Instant now) {
  MR_ASSERT(!firing_);
  const std::uint64_t target = std::max(tick_of(now), tick_);
  if (target == tick_ && next_expiry() > now) return 0;
  turn_to(target, now);

  std::uint32_t fired = 0;
  firing_ = true;
  while (Timer* timer = due_.pop_front()) {
    ++fired;
    timer->fire_(timer->object_, now);
  }
  firing_ = false;
  return fired;
}

}  // namespace millrace::timer
