// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/capture/taps.hpp>
#include <millrace/env/env.hpp>
#include <millrace/runtime/backlog.hpp>
#include <millrace/runtime/clock.hpp>
#include <millrace/runtime/event_set.hpp>
#include <millrace/runtime/flow_rules.hpp>
#include <millrace/runtime/hand_over.hpp>
#include <millrace/runtime/inbox.hpp>
#include <millrace/runtime/loopback.hpp>
#include <millrace/runtime/rcu.hpp>
#include <millrace/runtime/receive.hpp>
#include <millrace/runtime/rx_poller.hpp>
#include <millrace/runtime/softnet.hpp>
#include <millrace/runtime/source.hpp>
#include <millrace/runtime/tx_path.hpp>
#include <millrace/runtime/waker.hpp>
#include <millrace/stack/socket/call_context.hpp>
#include <millrace/timer/wheel.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

namespace millrace::runtime {

/// What an lcore works with; made by the engine, which outlives it.
struct LcoreParts {
  std::unique_ptr<timer::Wheel> wheel;
  std::unique_ptr<HandOver> hand_over;
  std::unique_ptr<steer::Steer> steer;
  std::unique_ptr<FlowRules> flow_rules;
  std::vector<std::unique_ptr<socket::Stack>> stacks;
  std::vector<socket::Stack*> stack_by_ifindex;
  std::vector<std::unique_ptr<TxPath>> tx_paths;  ///< by ifindex; null where the lcore has none
  std::unique_ptr<Receive> receive;
  std::vector<std::unique_ptr<Loopback>> loopbacks;  ///< by stack
  std::unique_ptr<Backlog> backlog;
  std::vector<std::unique_ptr<RxPoller>> pollers;
  std::unique_ptr<capture::Taps> taps;  ///< last: what ends before it is still seen
};

/// One lcore: everything that it owns, and its loop. One thread at a time drives it: its own (run), or one that the
/// application lends (run_once).
class Lcore final : public socket::BusyPoller, public socket::CallContext {
 public:
  Lcore(std::uint16_t id, Clock& clock, Waker& waker, const SoftnetLimits& limits, WorkerRings& tx_rings);
  ~Lcore() override;
  Lcore(const Lcore&) = delete;
  Lcore& operator=(const Lcore&) = delete;

  /// One pass: the application's turn, then deferred mode's, then what was heard of. Returns whether there was anything
  /// to do.
  bool run_once();
  /// Passes until `stop`, which who sets it follows by a wake-up. Sleeps when there is nothing to do (receive_path
  /// X20): at once when interrupts alone drive its queues, after 1,000 passes that found nothing when a queue is
  /// adaptive, never when a queue is in poll mode.
  void run(const std::atomic<bool>& stop);
  /// Takes a queue's NAPI over: on this lcore, or while it is stopped. What waits in the queue is polled next.
  void adopt(std::unique_ptr<RxPoller> poller);
  /// Gives a queue's NAPI away, everything that it held passed up and handed on; null when it is not here.
  std::unique_ptr<RxPoller> release(std::uint32_t napi_id);
  /// The NAPI of that id, null when it is not here: on this lcore, or while no queue moves.
  [[nodiscard]] RxPoller* poller_of(std::uint32_t napi_id);
  /// Events of a descriptor whose token is a napi_id are that NAPI's interrupts; others are counted as spurious.
  [[nodiscard]] EventSet& events() { return events_; }
  /// When time alone gives this lcore something to do: a timer, or packets that GRO holds. `never` when nothing.
  [[nodiscard]] Instant next_deadline();
  /// Whether the next pass has something to do whatever the time is: calls, packets on rings, frames a device refused.
  [[nodiscard]] bool has_work() const;
  /// On the lcore, or while it is stopped.
  void add_source(Source& source) { sources_.push_back(&source); }
  void remove_source(Source& source);
  /// Whether a busy poll here would find that NAPI.
  [[nodiscard]] bool owns_napi(std::uint32_t id) { return softnet_.napis.find(id) != nullptr; }
  void busy_poll(std::uint32_t napi_id, const socket::BusyPoll& wanted, bool (*done)(void*), void* context) override;
  void begin_call() override;
  void end_call() override;
  /// For a request that is made of an lcore between its passes: what it delivered is answered and sent, as at the end
  /// of a burst. Nothing where a burst or a pass will end anyway.
  void settle();
  /// netif_rx() from a call of the application: delivered at that call's end (receive_path F18, M3).
  void netif_rx(pkt::Packet packet);
  /// The tunables of the receive loop from now on; this lcore's own copy, which all its parts read.
  void set_limits(const SoftnetLimits& limits);
  /// Set-up: as whom it tells that it has let go of what it reads of shared maps (receive_path O6), while run() runs.
  void set_rcu(const RcuReader& reader) { rcu_ = reader; }
  /// Records its softirqs in that ring from now on, and gives the one before back; null: no more, and the ring that it
  /// has stays readable (receive_path C12).
  std::unique_ptr<TraceRing> set_trace(std::unique_ptr<TraceRing> ring);
  [[nodiscard]] bool is_traced() const { return softirq_.trace != nullptr; }
  /// Null: it was never traced.
  [[nodiscard]] const TraceRing* trace() const { return trace_.get(); }
  /// Ends every connection and frees every packet that the lcore still holds. Its thread has stopped.
  void shut_down();

  [[nodiscard]] Env& env() { return env_; }
  [[nodiscard]] Softnet& softnet() { return softnet_; }
  [[nodiscard]] Softirq& softirq() { return softirq_; }
  /// Calls of the application, for its turn.
  [[nodiscard]] Inbox& inbox() { return inbox_; }
  /// Has the control path's request made by the TASKLET softirq, soon, whatever the application does. Any thread. False
  /// when too many wait.
  bool post_control(std::function<void()> request);
  [[nodiscard]] const stats::LcoreStats& stats() const { return stats_; }
  [[nodiscard]] Waker& waker() { return waker_; }

  LcoreParts parts;

 private:
  friend struct LcoreActions;
  struct Sleeper;
  static constexpr std::uint64_t waker_token = 0;  // napi_ids begin above it
  bool run_application();
  bool hear_events();
  [[nodiscard]] bool is_wanted() const;
  [[nodiscard]] bool has_queued_frames() const;
  void run_timers();
  void net_tx_action();
  void end_of_burst();
  void end_of_pass();
  void account(stats::Softnet stage);
  bool look_for_interrupts();
  void on_event(std::uint64_t token);
  [[nodiscard]] std::uint64_t patience() const;
  bool sleep(Duration at_most, const std::atomic<bool>& stop);
  int busy_poll_once(poll::Napi& napi, int budget, bool& is_ours);

  stats::LcoreStats stats_;
  Env env_;
  Clock& clock_;
  Waker& waker_;
  EventSet events_;
  Softirq softirq_;
  Softnet softnet_;
  WorkerRings& tx_rings_;
  Inbox inbox_;
  Inbox control_;
  RcuReader rcu_;
  std::unique_ptr<TraceRing> trace_;
  /// Records the way out in the lcore's ring, softirqs and all.
  class WayOut final : public Tracer {
   public:
    explicit WayOut(Lcore& lcore) : lcore_(lcore) {}
    void trace(TracePoint point) override { lcore_.softirq_.trace->record({lcore_.clock_.now(), point}); }

   private:
    Lcore& lcore_;
  };
  WayOut way_out_{*this};
  Instant accounted_to_{};
  bool worked_ = false;
  bool is_delivering_ = false;  ///< outside a softirq action, inside what could call the application
  std::vector<Source*> sources_;
};

}  // namespace millrace::runtime
