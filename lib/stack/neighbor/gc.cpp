// SPDX-License-Identifier: BSD-3-Clause
// Keeps the neighbour table within its bounds. Called by table.cpp for each new entry, and by the timing wheel.
// neigh_alloc(), neigh_forced_gc() and neigh_periodic_work() of net/core/neighbour.c.
#include <millrace/stack/neighbor/neighbors.hpp>

#include <algorithm>

namespace millrace::neighbor {

using Event = stats::Neighbor;

namespace {

constexpr Duration lately = 5s;

// NUD_IN_TIMER: its own timer has plans with it.
bool is_in_timer(State s) {
  return s == State::incomplete || s == State::reachable || s == State::delay || s == State::probe;
}

}  // namespace

// Room for one more: from gc_thresh2 on once in five seconds, from gc_thresh3 on always. False: there is none.
bool Neighbors::make_room() {
  const bool is_full = free_.empty();
  if (is_full || (size_ >= options_.gc_thresh2 && env_.now > last_forced_gc_ + lately)) forced_gc();
  return !free_.empty();
}

// Who resolves or was just heard of stays, so that a scan of the link (RFC 6583) does not push out those in use.
std::uint32_t Neighbors::forced_gc() {
  env_.stats->neighbor.add(Event::forced_gc_runs);
  const std::uint32_t wanted = size_ + 1 > options_.gc_thresh2 ? size_ + 1 - options_.gc_thresh2 : 1;
  std::uint32_t removed = 0;
  for (Entry* e = unused_longest_first_.front(); e != nullptr && removed < wanted;) {
    Entry& candidate = *e;
    e = unused_longest_first_.next(candidate);
    const bool is_old = env_.now > candidate.updated + lately;
    if (candidate.state != State::failed && (is_in_timer(candidate.state) || !is_old)) continue;
    destroy(candidate);
    ++removed;
  }
  last_forced_gc_ = env_.now;
  return removed;
}

// Below gc_thresh1 nothing is looked at, so a small table needs no timer.
void Neighbors::arm_gc() {
  if (size_ >= options_.gc_thresh1 && !gc_timer_.is_armed()) env_.wheel->arm(gc_timer_, env_.now + options_.gc_interval);
}

void Neighbors::on_gc_timer(void* self, Instant) { static_cast<Neighbors*>(self)->periodic_gc(); }

void Neighbors::periodic_gc() {
  if (size_ < options_.gc_thresh1) return;
  env_.stats->neighbor.add(Event::periodic_gc_runs);
  for (Entry* e = unused_longest_first_.front(); e != nullptr;) {
    Entry& candidate = *e;
    e = unused_longest_first_.next(candidate);
    if (is_in_timer(candidate.state)) continue;
    const Instant used = std::max(candidate.used, candidate.confirmed);
    if (candidate.state == State::failed || env_.now >= used + options_.gc_stale_time) destroy(candidate);
  }
  arm_gc();
}

}  // namespace millrace::neighbor
