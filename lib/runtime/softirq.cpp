// SPDX-License-Identifier: BSD-3-Clause
// Runs what is pending, lowest vector first, again while there is more and time for it, then leaves it to deferred
// mode. Called by Lcore, BhSection and whoever raises; calls the actions. __do_softirq() of kernel/softirq.c.
#include <millrace/runtime/softirq.hpp>

#include <millrace/base/assert.hpp>
#include <millrace/base/log.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>

namespace millrace::runtime {
namespace {

constexpr std::array<std::string_view, vectors> names{"HI",       "TIMER",   "NET_TX", "NET_RX",  "BLOCK",
                                                      "IRQ_POLL", "TASKLET", "SCHED",  "HRTIMER", "RCU"};
static_assert(stats::CounterBlock<stats::Softirq>::size == vectors);

// What runs at once even while deferred mode is due: Linux's SOFTIRQ_NOW_MASK.
constexpr std::uint32_t now_mask = 1u << static_cast<unsigned>(Vector::hi) | 1u << static_cast<unsigned>(Vector::tasklet);

std::array<std::atomic<SoftirqAction>, vectors>& softirq_vec() {
  static std::array<std::atomic<SoftirqAction>, vectors> vec{};
  return vec;
}

stats::Softirq counter_of(Vector v) { return static_cast<stats::Softirq>(v); }

stats::SoftirqLatency bucket_of(Duration latency) {
  constexpr std::size_t last = stats::CounterBlock<stats::SoftirqLatency>::size - 1;
  const auto us = static_cast<std::uint64_t>(std::max<Duration>(latency, 0ns) / 1us);
  return static_cast<stats::SoftirqLatency>(std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(us)), last));
}

constexpr stats::Softnet site_counter(Site site) {
  switch (site) {
    case Site::event: return stats::Softnet::event_runs;
    case Site::deferred: return stats::Softnet::deferred_runs;
    case Site::api_exit: return stats::Softnet::api_exit_runs;
  }
  return stats::Softnet::event_runs;
}

}  // namespace

std::string_view name_of(Vector v) { return names[static_cast<std::size_t>(v)]; }

Result<void> open_softirq(Vector v, SoftirqAction action) {
  SoftirqAction none = nullptr;
  if (softirq_vec()[static_cast<std::size_t>(v)].compare_exchange_strong(none, action)) return {};
  return failure(EBUSY, "softirq " + std::string(name_of(v)) + " has an action already; choose a vector that is free");
}

void Softirq::raise(Vector v) {
  record(TracePoint::softirq_raise, v);
  env_.stats->softirq_raised.add(counter_of(v));
  if ((pending_ & bit(v)) != 0) return;
  pending_ |= bit(v);
  raised_at_[static_cast<std::size_t>(v)] = env_.now;
}

void Softirq::raise_remote(Vector v) {
  remote_.fetch_or(bit(v), std::memory_order_seq_cst);
  waker_.wake_if_asleep();
}

void Softirq::take_remote() {
  if (remote_.load(std::memory_order_relaxed) == 0) return;
  for (std::uint32_t taken = remote_.exchange(0, std::memory_order_acq_rel); taken != 0; taken &= taken - 1)
    raise(static_cast<Vector>(std::countr_zero(taken)));
}

void Softirq::bh_enable() {
  MR_ASSERT(depth_ > 0);
  if (--depth_ == 0) invoke(Site::api_exit);
}

void Softirq::invoke(Site site) {
  if (depth_ != 0) return;
  take_remote();
  std::uint32_t allowed = ~0u;
  if (site == Site::deferred) {
    if (!deferred_) return;
    if (pending_ == 0) deferred_ = false;  // it woke up to find that another place had done the work
  } else if (limits.force_thread) {
    deferred_ = deferred_ || pending_ != 0;
    return;
  } else if (deferred_ && limits.defer_when_deferred) {
    allowed = now_mask;
  }
  if ((pending_ & allowed) == 0) return;
  if (site == Site::api_exit) env_.now = clock_.now();  // the application may have taken its time
  env_.stats->softnet.add(site_counter(site));
  run(allowed);
  if (site == Site::deferred) deferred_ = pending_ != 0;
}

void Softirq::run(std::uint32_t allowed) {
  const Instant end = env_.now + limits.max_time;
  ++depth_;
  serving_ = true;
  for (int restarts_left = limits.max_restart;;) {
    std::uint32_t batch = pending_ & allowed;
    pending_ &= ~batch;
    for (; batch != 0; batch &= batch - 1) run_action(static_cast<Vector>(std::countr_zero(batch)));
    take_remote();
    if ((pending_ & allowed) == 0) break;
    if (env_.now < end && --restarts_left > 0 && !(need_resched != nullptr && need_resched(*lcore_))) continue;
    deferred_ = true;
    env_.stats->softnet.add(stats::Softnet::deferred_wakeups);
    break;
  }
  serving_ = false;
  --depth_;
}

void Softirq::run_action(Vector v) {
  const SoftirqAction action = softirq_vec()[static_cast<std::size_t>(v)].load(std::memory_order_acquire);
  MR_ASSERT(action != nullptr);
  env_.stats->softirq.add(counter_of(v));
  env_.stats->softirq_latency.add(bucket_of(env_.now - raised_at_[static_cast<std::size_t>(v)]));
  const int depth_before = depth_;
  record(TracePoint::softirq_entry, v);
  action(*lcore_);
  record(TracePoint::softirq_exit, v);
  if (depth_ == depth_before) return;
  env_.stats->softnet.add(stats::Softnet::bh_leaks);
  log(LogLevel::error, "huh, entered softirq " + std::string(name_of(v)) + " with bottom-half depth " +
                           std::to_string(depth_before) + ", exited with " + std::to_string(depth_) + "?");
  depth_ = depth_before;
}

std::string to_proc_softirqs(std::span<const SoftirqColumn> lcores) {
  std::string text = "                    ";
  char cell[32];
  const auto append = [&](const char* format, auto value) {
    std::snprintf(cell, sizeof cell, format, value);
    text += cell;
  };
  for (const SoftirqColumn& column : lcores) append("CPU%-8u", column.lcore);
  text += '\n';
  for (std::size_t v = 0; v < vectors; ++v) {
    append("%12.12s:", names[v].data());
    for (const SoftirqColumn& column : lcores)
      append(" %10u", static_cast<unsigned>(column.stats->softirq[static_cast<stats::Softirq>(v)]));
    text += '\n';
  }
  return text;
}

}  // namespace millrace::runtime
