// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/base/rng.hpp>

#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"
#include "tests/support/seed.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

// One of everything that a peer may send.
std::vector<Bytes> samples() {
  const Bytes data = counting(40);
  const Bytes quote = behind(ip_frame(wire::ip_proto::udp, udp_datagram(7, 999, data, host4, peer4), host4, peer4), 14);
  const Bytes quote6 =
      behind(ip_frame(wire::ip_proto::udp, udp_datagram(7, 999, data, host6, peer6), host6, peer6), 14);
  return {
      arp_frame(arp_request(host4), all_macs),
      arp_frame(arp_reply()),
      ip_frame(wire::ip_proto::udp, udp_datagram(999, 7, data)),
      ip_frame(wire::ip_proto::udp, udp_datagram(999, 8, data, peer6, host6), peer6, host6),
      ip_frame(wire::ip_proto::udp, udp_datagram(999, 7, data, peer4, addr("224.0.0.1")), peer4, addr("224.0.0.1")),
      ip_frame(wire::ip_proto::icmp, icmp4_message(wire::icmp4_type::echo_request, 0, 1, data)),
      ip_frame(wire::ip_proto::icmp, icmp4_message(wire::icmp4_type::unreachable, 3, 0, quote)),
      ip_frame(wire::ip_proto::icmp6, icmp6_message(wire::icmp6_type::echo_request, 0, 1, data), peer6, host6),
      ip_frame(wire::ip_proto::icmp6, icmp6_message(wire::icmp6_type::unreachable, 4, 0, quote6), peer6, host6),
      nd_frame(wire::NeighborSolicitation{host6, peer_mac}, peer6, wire::solicited_node(host6)),
      nd_frame(wire::NeighborAdvertisement{peer6, peer_mac, false, true, true}, peer6, host6),
      ip_frame(60, {17, 0, 1, 4, 0, 0, 0, 0, 3, 231, 0, 7, 0, 8, 0, 0}, peer6, host6),
  };
}

}  // namespace

TEST_CASE("P9, contract 1: whatever bytes arrive, every packet ends and the pool is full again") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  const auto frames = samples();
  ScriptedHost host;
  udp::Socket& socket = *host.udp.open(nullptr);
  REQUIRE(host.udp.bind(socket, {addr("::"), 7}) == 0);
  for (int round = 0; round < 20000; ++round) {
    Bytes frame = frames[rng.below(static_cast<std::uint32_t>(frames.size()))];
    for (std::uint32_t spoiled = rng.below(4); spoiled > 0; --spoiled)
      frame[6 + rng.below(static_cast<std::uint32_t>(frame.size() - 6))] = static_cast<std::uint8_t>(rng.next());
    if (rng.chance(0.1)) frame.resize(14 + rng.below(static_cast<std::uint32_t>(frame.size() - 13)));
    Arrival arrival{.is_copy = rng.chance(0.1)};
    if (rng.chance(0.5)) arrival.checksum = pkt::ChecksumVerdict::good;
    if (frame.size() > 80 && rng.chance(0.2))
      arrival.first_buffer = 74 + rng.below(static_cast<std::uint32_t>(frame.size() - 74));
    host.receives(frame, arrival);
    if (rng.chance(0.1)) host.advance(Duration(rng.below(2'000'000'000)));
    if (rng.chance(0.1)) (void)host.udp.recv_from(socket, {});
    (void)host.wire.take();
  }
  // TestPool sees to the rest when the host goes.
}
