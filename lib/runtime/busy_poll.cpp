// SPDX-License-Identifier: BSD-3-Clause
// Busy polling: a receive call that finds nothing polls the socket's queue itself. Called by the sockets through
// socket::BusyPoller; calls Napi::poll. napi_busy_loop() and busy_poll_stop() of net/core/dev.c (receive_path L5, X10).
#include <millrace/runtime/lcore.hpp>

namespace millrace::runtime {

void Lcore::busy_poll(std::uint32_t napi_id, const socket::BusyPoll& wanted, bool (*done)(void*), void* context) {
  // Inside a handler, or what one of ours delivers, a poll would deliver into the middle of a delivery (C9).
  poll::Napi* const napi = softirq_.is_serving() || is_delivering_ ? nullptr : softnet_.napis.find(napi_id);
  if (napi == nullptr) return stats_.socket.add(stats::Socket::busy_poll_refused);
  const BhSection section(softirq_);
  const Instant start = clock_.now();
  bool is_ours = false;
  for (Instant last = start;;) {
    env_.now = clock_.now();
    if (!is_ours) is_ours = napi->begin_busy_poll();
    const int work = is_ours ? busy_poll_once(*napi, wanted.budget, is_ours) : 0;
    const Instant now = clock_.now();
    if (done(context) || now - start >= std::chrono::microseconds(wanted.us)) break;
    if (work == 0 && now == last) break;  // a clock that is set by hand: it will not get later
    last = now;
  }
  // A poll that used its whole budget left packets behind: the loop goes on with them.
  if (is_ours) softnet_.link(*napi);
  parts.receive->wake_targets();
}

// One poll, and what a burst ends with. `is_ours`: still, after a poll that used its whole budget.
int Lcore::busy_poll_once(poll::Napi& napi, int budget, bool& is_ours) {
  if (env_.home != nullptr) env_.home->collect();
  is_delivering_ = true;
  napi.begin_poll();
  const int work = napi.poll(env_, budget);
  napi.end_poll();
  stats_.socket.add(stats::Socket::busy_polls);
  stats_.tcp_ext.add(stats::TcpExt::BusyPollRxPackets, static_cast<std::uint64_t>(work));
  is_ours = !napi.has_completed();
  if (is_ours) napi.weight_used(env_);
  if (is_ours && napi.is_disabled()) is_ours = !napi.complete();
  // Scheduled again meanwhile, and kept so by its completion.
  if (!is_ours && napi.is_scheduled() && !napi.hook.is_linked()) softnet_.link(napi);
  is_delivering_ = false;
  end_of_burst();
  return work;
}

}  // namespace millrace::runtime
