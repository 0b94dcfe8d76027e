// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/addrconf/addrconf.hpp>

#include "tests/unit/stack/addrconf/configured_host.hpp"

using namespace millrace;
using namespace millrace::test;
using addrconf::AddressState;

TEST_CASE("H12: RFC 4862 5.4: an address is looked for once, from no address, and ours a second later when nobody has it") {
  ConfiguredHost host({.accept_ra = false});
  CHECK(host.row(own_link)->state == AddressState::tentative);
  CHECK_FALSE(host.has(own_link));
  const Instant begin = host.env.now;
  const auto asked = host.asks(3s);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].type == wire::icmp6_type::neighbor_solicitation);
  CHECK(asked[0].source == IpAddress{});
  CHECK(asked[0].destination == wire::solicited_node(own_link));
  CHECK(asked[0].target == own_link);
  CHECK(asked[0].when - begin <= 1s);  // MAX_RTR_SOLICITATION_DELAY
  CHECK(host.has(own_link));
  CHECK(host.row(own_link)->state == AddressState::preferred);
}

TEST_CASE("H12: dad_transmits: so many solicitations, a retransmit time apart; 0: none, and the address is ours at once") {
  ConfiguredHost thrice({.dad_transmits = 3, .accept_ra = false});
  const auto asked = thrice.asks(5s);
  REQUIRE(asked.size() == 3);
  CHECK(asked[1].when - asked[0].when == 1s);
  ConfiguredHost never_asks({.dad_transmits = 0, .accept_ra = false});
  CHECK(never_asks.has(own_link));
  CHECK(never_asks.asks(5s).empty());
}

TEST_CASE("H12: RFC 4862 5.4.4: an advertisement of the address ends it: it is not used, counted and shown") {
  ConfiguredHost host({.accept_ra = false}, {{host6, 64}});
  host.receives(nd_frame(wire::NeighborAdvertisement{host6, peer_mac, false, false, true}, host6, all_nodes6));
  CHECK(host.row(host6)->state == AddressState::duplicate);
  CHECK(host[stats::Neighbor::dad_duplicates] == 1);
  (void)host.asks(10s);
  CHECK_FALSE(host.has(host6));
  CHECK(host.has(own_link));  // the other one is fine
}

TEST_CASE("H12: RFC 4862 5.4.3: who looks for the same address at the same time ends it, too; who resolves it does not, nor our own frame") {
  ConfiguredHost host({.accept_ra = false}, {{host6, 64}});
  const IpAddress group = wire::solicited_node(host6);
  host.receives(nd_frame(wire::NeighborSolicitation{host6, peer_mac}, peer6, group));
  CHECK(host.row(host6)->state == AddressState::tentative);
  Bytes own;
  for (int ms = 0; ms < 1001 && own.empty(); ++ms) {
    for (const Bytes& frame : host.wire.take())
      if (frame[20] == wire::ip_proto::icmp6 && IpAddress::v6_from(&frame[62]) == host6) own = frame;
    if (own.empty()) host.advance(1ms);
  }
  REQUIRE_FALSE(own.empty());
  host.receives(own);  // by a loop on the link (RFC 7527)
  CHECK(host.row(host6)->state == AddressState::tentative);
  host.receives(nd_frame(wire::NeighborSolicitation{host6, {}, wire::Nonce{1, 2, 3, 4, 5, 6}}, IpAddress{}, group));
  CHECK(host.row(host6)->state == AddressState::duplicate);
}

TEST_CASE("H12: a tentative address is neither answered for nor talked to") {
  ConfiguredHost host({.accept_ra = false}, {{host6, 64}});
  host.receives(nd_frame(wire::NeighborSolicitation{host6, peer_mac}, peer6, wire::solicited_node(host6)));
  host.receives(ip_frame(wire::ip_proto::icmp6, icmp6_message(wire::icmp6_type::echo_request, 0, 1, counting(8)), peer6, host6));
  for (const Question& q : host.asks(0s)) CHECK(q.type != wire::icmp6_type::neighbor_advertisement);
  CHECK(host[stats::Icmp6::InEchos] == 0);
}

TEST_CASE("H12: its group is reported while the address is tentative, from no address (RFC 3590)") {
  ConfiguredHost host({.accept_ra = false});
  const auto frames = host.wire.take();
  // Reported by start(): before anything else was sent.
  REQUIRE_FALSE(host.ip.groups().rows().empty());
  CHECK(host[stats::Icmp6::OutMLDv2Reports] >= 1);
}
