// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/env/env.hpp>
#include <millrace/runtime/clock.hpp>
#include <millrace/runtime/trace_ring.hpp>
#include <millrace/runtime/waker.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace millrace::runtime {

class Lcore;

/// Softirq vectors, lowest first as they run (include/linux/interrupt.h).
enum class Vector : std::uint8_t { hi, timer, net_tx, net_rx, block, irq_poll, tasklet, sched, hrtimer, rcu };
inline constexpr std::size_t vectors = 10;
[[nodiscard]] std::string_view name_of(Vector v);

/// What a vector's run does on the lcore given.
using SoftirqAction = void (*)(Lcore&);

/// open_softirq(): the action of a vector, for every lcore of the process and for good. EBUSY when it has one, which
/// TIMER, NET_TX, NET_RX and TASKLET have from the start. Any thread; before the vector is raised.
[[nodiscard]] Result<void> open_softirq(Vector v, SoftirqAction action);

/// From where the pending softirqs are run (receive_path C8).
enum class Site : std::uint8_t {
  event,     ///< the loop heard of something: Linux's irq_exit()
  deferred,  ///< ksoftirqd's turn
  api_exit,  ///< the end of a call of the application: local_bh_enable()
};

/// softirq.* of the configuration.
struct SoftirqLimits {
  int max_restart = 10;
  Duration max_time = 2ms;
  bool defer_when_deferred = false;
  bool force_thread = false;
};

/// The softirq executor of one lcore: pending mask, order, restarts, deferred mode; __do_softirq() of kernel/softirq.c.
/// Used by that lcore only, but for raise_remote().
class Softirq {
 public:
  Softirq(Env& env, Clock& clock, Waker& waker, Lcore* lcore)
      : env_(env), clock_(clock), waker_(waker), lcore_(lcore) {}
  Softirq(const Softirq&) = delete;
  Softirq& operator=(const Softirq&) = delete;

  /// __raise_softirq_irqoff(): pending until its next run, however often it is raised.
  void raise(Vector v);
  /// The same from any other thread, waking the lcore if it sleeps. Counted when the lcore takes it over.
  void raise_remote(Vector v);
  [[nodiscard]] bool has_pending() const { return (pending_ | remote_.load(std::memory_order_acquire)) != 0; }
  [[nodiscard]] bool is_pending(Vector v) const {
    return ((pending_ | remote_.load(std::memory_order_acquire)) & bit(v)) != 0;
  }

  /// Runs what is pending, if this is the place for it: not inside an action or a bottom-half section (C9), nor when
  /// deferred mode is to do it (C7).
  void invoke(Site site);
  /// Whether deferred mode has its turn to come: invoke(Site::deferred).
  [[nodiscard]] bool is_deferred() const { return deferred_; }

  /// local_bh_disable() and local_bh_enable(): no action runs between them; at the outermost end what is pending does.
  void bh_disable() { ++depth_; }
  void bh_enable();
  /// _local_bh_enable(): ends a section without running anything.
  void bh_leave() { --depth_; }
  /// Open sections; an action is in one of its own.
  [[nodiscard]] int depth() const { return depth_; }
  [[nodiscard]] bool is_serving() const { return serving_; }

  SoftirqLimits limits;
  /// need_resched(): whether the application waits for its turn on this lcore. Null: never.
  bool (*need_resched)(const Lcore&) = nullptr;
  /// Where raises, entries and exits are recorded. Null: nowhere, and no clock is read for them.
  TraceRing* trace = nullptr;

 private:
  static constexpr std::uint32_t bit(Vector v) { return 1u << static_cast<unsigned>(v); }
  void take_remote();
  void run(std::uint32_t allowed);
  void run_action(Vector v);
  void record(TracePoint point, Vector v) {
    if (trace != nullptr) trace->record({clock_.now(), point, static_cast<std::uint8_t>(v)});
  }

  Env& env_;
  Clock& clock_;
  Waker& waker_;
  Lcore* lcore_;
  std::uint32_t pending_ = 0;
  int depth_ = 0;
  bool serving_ = false;
  bool deferred_ = false;
  std::array<Instant, vectors> raised_at_{};
  alignas(64) std::atomic<std::uint32_t> remote_{0};  ///< raised by other threads; on a line of its own
};

/// A bottom-half section: what the application calls inside it runs no softirq; they run at its outermost end.
class BhSection {
 public:
  explicit BhSection(Softirq& softirq) : softirq_(softirq) { softirq_.bh_disable(); }
  ~BhSection() { softirq_.bh_enable(); }
  BhSection(const BhSection&) = delete;
  BhSection& operator=(const BhSection&) = delete;

 private:
  Softirq& softirq_;
};

/// One lcore's counters as a column of the next.
struct SoftirqColumn {
  const stats::LcoreStats* stats = nullptr;
  std::uint32_t lcore = 0;
};
/// /proc/softirqs: runs, a row for each vector, a column for each lcore, as show_softirqs() of fs/proc prints them.
[[nodiscard]] std::string to_proc_softirqs(std::span<const SoftirqColumn> lcores);

}  // namespace millrace::runtime
