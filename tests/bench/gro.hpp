// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/bench.hpp"
#include "tests/bench/gro_train.hpp"

#include <rte_mbuf.h>

namespace millrace::bench {

inline constexpr std::uint16_t gro_burst = 64;

[[nodiscard]] inline rte_mbuf** rte(pkt::Mbuf** packets) { return reinterpret_cast<rte_mbuf**>(packets); }

// The parts of B2.
void run_gro_bursts(Bench& bench, pkt::Pool& pool);  ///< flows within a burst, hot and cold
void run_gro_flows(Bench& bench, pkt::Pool& pool);   ///< flows beyond the table
void run_gro_loads(Bench& bench, pkt::Pool& pool);   ///< what merges at 10, 50 and 90% load

}  // namespace millrace::bench
