// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

#include <cerrno>

using namespace millrace;
using namespace millrace::test;

namespace {

/// Sends each datagram back without copying it.
struct Echo final : udp::Events {
  explicit Echo(udp::Udp& u) : udp(u) {}
  void on_readable(udp::Socket& socket) override {
    Endpoint from;
    while (pkt::Packet datagram = udp.take(socket, &from)) (void)udp.send_packet(socket, std::move(datagram), &from);
  }
  void on_error(udp::Socket&, int) override {}
  udp::Udp& udp;
};

}  // namespace

TEST_CASE("J1: UDP echo over both families on one socket") {
  ScriptedHost host;
  host.knows_peer();
  Echo echo(host.udp);
  udp::Socket& socket = *host.udp.open(&echo);
  REQUIRE(host.udp.bind(socket, {addr("::"), 7}) == 0);
  for (std::size_t size = 0; size <= 1452; size += 121) {
    host.receives(ip_frame(wire::ip_proto::udp, udp_datagram(999, 7, counting(size))));
    CHECK(behind(host.wire.take_one(), 34) == udp_datagram(7, 999, counting(size), host4, peer4));
    host.receives(ip_frame(wire::ip_proto::udp, udp_datagram(999, 7, counting(size), peer6, host6), peer6, host6));
    CHECK(behind(host.wire.take_one(), 54) == udp_datagram(7, 999, counting(size), host6, peer6));
  }
}

TEST_CASE("J1: echoes wait for the neighbour and go in order") {
  ScriptedHost host;
  Echo echo(host.udp);
  udp::Socket& socket = *host.udp.open(&echo);
  REQUIRE(host.udp.bind(socket, {addr("0.0.0.0"), 7}) == 0);
  for (int i = 0; i < 5; ++i) host.receives(ip_frame(wire::ip_proto::udp, udp_datagram(999, 7, counting(1, i))));
  CHECK(host.wire.take().size() == 1);  // the ARP request
  host.receives(arp_frame(arp_reply()));
  const auto frames = host.wire.take();
  REQUIRE(frames.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) CHECK(frames[i][42] == i);
}

TEST_CASE("RFC 1122 4.1.3.3: a host that is not there is no error for UDP, a closed port on it is") {
  ScriptedHost host;
  udp::Socket& socket = *host.udp.open(nullptr);
  REQUIRE(host.udp.connect(socket, {peer4, 7}) == 0);
  REQUIRE(host.udp.send_to(socket, counting(4)) == 4);
  host.advance(5s);  // nobody answers: soft (icmp_err_convert)
  CHECK(host.drops(stats::DropReason::neighbor_failed) == 1);
  CHECK(host.udp.recv_from(socket, {}) == -EAGAIN);
  (void)host.wire.take();
  REQUIRE(host.udp.send_to(socket, counting(4)) == 4);
  host.receives(arp_frame(arp_reply()));
  const auto frames = host.wire.take();
  REQUIRE(frames.size() == 2);
  host.receives(ip_frame(wire::ip_proto::icmp, icmp4_message(3, 3, 0, behind(frames[1], 14))));
  CHECK(host.udp.send_to(socket, counting(4)) == -ECONNREFUSED);
  CHECK(host.udp.send_to(socket, counting(4)) == 4);
}
