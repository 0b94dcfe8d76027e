// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/icmp4.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

using namespace millrace;
using namespace millrace::test;

TEST_CASE("H13: ping works from a cold start: ARP, then echo by echo") {
  ScriptedHost host;
  host.receives(arp_frame(arp_request(host4), all_macs));
  REQUIRE(host.wire.take().size() == 1);
  for (std::uint16_t sequence = 1; sequence <= 10; ++sequence) {
    const Bytes request = icmp4_message(wire::icmp4_type::echo_request, 0, 0x99u << 16 | sequence, counting(56));
    host.receives(ip_frame(wire::ip_proto::icmp, request));
    const Bytes reply = host.wire.take_one();
    CHECK(has_right_checksums(reply));
    CHECK(wire::EthernetView::parse(reply)->destination() == peer_mac);
    CHECK(load_be16(&reply[40]) == sequence);
    host.advance(1s);
    for (const Bytes& frame : host.wire.take()) {  // what the delay timer asks is answered
      REQUIRE(wire::EthernetView::parse(frame)->ethertype() == wire::ethertype::arp);
      host.receives(arp_frame(arp_reply()));
    }
  }
  CHECK(host[stats::Icmp::OutEchoReps] == 10);
}

TEST_CASE("RFC 1122 3.2.2.1: a port scan gets six answers, then one a second") {
  ScriptedHost host;
  host.knows_peer();
  for (std::uint16_t port = 1; port <= 100; ++port)
    host.receives(ip_frame(wire::ip_proto::udp, udp_datagram(999, port, counting(4))));
  CHECK(host.wire.take().size() == 6);
  CHECK(host[stats::Udp::NoPorts] == 100);
  CHECK(host[stats::Icmp::OutRateLimitHost] == 94);
  host.advance(3s);
  for (std::uint16_t port = 1; port <= 100; ++port)
    host.receives(ip_frame(wire::ip_proto::udp, udp_datagram(999, port, counting(4))));
  CHECK(host.wire.take().size() == 3);
}
