// SPDX-License-Identifier: BSD-3-Clause
// The receive pass: polls each scheduled NAPI once, within netdev_budget packets and netdev_budget_usecs.
// Called by Lcore for the NET_RX vector; calls Napi::poll. net_rx_action() and napi_poll() of net/core/dev.c.
#include <millrace/runtime/softnet.hpp>

namespace millrace::runtime {
namespace {

// Polls one NAPI. If it used its whole weight it goes to the end of `repoll`, to be polled in the next pass.
int napi_poll(Softnet& softnet, poll::Napi& napi, Env& env, poll::NapiList& repoll) {
  napi.hook.unlink();
  const int weight = napi.weight();
  const int work = napi.poll(env, weight);
  env.stats->softnet.add(stats::Softnet::polls);
  if (work < weight) {
    // Completed; unless complete() found that something was scheduled meanwhile and kept it scheduled.
    if (napi.is_scheduled() && !napi.hook.is_linked()) softnet.poll_list.push_back(napi);
    return work;
  }
  if (napi.is_disabled()) {
    napi.complete();
    return work;
  }
  napi.weight_used(env);
  repoll.push_back(napi);
  return work;
}

}  // namespace

void net_rx_action(Softnet& softnet, Env& env, Clock& clock, void (*after_poll)(void*), void* context) {
  const Instant time_limit = env.now + softnet.limits.netdev_budget_usecs;
  int budget = softnet.limits.netdev_budget;
  poll::NapiList list;
  poll::NapiList repoll;
  env.stats->softnet.add(stats::Softnet::passes);
  softnet.in_net_rx_action = true;
  list.splice_back(softnet.poll_list);

  bool squeezed = false;
  for (;;) {
    if (list.empty() && repoll.empty()) list.splice_back(softnet.poll_list);
    poll::Napi* napi = list.front();
    if (napi == nullptr) break;
    budget -= napi_poll(softnet, *napi, env, repoll);
    after_poll(context);
    env.now = clock.now();
    if (budget <= 0 || env.now >= time_limit) {
      env.stats->softnet.add(stats::Softnet::time_squeeze);
      squeezed = true;
      break;
    }
  }
  softnet.in_net_rx_action = false;

  // What is left goes first, then what was scheduled meanwhile, then what used its weight (D9).
  list.splice_back(softnet.poll_list);
  list.splice_back(repoll);
  softnet.poll_list.splice_back(list);
  if (softnet.poll_list.empty()) return;
  if (squeezed) env.stats->softnet.add(stats::Softnet::time_squeeze_left);
  softnet.raise(Vector::net_rx);
}

}  // namespace millrace::runtime
