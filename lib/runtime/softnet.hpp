// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/poll/napi.hpp>
#include <millrace/runtime/clock.hpp>

#include <cstdint>

namespace millrace::runtime {

/// The tunables of the receive loop, with Linux's defaults (net.core.*).
struct SoftnetLimits {
  int netdev_budget = 300;
  Duration netdev_budget_usecs = 2000us;
  int dev_weight = 64;
  std::uint32_t netdev_max_backlog = 1000;
};

/// Softirq vectors, lowest first as they run (kernel/softirq.c).
enum class Vector : std::uint8_t { timer = 1, net_tx = 2, net_rx = 3 };

/// One lcore's receive state: struct softnet_data. Touched by that lcore only.
struct Softnet {
  SoftnetLimits limits;
  poll::NapiList poll_list;
  std::uint32_t pending = 0;        ///< bit per Vector
  bool in_net_rx_action = false;

  void raise(Vector v) { pending |= 1u << static_cast<unsigned>(v); }
  /// napi_schedule(): links the NAPI; while net_rx_action runs it looks at the list itself, so no raise is needed.
  void schedule(poll::Napi& napi) {
    if (napi.schedule(poll_list) && !in_net_rx_action) raise(Vector::net_rx);
  }
};

/// One pass over the scheduled NAPIs: net_rx_action() of net/core/dev.c with its two-level budget and time limit
/// (receive_path D6-D10). `after_poll` runs after each poll, when a burst has been delivered.
void net_rx_action(Softnet& softnet, Env& env, Clock& clock, void (*after_poll)(void*), void* context);

}  // namespace millrace::runtime
