// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/list.hpp>
#include <millrace/env/env.hpp>
#include <millrace/poll/napi_state.hpp>
#include <millrace/timer/wheel.hpp>

#include <atomic>
#include <cstdint>

namespace millrace::poll {

class Napi;

/// Linux's NAPI_POLL_WEIGHT: packets that one poll may take.
inline constexpr int default_weight = 64;

/// What kind of NAPI: netif_napi_add(), netif_napi_add_tx() (completions; never found by its id), or an lcore's
/// backlog, whose weight is net.core.dev_weight.
enum class NapiKind : std::uint8_t { rx, tx, backlog };

/// The lcore to which a NAPI belongs, as the NAPI knows it.
class NapiHost {
 public:
  virtual ~NapiHost() = default;
  /// napi_schedule().
  virtual void schedule(Napi& napi) = 0;
  /// __napi_schedule() from the NAPI's flush timer: puts it on the poll list and raises NET_RX.
  virtual void link_by_watchdog(Napi& napi) = 0;
};

/// gro_flush_timeout and napi_defer_hard_irqs of sysfs; both 0 as in Linux (receive_path D12, D14).
struct NapiTunables {
  Duration gro_flush_timeout{0};      ///< how long after a poll held packets may wait, and the next poll with it
  std::uint32_t defer_hard_irqs = 0;  ///< empty polls by that timer before the interrupt is unmasked again
};

/// A source of packets that is polled in turn with others: a port's rx queue, an lcore's backlog. One lcore owns it
/// and calls everything here. struct napi_struct (include/linux/netdevice.h) and its contract: a poll that returns
/// less than the weight it was given has called complete_done(); one that used the whole weight has not, and the loop
/// keeps it on its lists (receive_path D4). The loop checks that.
class Napi {
 public:
  /// Not polled before enable(). A weight above default_weight is warned of, once, and kept.
  explicit Napi(int weight = default_weight, NapiKind kind = NapiKind::rx);
  virtual ~Napi() = default;
  Napi(const Napi&) = delete;
  Napi& operator=(const Napi&) = delete;

  /// Handles up to `weight` packets and returns how many.
  virtual int poll(Env& env, int weight) = 0;
  /// The loop's word that a poll used its whole weight: old held packets go up now, since no completion will come
  /// (receive_path D10).
  virtual void weight_used(Env& env) {}

  [[nodiscard]] int weight() const { return weight_; }
  void set_weight(int weight) { weight_ = weight; }
  [[nodiscard]] NapiKind kind() const { return kind_; }
  /// napi_id (receive_path D15): 0 is none.
  [[nodiscard]] std::uint32_t id() const { return id_; }
  void set_id(std::uint32_t id) { id_ = id; }
  [[nodiscard]] bool is_scheduled() const { return state_.has(napi_bit::sched); }
  [[nodiscard]] bool is_disabled() const { return state_.has(napi_bit::disable) || disable_requested_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool may_busy_poll() const { return id_ != 0 && !state_.has(napi_bit::no_busy_poll); }

  /// napi_schedule(): to be polled, at the end of `poll_list`, unless it is scheduled already; then the running poll is
  /// marked as having missed something. Returns whether it was linked, so that the caller raises NET_RX once.
  template <class PollList>
  bool schedule(PollList& poll_list) {
    if (!state_.schedule_prep()) return false;
    poll_list.push_back(*this);
    return true;
  }

  /// napi_state_start_busy_polling(): takes it for polls from outside the loop, unless it is scheduled or let go.
  bool begin_busy_poll() { return may_busy_poll() && !is_disabled() && state_.watchdog_prep(); }

  /// napi_complete_done(), from inside poll(): ends polling. Flushes what GRO holds (flush_held), arms the flush
  /// timer. Returns whether to unmask the interrupt: not when it is deferred, and not when something was scheduled
  /// meanwhile, for then it stays scheduled and the loop polls it again (receive_path D12).
  bool complete_done(Env& env, int work);
  /// The same for a poller without GRO and interrupt.
  bool complete();

  NapiTunables tunables;

  /// napi_enable(). Its timer schedules it through `host`; null: there is no timer.
  void enable(NapiHost* host = nullptr, std::uint16_t lcore = 0);
  /// napi_disable() on the owner lcore: no poll after the current one, and none scheduled. Returns whether it is let go
  /// already; false from inside its own poll, which goes on to its end.
  bool disable();
  /// The same asked for by any other thread (receive_path D13): the poll under way is the last, no other begins. Its owner
  /// lcore lets it go when it comes to it; who wants to wait for that has the lcore call disable().
  void request_disable() { disable_requested_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] std::uint16_t lcore() const { return lcore_; }
  [[nodiscard]] NapiHost* host() const { return host_; }

  // The loop's part, around each poll.
  void begin_poll() {
    completed_ = false;
    polling_ = true;
  }
  void end_poll() { polling_ = false; }
  [[nodiscard]] bool has_completed() const { return completed_; }

  ListHook hook;       ///< link of the poll list
  ListHook hash_hook;  ///< link of NapiHash

 protected:
  /// Whether GRO holds packets, and passing up all of them, or only those of earlier ticks.
  [[nodiscard]] virtual bool holds_packets() const { return false; }
  virtual void flush_held(Env& env, bool old_only) {}

 private:
  static void on_watchdog(void* napi, Instant now);

  NapiState<PlainWord> state_;
  std::atomic<bool> disable_requested_{false};
  timer::Timer watchdog_{on_watchdog, this};
  timer::Wheel* wheel_ = nullptr;
  NapiHost* host_ = nullptr;
  std::uint32_t defer_left_ = 0;  // defer_hard_irqs_count
  std::uint32_t id_ = 0;
  int weight_;
  std::uint16_t lcore_ = 0;
  NapiKind kind_;
  bool completed_ = false;
  bool polling_ = false;
};

using NapiList = List<Napi, &Napi::hook>;

}  // namespace millrace::poll
