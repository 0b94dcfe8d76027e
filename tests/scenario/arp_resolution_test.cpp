// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/ethernet.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

#include <cerrno>

using namespace millrace;
using namespace millrace::test;

namespace {

const Endpoint to_peer{peer4, 7};

bool is_arp(const Bytes& frame) { return wire::EthernetView::parse(frame)->ethertype() == wire::ethertype::arp; }

}  // namespace

TEST_CASE("I1: a lost ARP reply costs a second, no datagram") {
  ScriptedHost host;
  udp::Socket& socket = *host.udp.open(nullptr);
  CHECK(host.udp.send_to(socket, counting(1, 1), &to_peer) == 1);
  CHECK(host.udp.send_to(socket, counting(1, 2), &to_peer) == 1);
  CHECK(is_arp(host.wire.take_one()));  // lost on the way
  host.advance(1s);
  CHECK(is_arp(host.wire.take_one()));
  host.receives(arp_frame(arp_reply()));
  const auto frames = host.wire.take();
  REQUIRE(frames.size() == 2);
  CHECK(frames[0][42] == 1);
  CHECK(frames[1][42] == 2);
}

TEST_CASE("RFC 826: both sides ask at once, both are answered, one exchange is enough") {
  ScriptedHost host;
  udp::Socket& socket = *host.udp.open(nullptr);
  REQUIRE(host.udp.send_to(socket, counting(4), &to_peer) == 4);
  REQUIRE(is_arp(host.wire.take_one()));
  host.receives(arp_frame(arp_request(host4), all_macs));
  const auto frames = host.wire.take();
  REQUIRE(frames.size() == 2);  // what waited, then the answer
  CHECK_FALSE(is_arp(frames[0]));
  CHECK(is_arp(frames[1]));
}

TEST_CASE("I1: the peer moves to another MAC: its gratuitous ARP turns traffic at once") {
  ScriptedHost host;
  udp::Socket& socket = *host.udp.open(nullptr);
  REQUIRE(host.udp.send_to(socket, counting(4), &to_peer) == 4);
  host.receives(arp_frame(arp_reply()));
  (void)host.wire.take();
  constexpr MacAddress moved{{2, 0, 0, 0, 0, 0x77}};
  host.receives(arp_frame({wire::arp_op::request, moved, peer4, {}, peer4}, all_macs));
  REQUIRE(host.udp.send_to(socket, counting(4), &to_peer) == 4);
  CHECK(wire::EthernetView::parse(host.wire.take_one())->destination() == moved);
}

TEST_CASE("NUD: an idle neighbour that vanished is probed by unicast, given up, and asked for anew") {
  ScriptedHost host;
  udp::Socket& socket = *host.udp.open(nullptr);
  REQUIRE(host.udp.send_to(socket, counting(4), &to_peer) == 4);
  host.receives(arp_frame(arp_reply()));
  (void)host.wire.take();
  host.advance(10min);
  CHECK(host.wire.take().empty());  // an idle entry is nobody's business
  REQUIRE(host.udp.send_to(socket, counting(4), &to_peer) == 4);
  host.advance(8s);
  const auto frames = host.wire.take();
  REQUIRE(frames.size() == 4);  // the datagram, three probes
  for (std::size_t i = 1; i < 4; ++i) CHECK(wire::EthernetView::parse(frames[i])->destination() == peer_mac);
  REQUIRE(host.udp.send_to(socket, counting(4), &to_peer) == 4);
  CHECK(wire::EthernetView::parse(host.wire.take_one())->destination() == all_macs);
}
