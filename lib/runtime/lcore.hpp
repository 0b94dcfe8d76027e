// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/runtime/backlog.hpp>
#include <millrace/runtime/clock.hpp>
#include <millrace/runtime/inbox.hpp>
#include <millrace/runtime/receive.hpp>
#include <millrace/runtime/rx_poller.hpp>
#include <millrace/runtime/softnet.hpp>
#include <millrace/runtime/source.hpp>
#include <millrace/runtime/tx_path.hpp>
#include <millrace/runtime/waker.hpp>
#include <millrace/timer/wheel.hpp>

#include <atomic>
#include <memory>
#include <vector>

namespace millrace::runtime {

/// What an lcore works with; made by the engine, which outlives it.
struct LcoreParts {
  std::unique_ptr<timer::Wheel> wheel;
  std::unique_ptr<steer::Steer> steer;
  std::vector<std::unique_ptr<socket::Stack>> stacks;
  std::vector<socket::Stack*> stack_by_ifindex;
  std::vector<std::unique_ptr<TxPath>> tx_paths;      ///< by ifindex; null where the lcore has none
  std::unique_ptr<Receive> receive;
  std::unique_ptr<Backlog> backlog;
  std::vector<std::unique_ptr<RxPoller>> pollers;
};

/// One lcore: everything that it owns, and its loop. One thread at a time drives it: its own (run), or one that the
/// application lends (run_once).
class Lcore {
 public:
  Lcore(std::uint16_t id, Clock& clock, Waker& waker, const SoftnetLimits& limits, WorkerRings& tx_rings);
  ~Lcore();
  Lcore(const Lcore&) = delete;
  Lcore& operator=(const Lcore&) = delete;

  /// One pass: posted calls, pending softirqs, output. Returns whether there was anything to do.
  bool run_once();
  /// Passes until `stop`; sleeps when 1,000 passes in a row found nothing (receive_path X20).
  void run(const std::atomic<bool>& stop);
  /// When time alone gives this lcore something to do: a timer, or packets that GRO holds. `never` when nothing.
  [[nodiscard]] Instant next_deadline();
  /// Whether the next pass has something to do whatever the time is: calls, packets on rings, frames a device refused.
  [[nodiscard]] bool has_work() const;
  /// On the lcore, or while it is stopped.
  void add_source(Source& source) { sources_.push_back(&source); }
  void remove_source(Source& source);
  /// Ends every connection and frees every packet that the lcore still holds. Its thread has stopped.
  void shut_down();

  [[nodiscard]] Env& env() { return env_; }
  [[nodiscard]] Softnet& softnet() { return softnet_; }
  [[nodiscard]] Inbox& inbox() { return inbox_; }
  [[nodiscard]] const stats::LcoreStats& stats() const { return stats_; }
  [[nodiscard]] Waker& waker() { return waker_; }

  LcoreParts parts;

 private:
  bool do_softirq();
  void run_timers();
  bool net_tx_action();
  void end_of_burst();
  void sleep(Duration at_most);

  stats::LcoreStats stats_;
  Env env_;
  Clock& clock_;
  Waker& waker_;
  Softnet softnet_;
  WorkerRings& tx_rings_;
  Inbox inbox_;
  std::vector<Source*> sources_;
};

}  // namespace millrace::runtime
