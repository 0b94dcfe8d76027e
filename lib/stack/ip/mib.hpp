// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>
#include <millrace/stats/counter.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace millrace::ip {

// How packets and their bytes are counted, for stats::Ip and stats::Ip6 alike (include/linux/snmp.h, receive_path H10).

/// IPSTATS_MIB_IN: a packet has come, of which nothing has been looked at.
template <class Counter>
void count_received(stats::CounterBlock<Counter>& count, std::uint32_t bytes) {
  count.add(Counter::InReceives);
  count.add(Counter::InOctets, bytes);
}

/// A merged packet counts as its segments.
[[nodiscard]] inline std::uint16_t segments_of(const pkt::Mbuf& m) { return std::max<std::uint16_t>(m.meta.gso_segs, 1); }

/// IPSTATS_MIB_NOECTPKTS and the three behind it, by the ECN field of TOS or traffic class.
template <class Counter>
inline constexpr std::array ecn_counters{Counter::InNoECTPkts, Counter::InECT1Pkts, Counter::InECT0Pkts, Counter::InCEPkts};

template <class Counter>
void count_ecn(stats::CounterBlock<Counter>& count, const pkt::Packet& packet, std::uint8_t traffic_class) {
  count.add(ecn_counters<Counter>[traffic_class & 3u], segments_of(packet.mbuf()));
}

/// IPSTATS_MIB_INMCAST and INBCAST, or OUT...: one more packet in a pair of counters.
template <class Counter>
void count_bytes(stats::CounterBlock<Counter>& count, Counter packets, Counter octets, const pkt::Packet& packet) {
  count.add(packets);
  count.add(octets, packet.length());
}

}  // namespace millrace::ip
