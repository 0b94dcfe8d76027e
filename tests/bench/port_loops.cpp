// SPDX-License-Identifier: BSD-3-Clause
// Our side of B5, compiled as the library is shipped. Called by port_cost.cpp and callgrind_child.cpp.
#include "tests/bench/port_loops.hpp"

#include <algorithm>

namespace millrace::bench {
namespace {

// What the device did not take; a ring that holds all frames takes them all, and the packet count tells if not.
void drop_rest(Env& env, pkt::Burst& burst) {
  burst.take_all([&](pkt::Packet packet) { drop(env, std::move(packet), stats::DropReason::tx_ring_full); });
}

}  // namespace

std::uint64_t port_loop(const PortEnds& ends, std::uint64_t packets) {
  const auto& [env, rx, tx] = ends;
  pkt::Burst burst;
  std::uint64_t moved = 0;
  while (moved < packets) {
    rx.receive(env, burst, PortEnds::burst_size);
    moved += tx.transmit(env, burst);
    if (!burst.empty()) drop_rest(env, burst);
  }
  return moved;
}

int Reflector::poll(Env& env, int weight) {
  int done = 0;
  while (done < weight) {
    const auto asked = static_cast<std::uint16_t>(std::min<int>(PortEnds::burst_size, weight - done));
    const std::uint16_t n = rx_.receive(env, burst_, asked);
    done += n;
    tx_.transmit(env, burst_);
    if (!burst_.empty()) drop_rest(env, burst_);
    if (n < asked) break;
  }
  if (done < weight) complete();
  return done;
}

PollLoop::PollLoop(const PortEnds& ends)
    : env_(ends.env), reflector_(ends.rx, ends.tx), softirq_(env_, clock_, waker_, nullptr), softnet_(env_, softirq_) {
  reflector_.enable();
}

std::uint64_t PollLoop::pass() {
  const auto& sent = env_.stats->port;
  const std::uint64_t before = sent[stats::Port::tx_packets];
  env_.now = clock_.now();
  softnet_.schedule(reflector_);
  runtime::net_rx_action(
      softnet_, env_, clock_, [](void*) {}, nullptr);
  return sent[stats::Port::tx_packets] - before;
}

std::uint64_t PollLoop::run(std::uint64_t packets) {
  std::uint64_t moved = 0;
  while (moved < packets) moved += pass();
  return moved;
}

}  // namespace millrace::bench
