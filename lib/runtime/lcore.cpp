// SPDX-License-Identifier: BSD-3-Clause
// The loop of an lcore, on a page: posted calls, timers, tx, rx, output; sleep when idle. Called by the engine's
// threads or by the application's; calls net_rx_action, the timing wheel and the stacks. do_softirq of kernel/softirq.c.
#include <millrace/runtime/lcore.hpp>

#include <algorithm>
#include <array>
#include <bit>

namespace millrace::runtime {
namespace {

// kernel/softirq.c: MAX_SOFTIRQ_RESTART, MAX_SOFTIRQ_TIME.
constexpr int max_softirq_restart = 10;
constexpr Duration max_softirq_time = 2ms;

constexpr int idle_passes_before_sleep = 1000;
constexpr Duration first_sleep = 5us;
constexpr Duration longest_sleep = 100us;

}  // namespace

Lcore::Lcore(std::uint16_t id, Clock& clock, Waker& waker, const SoftnetLimits& limits, WorkerRings& tx_rings)
    : clock_(clock), waker_(waker), tx_rings_(tx_rings), inbox_(waker) {
  softnet_.limits = limits;
  env_.lcore = id;
  env_.stats = &stats_;
  env_.now = clock.now();
}

Lcore::~Lcore() = default;

bool Lcore::run_once() {
  env_.now = clock_.now();
  bool worked = inbox_.run();
  for (Source* source : sources_) worked |= source->run();
  for (auto& poller : parts.pollers) softnet_.schedule(*poller);
  if (parts.backlog->has_work() && !parts.backlog->is_scheduled()) {
    stats_.softnet.add(stats::Softnet::received_rps);
    softnet_.schedule(*parts.backlog);
  }
  if (parts.wheel->next_expiry() <= env_.now) softnet_.raise(Vector::timer);
  softnet_.raise(Vector::net_tx);
  worked |= do_softirq();
  end_of_burst();
  return worked;
}

bool Lcore::do_softirq() {
  const std::uint64_t processed_before = stats_.softnet[stats::Softnet::processed] + stats_.gro[stats::Gro::packets];
  const Instant end = env_.now + max_softirq_time;
  bool worked = false;
  for (int run = 0; run < max_softirq_restart && softnet_.pending != 0; ++run) {
    std::uint32_t pending = std::exchange(softnet_.pending, 0);
    for (; pending != 0; pending &= pending - 1) {
      switch (static_cast<Vector>(std::countr_zero(pending))) {
        case Vector::timer:
          run_timers();
          worked = true;
          break;
        case Vector::net_tx:
          worked |= net_tx_action();
          break;
        case Vector::net_rx:
          net_rx_action(softnet_, env_, clock_, [](void* self) { static_cast<Lcore*>(self)->end_of_burst(); }, this);
          break;
      }
    }
    // Work posted for this lcore is need_resched: it gets its turn before the softirqs run again.
    if (env_.now >= end || !inbox_.empty()) break;
  }
  return worked || stats_.softnet[stats::Softnet::processed] + stats_.gro[stats::Gro::packets] != processed_before;
}

void Lcore::run_timers() {
  env_.now = clock_.now();
  parts.wheel->advance(env_.now);
  end_of_burst();
}

// Takes over frames that other lcores handed to a tx queue of this one, as many as its queues have room for: what does
// not fit waits on the rings. Returns whether there were any.
bool Lcore::net_tx_action() {
  std::uint32_t room = pkt::Burst::capacity;
  for (auto& path : parts.tx_paths) {
    if (!path) continue;
    path->flush();
    if (path->owns_queue()) room = std::min(room, path->room());
  }
  bool worked = false;
  for (std::uint16_t source = 0; source < tx_rings_.lcores(); ++source) {
    if (source == env_.lcore) continue;
    std::array<pkt::Mbuf*, pkt::Burst::capacity> batch;
    const std::uint32_t n = tx_rings_.dequeue(source, env_.lcore, batch.data(), room);
    room -= n;
    worked |= n != 0;
    for (std::uint32_t i = 0; i < n; ++i) {
      const std::uint16_t ifindex = batch[i]->meta.ifindex;
      parts.tx_paths[ifindex]->transmit(pkt::Packet::adopt(batch[i]));
    }
  }
  return worked;
}

void Lcore::end_of_burst() {
  for (auto& stack : parts.stacks) stack->flush();
  for (auto& path : parts.tx_paths)
    if (path) path->flush();
  parts.receive->wake_targets();
}

Instant Lcore::next_deadline() {
  Instant next = parts.wheel->next_expiry();
  for (auto& poller : parts.pollers) next = std::min(next, poller->next_flush());
  return next;
}

bool Lcore::has_work() const {
  for (const Source* source : sources_)
    if (source->has_work()) return true;
  for (const auto& path : parts.tx_paths)
    if (path && path->has_queued()) return true;
  return !inbox_.empty() || parts.backlog->has_work() || tx_rings_.waiting(env_.lcore) != 0;
}

void Lcore::run(const std::atomic<bool>& stop) {
  int idle_passes = 0;
  Duration step = first_sleep;
  while (!stop.load(std::memory_order_relaxed)) {
    if (run_once()) {
      idle_passes = 0;
      step = first_sleep;
    } else if (++idle_passes >= idle_passes_before_sleep) {
      sleep(step);
      step = std::min(step * 2, longest_sleep);
    }
  }
}

void Lcore::sleep(Duration at_most) {
  const Instant deadline = next_deadline();
  if (deadline != never) at_most = std::min<Duration>(at_most, deadline - env_.now);
  if (at_most <= 0ns) return;
  waker_.announce();
  if (has_work()) return waker_.retract();
  stats_.softnet.add(stats::Softnet::idle_sleeps);
  if (waker_.sleep(at_most)) stats_.softnet.add(stats::Softnet::idle_wakeups);
}

void Lcore::remove_source(Source& source) { std::erase(sources_, &source); }

void Lcore::shut_down() {
  for (auto& poller : parts.pollers) poller->drain(env_);
  for (auto& stack : parts.stacks) stack->shut_down();
  net_tx_action();
  for (auto& path : parts.tx_paths)
    if (path) path->flush();
  parts.pollers.clear();
  parts.tx_paths.clear();
}

}  // namespace millrace::runtime
