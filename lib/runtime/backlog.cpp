// SPDX-License-Identifier: BSD-3-Clause
// Takes packets off the worker rings of this lcore. Called by net_rx_action; calls Receive::netif_receive.
// process_backlog() of net/core/dev.c.
#include <millrace/runtime/backlog.hpp>

#include <algorithm>
#include <array>

namespace millrace::runtime {

int Backlog::poll(Env& env, int weight) {
  constexpr std::uint32_t turn = 16;  // packets from one source before the next has its turn
  std::array<pkt::Mbuf*, turn> batch;
  int done = 0;
  std::uint16_t idle_sources = 0;
  while (done < weight && idle_sources < rings_.lcores()) {
    const std::uint16_t source = next_source_;
    next_source_ = static_cast<std::uint16_t>((next_source_ + 1) % rings_.lcores());
    const std::uint32_t want = std::min(turn, static_cast<std::uint32_t>(weight - done));
    const std::uint32_t n = source == lcore_ ? 0 : rings_.dequeue(source, lcore_, batch.data(), want);
    idle_sources = n == 0 ? static_cast<std::uint16_t>(idle_sources + 1) : std::uint16_t{0};
    for (std::uint32_t i = 0; i < n; ++i) {
      __builtin_prefetch(batch[i]->data());
      __builtin_prefetch(&batch[i]->meta);
    }
    for (std::uint32_t i = 0; i < n; ++i) receive_.netif_receive(pkt::Packet::adopt(batch[i]));
    env.stats->steer.add(stats::Steer::backlog_head, n);
    done += static_cast<int>(n);
  }
  if (done < weight) complete();
  return done;
}

void Backlog::drain(Env& env, std::uint16_t source) {
  // What is handed over meanwhile, by other queues of that source, waits for its poll.
  for (std::uint32_t left = rings_.waiting(source, lcore_); left > 0; --left) {
    pkt::Mbuf* m = nullptr;
    if (rings_.dequeue(source, lcore_, &m, 1) == 0) return;
    receive_.netif_receive(pkt::Packet::adopt(m));
    env.stats->steer.add(stats::Steer::backlog_head);
  }
}

}  // namespace millrace::runtime
