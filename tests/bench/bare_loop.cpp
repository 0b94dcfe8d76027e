// SPDX-License-Identifier: BSD-3-Clause
// The peer of B5: the least that a program on DPDK does with a port. Compiled for this machine, and once more without
// AVX-512 (MR_BARE_LOOP names the function). Called by port_cost.cpp and callgrind_child.cpp.
#include "tests/bench/bare_loop.hpp"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

namespace millrace::bench::peer {

std::uint64_t MR_BARE_LOOP(std::uint16_t port, std::uint64_t packets) {
  constexpr std::uint16_t burst = 32;
  rte_mbuf* mbufs[burst];
  std::uint64_t moved = 0;
  while (moved < packets) {
    const std::uint16_t received = rte_eth_rx_burst(port, 0, mbufs, burst);
    const std::uint16_t sent = rte_eth_tx_burst(port, 0, mbufs, received);
    for (std::uint16_t i = sent; i < received; ++i) rte_pktmbuf_free(mbufs[i]);
    moved += sent;
  }
  return moved;
}

#ifdef MR_BARE_POLL
void bare_poll(std::uint16_t port, std::uint64_t ticks) {
  rte_mbuf* mbufs[32];
  const std::uint64_t start = rte_rdtsc();
  while (rte_rdtsc() - start < ticks) {
    const std::uint16_t received = rte_eth_rx_burst(port, 0, mbufs, 32);
    for (std::uint16_t i = 0; i < received; ++i) rte_pktmbuf_free(mbufs[i]);
  }
}
#endif

}  // namespace millrace::bench::peer
