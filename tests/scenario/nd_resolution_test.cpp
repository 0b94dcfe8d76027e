// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/icmp6.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

using namespace millrace;
using namespace millrace::test;

TEST_CASE("RFC 4861: ping6 from a stranger: our solicitation, its advertisement, then the reply") {
  ScriptedHost host;
  host.receives(
      ip_frame(wire::ip_proto::icmp6, icmp6_message(wire::icmp6_type::echo_request, 0, 1, counting(56)), peer6, host6));
  const Bytes question = host.wire.take_one();
  CHECK(question[54] == wire::icmp6_type::neighbor_solicitation);
  host.receives(nd_frame(wire::NeighborAdvertisement{peer6, peer_mac, false, true, true}, peer6, host6));
  const Bytes reply = host.wire.take_one();
  CHECK(reply[54] == wire::icmp6_type::echo_reply);
  CHECK(has_right_checksums(reply));
}

TEST_CASE("RFC 4861 7.2.3: ping6 from a host that solicited us needs no question of ours") {
  ScriptedHost host;
  host.receives(nd_frame(wire::NeighborSolicitation{host6, peer_mac}, peer6, wire::solicited_node(host6)));
  CHECK(host.wire.take_one()[54] == wire::icmp6_type::neighbor_advertisement);
  host.receives(
      ip_frame(wire::ip_proto::icmp6, icmp6_message(wire::icmp6_type::echo_request, 0, 1, counting(56)), peer6, host6));
  CHECK(host.wire.take_one()[54] == wire::icmp6_type::echo_reply);
}

TEST_CASE("RFC 4861 7.3: a neighbour that answers stays reachable over hours of traffic") {
  ScriptedHost host;
  udp::Socket& socket = *host.udp.open(nullptr);
  const Endpoint to{peer6, 7};
  int solicited = 0;
  for (int second = 0; second < 7200; ++second) {
    REQUIRE(host.udp.send_to(socket, counting(4), &to) == 4);
    host.advance(1s);
    for (const Bytes& frame : host.wire.take()) {
      if (frame[20] != wire::ip_proto::icmp6) continue;
      ++solicited;
      host.receives(nd_frame(wire::NeighborAdvertisement{peer6, peer_mac, false, true, true}, peer6, host6));
    }
    (void)host.wire.take();
  }
  CHECK(host.drops(stats::DropReason::neighbor_failed) == 0);
  CHECK(solicited > 7200 / 50);  // at most 45 s reachable, then 5 s of delay
  CHECK(solicited < 7200 / 19);  // at least 15 s, then 5 s
}
