// SPDX-License-Identifier: BSD-3-Clause
// Takes packets off the worker rings of this lcore. Called by net_rx_action; calls Receive::netif_receive.
// process_backlog() of net/core/dev.c.
#include <millrace/runtime/backlog.hpp>

#include <algorithm>
#include <array>
#include <bit>

namespace millrace::runtime {

namespace {

stats::BacklogRun bucket_of(int packets) {
  constexpr int last = static_cast<int>(stats::CounterBlock<stats::BacklogRun>::size) - 1;
  return static_cast<stats::BacklogRun>(
      std::min(static_cast<int>(std::bit_width(static_cast<unsigned>(packets))), last));
}

}  // namespace

int Backlog::poll(Env& env, int weight) {
  receive_.enter(Stage::proto);
  receive_.wake_targets();            // others need not wait until this one has worked its queue off
  constexpr std::uint32_t turn = 16;  // packets from one source before the next has its turn
  std::array<pkt::Mbuf*, turn> batch;
  int done = 0;
  std::uint16_t idle_sources = 0;
  while (done < weight && idle_sources < rings_.lcores()) {
    const std::uint16_t source = next_source_;
    next_source_ = static_cast<std::uint16_t>((next_source_ + 1) % rings_.lcores());
    const std::uint32_t want = std::min(turn, static_cast<std::uint32_t>(weight - done));
    const std::uint32_t n = rings_.dequeue(source, lcore_, batch.data(), want);
    idle_sources = n == 0 ? static_cast<std::uint16_t>(idle_sources + 1) : std::uint16_t{0};
    for (std::uint32_t i = 0; i < n; ++i) {
      __builtin_prefetch(batch[i]->data());
      __builtin_prefetch(&batch[i]->meta);
    }
    for (std::uint32_t i = 0; i < n; ++i) receive_.netif_receive(pkt::Packet::adopt(batch[i]));
    if (n != 0) count_delivered(env, source, n);
    done += static_cast<int>(n);
  }
  env.stats->backlog_run.add(bucket_of(done));
  if (done < weight) complete();
  return done;
}

// After the delivery, so that a flow moves to another lcore only behind its packets here (receive_path F8).
void Backlog::count_delivered(Env& env, std::uint16_t source, std::uint32_t count) {
  rings_.add_delivered(source, lcore_, count);
  env.stats->steer.add(stats::Steer::backlog_head, count);
}

// Ends everything that one source has handed over so far. What it hands over meanwhile waits for its poll.
template <class End>
void Backlog::empty(Env& env, std::uint16_t source, End&& end) {
  for (std::uint32_t left = rings_.waiting(source, lcore_); left > 0; --left) {
    pkt::Mbuf* m = nullptr;
    if (rings_.dequeue(source, lcore_, &m, 1) == 0) return;
    end(pkt::Packet::adopt(m));
    count_delivered(env, source, 1);
  }
}

void Backlog::drain(Env& env, std::uint16_t source) {
  empty(env, source, [&](pkt::Packet packet) { receive_.netif_receive(std::move(packet)); });
}

void Backlog::flush(Env& env, std::uint16_t ifindex) {
  for (std::uint16_t source = 0; source < rings_.lcores(); ++source)
    empty(env, source, [&](pkt::Packet packet) {
      if (packet.meta().ifindex == ifindex) return millrace::drop(env, std::move(packet), stats::DropReason::port_down);
      receive_.netif_receive(std::move(packet));
    });
}

}  // namespace millrace::runtime
