// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/bench.hpp"
#include "tests/bench/udp_lwip.hpp"
#include "tests/bench/udp_ours.hpp"

namespace millrace::bench {

inline constexpr std::size_t udp_section = 64;  ///< frames: a poll's weight
inline constexpr const char* lwip_name = "lwIP";
inline constexpr const char* lwip_missing = "lwIP is not installed (Debian: liblwip-dev), or was not when this was configured";

[[nodiscard]] inline std::span<rte_mbuf* const> rte(std::span<pkt::Mbuf* const> packets) { return UdpLoad::as<rte_mbuf>(packets); }

/// Both learn the other host's address.
void introduce(UdpOurs& ours, peer::Lwip& lwip);
/// Sending, fragments and reassembly. Called by run_udp.
void run_udp_sending(Bench& bench);
/// To a thread on another CPU. Called by run_udp.
void run_udp_thread(Bench& bench);

}  // namespace millrace::bench
