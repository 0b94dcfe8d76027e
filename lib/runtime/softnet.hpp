// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/poll/napi.hpp>
#include <millrace/poll/napi_hash.hpp>
#include <millrace/runtime/clock.hpp>
#include <millrace/runtime/softirq.hpp>
#include <millrace/runtime/stage_clock.hpp>

#include <cstdint>

namespace millrace::runtime {

/// The tunables of the receive loop, with Linux's defaults (net.core.*, softirq.*).
struct SoftnetLimits {
  int netdev_budget = 300;
  Duration netdev_budget_usecs = 2000us;
  int dev_weight = 64;
  std::uint32_t netdev_max_backlog = 1000;
  SoftirqLimits softirq{};
  bool netdev_tstamp_prequeue = true;
};

/// One lcore's receive state: struct softnet_data (receive_path D17), whose queues towards this lcore are WorkerRings
/// and whose backlog NAPI is Backlog. On cache lines of its own; touched by that lcore only.
struct alignas(64) Softnet final : poll::NapiHost {
  Softnet(Env& owner, Softirq& executor) : env(owner), softirq(executor) {}

  Env& env;
  Softirq& softirq;
  SoftnetLimits limits;
  poll::NapiList poll_list;
  poll::NapiHash napis;             ///< by id, what busy polling may find
  bool in_net_rx_action = false;
  StageClock stages;

  /// napi_schedule(): links the NAPI; while net_rx_action runs it looks at the list itself, so no raise is needed.
  void schedule(poll::Napi& napi) override {
    if (napi.schedule(poll_list)) raise_net_rx();
  }
  void link_by_watchdog(poll::Napi& napi) override {
    env.stats->softnet.add(stats::Softnet::napi_watchdog);
    link(napi);
  }
  /// __napi_schedule(): of one whose SCHED is set already.
  void link(poll::Napi& napi) {
    poll_list.push_back(napi);
    raise_net_rx();
  }
  /// netif_napi_add() and napi_enable(), and one schedule: what arrived before made no event (receive_path A7).
  void add(poll::Napi& napi) {
    napi.enable(this, env.lcore);
    napis.add(napi);
    schedule(napi);
  }
  /// napi_disable() and netif_napi_del(). False from inside its own poll: it goes when that ends.
  bool remove(poll::Napi& napi) {
    poll::NapiHash::remove(napi);
    return napi.disable();
  }

 private:
  void raise_net_rx() {
    if (!in_net_rx_action) softirq.raise(Vector::net_rx);
  }
};

/// One pass over the scheduled NAPIs: net_rx_action() of net/core/dev.c with its two-level budget and time limit
/// (receive_path D6-D10). `after_poll` runs after each poll, when a burst has been delivered.
void net_rx_action(Softnet& softnet, Env& env, Clock& clock, void (*after_poll)(void*), void* context);

}  // namespace millrace::runtime
