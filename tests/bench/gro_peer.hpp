// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

struct rte_mbuf;

// The peer of B2. Plain functions: its file is compiled for this very machine, and a template instantiated there
// could be what the linker takes for our side too.
namespace millrace::bench::peer {

/// Whether this DPDK's rte_gro merges TCP over IPv6 (from 23.11 on).
[[nodiscard]] bool has_tcp6();

/// Parses a burst with rte_net_get_ptype alone.
void parse(rte_mbuf** burst, std::uint16_t count);
/// Parses, then rte_gro_reassemble_burst(): returns how many packets are left in the array.
std::uint16_t reassemble_burst(rte_mbuf** burst, std::uint16_t count);

/// rte_gro's context, which keeps packets between bursts. Null when there is no memory.
[[nodiscard]] void* make_context(std::uint16_t flows);
void free_context(void* context);
/// Parses, then rte_gro_reassemble(): returns how many packets it did not keep, at the front of the array.
std::uint16_t reassemble(void* context, rte_mbuf** burst, std::uint16_t count);
/// Takes everything out of the context.
std::uint16_t flush(void* context, rte_mbuf** out, std::uint16_t room);

}  // namespace millrace::bench::peer
