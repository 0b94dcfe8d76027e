// SPDX-License-Identifier: BSD-3-Clause
// The steps of a NAPI that are more than a bit: completion with its timer and deferral, enable, disable. Called by the
// pollers (from poll) and by net_rx_action; calls the timing wheel. napi_complete_done() of net/core/dev.c.
#include <millrace/poll/napi.hpp>

#include <millrace/base/log.hpp>

#include <atomic>
#include <string>

namespace millrace::poll {

Napi::Napi(int weight, NapiKind kind)
    : state_(napi_bit::disable | (kind == NapiKind::tx ? napi_bit::no_busy_poll : 0)), weight_(weight), kind_(kind) {
  static std::atomic_flag said;
  if (weight > default_weight && kind != NapiKind::backlog && !said.test_and_set())
    log(LogLevel::warn, "netif_napi_add() called with weight " + std::to_string(weight));
}

bool Napi::complete_done(Env& env, int work) {
  Duration timeout{0};
  bool unmask = true;
  if (work > 0) {
    if (holds_packets()) timeout = tunables.gro_flush_timeout;
    defer_left_ = tunables.defer_hard_irqs;
  }
  if (defer_left_ > 0) {
    --defer_left_;
    timeout = tunables.gro_flush_timeout;
    if (timeout != Duration::zero()) unmask = false;
  }
  flush_held(env, timeout != Duration::zero());
  if (!complete()) return false;
  if (timeout != Duration::zero() && host_ != nullptr) {
    wheel_ = env.wheel;
    wheel_->arm(watchdog_, env.now + timeout);
  }
  return unmask;
}

bool Napi::complete() {
  completed_ = true;
  hook.unlink();
  return state_.complete();
}

void Napi::enable(NapiHost* host, std::uint16_t lcore) {
  host_ = host;
  lcore_ = lcore;
  disable_requested_.store(false, std::memory_order_relaxed);
  state_.clear(napi_bit::disable | napi_bit::sched | napi_bit::missed);
}

bool Napi::disable() {
  state_.set(napi_bit::disable);
  if (wheel_ != nullptr) wheel_->cancel(watchdog_);
  hook.unlink();
  if (polling_) return false;
  state_.clear(napi_bit::sched | napi_bit::missed);
  return true;
}

// napi_watchdog(): polled again whether or not anything is held; it leaves no MISSED behind.
void Napi::on_watchdog(void* napi, Instant) {
  auto& self = *static_cast<Napi*>(napi);
  if (self.state_.watchdog_prep()) self.host_->link_by_watchdog(self);
}

}  // namespace millrace::poll
