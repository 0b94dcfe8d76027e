// SPDX-License-Identifier: BSD-3-Clause
// The receive pass: polls each scheduled NAPI once, within netdev_budget packets and netdev_budget_usecs.
// Called by Lcore for the NET_RX vector; calls Napi::poll. net_rx_action() and napi_poll() of net/core/dev.c.
#include <millrace/runtime/softnet.hpp>

#include <millrace/base/log.hpp>

#include <atomic>

namespace millrace::runtime {
namespace {

void warn_once(std::atomic_flag& said, const char* what) {
  if (!said.test_and_set()) log(LogLevel::warn, what);
}

// What a NAPI that used its weight must not have done: it completed, and was perhaps scheduled again (D4, D10).
void completed_with_all_work(Env& env, bool is_linked) {
  static std::atomic_flag said_linked;
  static std::atomic_flag said;
  env.stats->softnet.add(stats::Softnet::napi_stuck);
  if (is_linked) return warn_once(said_linked, "Budget exhausted after napi rescheduled");
  warn_once(said, "napi_stuck: a poll used its whole weight and completed all the same");
}

// A poll below its weight: it has completed, or it would never be polled again (D4).
void below_weight(Softnet& softnet, poll::Napi& napi, Env& env) {
  static std::atomic_flag said;
  if (!napi.has_completed()) {
    env.stats->softnet.add(stats::Softnet::napi_stuck);
    warn_once(said, "napi_stuck: a poll returned less than its weight without complete; completed in its stead");
    napi.complete();
  }
  // Something was scheduled meanwhile and complete() kept it scheduled.
  if (napi.is_scheduled() && !napi.hook.is_linked()) softnet.poll_list.push_back(napi);
}

// What another thread asked to be disabled since it was scheduled (D13).
int let_go(poll::Napi& napi) {
  napi.disable();
  return -1;
}

// One poll, with the loop's part of the contract around it. Negative: it was refused.
int guarded_poll(poll::Napi& napi, Env& env, int weight) {
  static std::atomic_flag said_lcore;
  static std::atomic_flag said_weight;
  if (napi.lcore() != env.lcore) {
    env.stats->softnet.add(stats::Softnet::poll_wrong_lcore);
    warn_once(said_lcore, "a NAPI stood on the poll list of an lcore that does not own it; it is not polled there");
    return -1;
  }
  if (napi.is_disabled()) return let_go(napi);
  napi.begin_poll();
  const int work = napi.poll(env, weight);
  napi.end_poll();
  env.stats->softnet.add(stats::Softnet::polls);
  if (work > weight) {
    env.stats->softnet.add(stats::Softnet::napi_overrun);
    warn_once(said_weight, "a NAPI poll returned more than its weight");
  }
  return work;
}

// Polls one NAPI. If it used its whole weight it goes to the end of `repoll`, to be polled in the next pass.
int napi_poll(Softnet& softnet, poll::Napi& napi, Env& env, poll::NapiList& repoll) {
  napi.hook.unlink();
  const int weight = napi.weight();
  const int work = guarded_poll(napi, env, weight);
  if (work < 0) return 0;
  if (napi.is_disabled()) {
    if (!napi.has_completed()) napi.complete();
    napi.disable();
    return work;
  }
  if (work < weight) {
    below_weight(softnet, napi, env);
    return work;
  }
  if (napi.has_completed()) {
    completed_with_all_work(env, napi.hook.is_linked());
    if (napi.is_scheduled() && !napi.hook.is_linked()) softnet.poll_list.push_back(napi);
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
  softnet.stages.start(clock);
  list.splice_back(softnet.poll_list);

  bool squeezed = false;
  for (;;) {
    if (list.empty() && repoll.empty()) list.splice_back(softnet.poll_list);
    poll::Napi* napi = list.front();
    if (napi == nullptr) break;
    softnet.stages.enter(Stage::rx);
    const int work = napi_poll(softnet, *napi, env, repoll);
    budget -= work;
    if (work != 0) softnet.stages.enter(Stage::proto);
    after_poll(context);
    env.now = clock.now();
    if (budget <= 0 || env.now >= time_limit) {
      env.stats->softnet.add(stats::Softnet::time_squeeze);
      squeezed = true;
      break;
    }
  }
  softnet.in_net_rx_action = false;
  softnet.stages.stop();

  // What is left goes first, then what was scheduled meanwhile, then what used its weight (D9).
  list.splice_back(softnet.poll_list);
  list.splice_back(repoll);
  softnet.poll_list.splice_back(list);
  if (softnet.poll_list.empty()) return;
  if (squeezed) env.stats->softnet.add(stats::Softnet::time_squeeze_left);
  softnet.softirq.raise(Vector::net_rx);
}

}  // namespace millrace::runtime
