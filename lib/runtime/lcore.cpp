// SPDX-License-Identifier: BSD-3-Clause
// The loop of an lcore, on a page: the application's turn, deferred softirqs, events, output; sleep when idle. Called
// by the engine's threads or by the application's; calls Softirq, net_rx_action, the timing wheel and the stacks.
#include <millrace/runtime/lcore.hpp>

#include <millrace/runtime/per_lcore.hpp>

#include <algorithm>
#include <array>
#include <mutex>

namespace millrace::runtime {
namespace {

// Where a queue has no interrupt its lcore looks again after a short sleep, a longer one each time.
constexpr Duration first_sleep = 5us;
constexpr Duration longest_sleep = 100us;

}  // namespace

/// The vectors' actions that every lcore has.
struct LcoreActions {
  static void timer(Lcore& lcore) { lcore.run_timers(); }
  static void net_tx(Lcore& lcore) { lcore.net_tx_action(); }
  static void net_rx(Lcore& lcore) {
    const auto burst_done = [](void* self) { static_cast<Lcore*>(self)->end_of_burst(); };
    net_rx_action(lcore.softnet_, lcore.env_, lcore.clock_, burst_done, &lcore);
    lcore.parts.receive->wake_targets();
  }
  static void tasklet(Lcore& lcore) {
    lcore.env_.now = lcore.clock_.now();  // who asks may go by what has arrived until now
    lcore.worked_ |= lcore.control_.run();
  }
  static void open() {
    static std::once_flag once;
    std::call_once(once, [] {
      for (const auto& [vector, action] : {std::pair{Vector::timer, &timer}, std::pair{Vector::net_tx, &net_tx},
                                           std::pair{Vector::net_rx, &net_rx}, std::pair{Vector::tasklet, &tasklet}})
        MR_ASSERT(open_softirq(vector, action).has_value());
    });
  }
};

Lcore::Lcore(std::uint16_t id, Clock& clock, Waker& waker, const SoftnetLimits& limits, WorkerRings& tx_rings)
    : clock_(clock),
      waker_(waker),
      softirq_(env_, clock, waker, this),
      softnet_(env_, softirq_),
      tx_rings_(tx_rings),
      inbox_(waker),
      control_(waker) {
  LcoreActions::open();
  softnet_.limits = limits;
  softirq_.limits = limits.softirq;
  softirq_.need_resched = [](const Lcore& self) { return self.is_wanted(); };
  env_.lcore = id;
  env_.stats = &stats_;
  env_.utc = &clock;
  env_.now = clock.now();
  accounted_to_ = env_.now;
  MR_ASSERT(events_.add(waker.fd(), waker_token));
}

Lcore::~Lcore() = default;

bool Lcore::run_once() {
  const OnLcore here(env_.lcore);
  env_.now = clock_.now();
  account(stats::Softnet::time_idle_ns);  // since the last pass: asleep, or out of this thread
  softnet_.stages.discard();
  if (env_.home != nullptr) env_.home->collect();
  const std::uint64_t received = stats_.softnet[stats::Softnet::processed] + stats_.gro[stats::Gro::packets];
  worked_ = run_application();
  softirq_.invoke(Site::deferred);
  if (hear_events()) softirq_.invoke(Site::event);
  worked_ |= stats_.softnet[stats::Softnet::processed] + stats_.gro[stats::Gro::packets] != received;
  end_of_pass();
  return worked_;
}

// The application's turn. What its calls raise is run at their end (receive_path C8: api_exit).
bool Lcore::run_application() {
  softirq_.bh_disable();
  bool worked = inbox_.run();
  for (Source* source : sources_) worked |= source->run();
  if (!worked) {
    softirq_.bh_leave();  // nothing was called: what is pending is deferred mode's or an event's
    return false;
  }
  end_of_burst();
  env_.now = clock_.now();
  account(stats::Softnet::time_app_ns);
  softirq_.bh_enable();
  return true;
}

// A call of the application from outside a pass is one of its own; inside one, the pass ends what it began.
void Lcore::begin_call() {
  softirq_.bh_disable();
  if (softirq_.depth() == 1) env_.now = clock_.now();
}

void Lcore::end_call() {
  const bool is_outermost = softirq_.depth() == 1 && !is_delivering_;
  if (is_outermost) end_of_burst();
  softirq_.bh_enable();
  if (is_outermost) parts.receive->wake_targets();
}

// need_resched: the application has work queued here, and gets its turn before the softirqs run again.
bool Lcore::is_wanted() const {
  return !inbox_.empty() ||
         std::any_of(sources_.begin(), sources_.end(), [](const Source* s) { return s->has_work(); });
}

// What is new since the last look raises its vector. Returns whether anything is, so that it is run at once (C6).
bool Lcore::hear_events() {
  bool heard = softirq_.has_pending() && !softirq_.is_deferred();
  heard |= look_for_interrupts();
  for (auto& poller : parts.pollers) {
    if (!poller->wants_poll() && !poller->interrupt().frames_ended(env_)) continue;
    softnet_.schedule(*poller);
    heard = true;
  }
  if (parts.backlog->has_work() && !parts.backlog->is_scheduled()) {
    stats_.softnet.add(stats::Softnet::received_rps);
    softnet_.schedule(*parts.backlog);
    heard = true;
  }
  if (parts.wheel->next_expiry() <= env_.now) {
    softirq_.raise(Vector::timer);
    heard = true;
  }
  if (tx_rings_.waiting(env_.lcore) != 0 || has_queued_frames()) {
    softirq_.raise(Vector::net_tx);
    heard = true;
  }
  return heard;
}

// The one place that every pass comes by, between bursts: nothing of this lcore is in the middle of anything.
void Lcore::end_of_pass() {
  end_of_burst();
  parts.receive->wake_targets();
  if (!worked_)
    for (auto& path : parts.tx_paths)
      if (path) path->reclaim();
  if (env_.home != nullptr) env_.home->flush();
  const std::uint64_t contended = inbox_.contended() + control_.contended();
  stats_.softnet.add(stats::Softnet::lock_contended, contended - stats_.softnet[stats::Softnet::lock_contended]);
  account(worked_ ? stats::Softnet::time_softirq_ns : stats::Softnet::time_idle_ns);
  if (worked_) softnet_.stages.book(clock_, stats_);
}

// The time since the last account was spent on `stage`.
void Lcore::account(stats::Softnet stage) {
  stats_.softnet.add(stage, static_cast<std::uint64_t>((env_.now - accounted_to_).count()));
  accounted_to_ = env_.now;
}

bool Lcore::post_control(std::function<void()> request) {
  if (!control_.post(std::move(request))) return false;
  softirq_.raise_remote(Vector::tasklet);
  return true;
}

void Lcore::settle() {
  begin_call();
  end_call();
}

void Lcore::netif_rx(pkt::Packet packet) {
  const BhSection section(softirq_);
  parts.receive->netif_rx(std::move(packet));
}

void Lcore::set_limits(const SoftnetLimits& limits) {
  softnet_.limits = limits;
  softirq_.limits = limits.softirq;
  parts.backlog->set_weight(limits.dev_weight);
  parts.receive->limits_changed();
}

std::unique_ptr<TraceRing> Lcore::set_trace(std::unique_ptr<TraceRing> ring) {
  softirq_.trace = ring.get();
  env_.tracer = ring != nullptr ? &way_out_ : nullptr;
  return ring != nullptr ? std::exchange(trace_, std::move(ring)) : nullptr;
}

void Lcore::run_timers() {
  env_.now = clock_.now();
  worked_ |= parts.wheel->advance(env_.now) != 0;
  end_of_burst();
}

// Takes over frames that other lcores handed to a tx queue of this one, as many as its queues have room for: what does
// not fit waits on the rings.
void Lcore::net_tx_action() {
  std::uint32_t room = pkt::Burst::capacity;
  for (auto& path : parts.tx_paths) {
    if (!path) continue;
    path->flush();
    if (path->owns_queue()) room = std::min(room, path->room());
  }
  for (std::uint16_t source = 0; source < tx_rings_.lcores(); ++source) {
    if (source == env_.lcore) continue;
    std::array<pkt::Mbuf*, pkt::Burst::capacity> batch;
    const std::uint32_t n = tx_rings_.dequeue(source, env_.lcore, batch.data(), room);
    room -= n;
    worked_ |= n != 0;
    for (std::uint32_t i = 0; i < n; ++i) {
      const std::uint16_t ifindex = batch[i]->meta.ifindex;
      parts.tx_paths[ifindex]->transmit(pkt::Packet::adopt(batch[i]));
    }
  }
}

void Lcore::end_of_burst() {
  is_delivering_ = true;
  for (auto& stack : parts.stacks) stack->flush();
  for (auto& path : parts.tx_paths)
    if (path) path->flush();
  is_delivering_ = false;
}

Instant Lcore::next_deadline() {
  Instant next = parts.wheel->next_expiry();
  for (auto& poller : parts.pollers)
    if (poller->wants_poll()) next = std::min(next, poller->next_flush());
  for (auto& path : parts.tx_paths)
    if (path) next = std::min({next, path->next_reclaim(), path->next_flush()});
  return next;
}

bool Lcore::has_queued_frames() const {
  return std::any_of(parts.tx_paths.begin(), parts.tx_paths.end(), [](const auto& p) { return p && p->wants_flush(); });
}

bool Lcore::has_work() const {
  return softirq_.has_pending() || is_wanted() || !control_.empty() || has_queued_frames() ||
         parts.backlog->has_work() || tx_rings_.waiting(env_.lcore) != 0;
}

void Lcore::run(const std::atomic<bool>& stop) {
  std::uint64_t idle_passes = 0;
  Duration step = first_sleep;
  rcu_.online();
  while (!stop.load(std::memory_order_relaxed)) {
    const bool idle = !run_once();
    rcu_.quiescent();
    if (idle && ++idle_passes < patience()) continue;
    if (!idle || sleep(step, stop)) {
      idle_passes = 0;
      step = first_sleep;
    } else {
      step = std::min(step * 2, longest_sleep);
    }
  }
  rcu_.offline();
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
