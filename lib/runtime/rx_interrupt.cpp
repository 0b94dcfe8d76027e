// SPDX-License-Identifier: BSD-3-Clause
// An rx queue's interrupt: masking, hold-off by time, frames and load, counts. Called by RxPoller when it completes and
// by Lcore when a descriptor has an event; calls port::RxQueue and the timing wheel.
#include <millrace/runtime/rx_interrupt.hpp>

#include <array>
#include <cstdio>
#include <utility>

namespace millrace::runtime {
namespace {

// adaptive-rx: the hold-off by packets in a second, as the drivers' classes from lowest latency to bulk.
struct Class {
  std::uint64_t below_pps;
  Duration usecs;
};
constexpr std::array<Class, 4> classes{{{10'000, 0us}, {100'000, 20us}, {500'000, 50us}, {UINT64_MAX, 100us}}};
constexpr Duration window = 1ms;

}  // namespace

void RxInterrupt::arm(Env& env) {
  if (armed_) return;
  armed_ = true;
  env.stats->softnet.add(stats::Softnet::interrupts_armed);
  queue_.arm();
}

void RxInterrupt::disarm() {
  if (!armed_) return;
  armed_ = false;
  queue_.disarm();
}

bool RxInterrupt::on_event(Env& env) {
  if (!armed_) return false;  // an edge of what is being polled already
  disarm();
  counts_[env.lcore].add(1);
  env.stats->softnet.add(stats::Softnet::interrupts);
  return true;
}

bool RxInterrupt::hold_off(Env& env, poll::NapiHost& host, poll::Napi& napi, std::uint32_t work) {
  if (coalesce_.adaptive) choose(env.now, work);
  // Nothing came during the last hold-off: the interrupt, not the timer, tells of the next packet.
  const bool was_held = std::exchange(was_held_, false);
  if (current_usecs() == Duration::zero() || (work == 0 && was_held)) return false;
  was_held_ = true;
  env_ = &env;
  host_ = &host;
  napi_ = &napi;
  env.wheel->arm(hold_, env.now + current_usecs());
  return true;
}

void RxInterrupt::on_hold_end(void* self, Instant) {
  auto& interrupt = *static_cast<RxInterrupt*>(self);
  interrupt.env_->stats->softnet.add(stats::Softnet::coalesce_timer);
  interrupt.host_->schedule(*interrupt.napi_);
}

bool RxInterrupt::frames_ended(Env& env) {
  if (!is_counting_frames() || queue_.waiting() < static_cast<int>(coalesce_.rx_frames)) return false;
  cancel_hold_off();
  env.stats->softnet.add(stats::Softnet::coalesce_frames);
  return true;
}

void RxInterrupt::cancel_hold_off() {
  if (is_holding()) env_->wheel->cancel(hold_);
}

void RxInterrupt::choose(Instant now, std::uint32_t work) {
  window_packets_ += work;
  const Duration elapsed = now - window_begin_;
  if (elapsed < window) return;
  const std::uint64_t pps = window_packets_ * 1'000'000'000 / static_cast<std::uint64_t>(elapsed.count());
  window_begin_ = now;
  window_packets_ = 0;
  for (const Class& c : classes) {
    chosen_ = c.usecs;
    if (pps < c.below_pps) return;
  }
}

std::string to_proc_interrupts(std::span<const InterruptRow> rows, std::size_t lcores) {
  std::string text = "           ";
  char cell[32];
  const auto append = [&](const char* format, unsigned value) {
    std::snprintf(cell, sizeof cell, format, value);
    text += cell;
  };
  for (std::size_t lcore = 0; lcore < lcores; ++lcore) append("CPU%-8u", static_cast<unsigned>(lcore));
  text += '\n';
  for (const InterruptRow& row : rows) {
    append("%3u: ", row.number);
    for (std::size_t lcore = 0; lcore < lcores; ++lcore) append("%10u ", static_cast<unsigned>(row.interrupt->count(lcore)));
    text += " " + row.kind + "  " + row.name + '\n';
  }
  return text;
}

}  // namespace millrace::runtime
