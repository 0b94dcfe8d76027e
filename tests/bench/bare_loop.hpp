// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

// The peer of B5; in files of its own for the same reason as gro_peer.hpp.
namespace millrace::bench::peer {

/// rte_eth_rx_burst and rte_eth_tx_burst, 32 at a time, until `packets` have gone through; returns how many did.
std::uint64_t bare_loop(std::uint16_t port, std::uint64_t packets);
/// The same without AVX-512, which valgrind cannot run.
std::uint64_t bare_loop_avx2(std::uint16_t port, std::uint64_t packets);

/// rte_eth_rx_burst until `ticks` of the TSC have passed: what an idle loop does that never sleeps.
void bare_poll(std::uint16_t port, std::uint64_t ticks);

}  // namespace millrace::bench::peer
