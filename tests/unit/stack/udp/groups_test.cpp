// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/udp/udp.hpp>

#include <millrace/wire/udp.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

#include <array>
#include <cerrno>

using namespace millrace;
using namespace millrace::test;

namespace {

const IpAddress group4 = addr("239.1.2.3"), group6 = addr("ff15::7"), other_source = addr("10.77.0.9");

struct GroupHost : ScriptedHost {
  udp::Socket& bound(const IpAddress& address = addr("0.0.0.0")) {
    udp::Socket& socket = *udp.open(nullptr);
    socket.reuse_address = true;
    REQUIRE(udp.bind(socket, {address, 5353}) == 0);
    return socket;
  }
  void sends(const IpAddress& source = peer4, const IpAddress& to = group4) { receives(ip_frame(wire::ip_proto::udp, udp_datagram(99, 5353, counting(4), source, to), source, to)); }
  int reads(udp::Socket& socket) {
    std::array<std::uint8_t, 64> into;
    int n = 0;
    while (udp.recv_from(socket, into) >= 0) ++n;
    return n;
  }
};

}  // namespace

TEST_CASE("H11: each socket that joined gets its own copy; one that did not hears it, too, unless IP_MULTICAST_ALL is 0") {
  GroupHost host;
  udp::Socket &one = host.bound(), &two = host.bound(), &three = host.bound();
  host.sends();  // nobody is in
  REQUIRE(host.udp.join_group(one, group4, 0) == 0);
  REQUIRE(host.udp.join_group(two, group4, 0) == 0);
  three.multicast.all = false;
  host.sends();
  CHECK(host.reads(one) == 1);
  CHECK(host.reads(two) == 1);
  CHECK(host.reads(three) == 0);
  three.multicast.all = true;
  REQUIRE(host.udp.leave_group(two, group4, 0) == 0);
  host.sends();
  CHECK(host.reads(one) == 1);
  CHECK(host.reads(three) == 1);
  host.udp.close(one);  // leaves
  host.sends();
  CHECK(host.reads(three) == 0);
  CHECK(host.drops(stats::DropReason::group_unwanted) == 2);
}

TEST_CASE("H11: source filters are each socket's own") {
  GroupHost host;
  udp::Socket &only = host.bound(), &without = host.bound();
  REQUIRE(host.udp.join_source(only, group4, peer4, 0) == 0);
  REQUIRE(host.udp.join_group(without, group4, 0) == 0);
  REQUIRE(host.udp.block(without, group4, peer4, 0, true) == 0);
  host.sends(peer4);
  host.sends(other_source);
  CHECK(host.reads(only) == 1);
  CHECK(host.reads(without) == 1);
  REQUIRE(host.udp.block(without, group4, peer4, 0, false) == 0);
  REQUIRE(host.udp.join_source(only, group4, other_source, 0) == 0);
  host.sends(peer4);
  host.sends(other_source);
  CHECK(host.reads(only) == 2);
  CHECK(host.reads(without) == 2);
  REQUIRE(host.udp.leave_source(only, group4, peer4, 0) == 0);
  REQUIRE(host.udp.leave_source(only, group4, other_source, 0) == 0);
  CHECK(only.groups().empty());
}

TEST_CASE("H11: the same of IPv6") {
  GroupHost host;
  udp::Socket& socket = host.bound(IpAddress{});
  REQUIRE(host.udp.join_group(socket, group6, 1) == 0);
  host.sends(peer6, group6);
  CHECK(host.reads(socket) == 1);
  REQUIRE(host.udp.leave_group(socket, group6, 1) == 0);
  host.sends(peer6, group6);
  CHECK(host.reads(socket) == 0);
}

TEST_CASE("H11: what cannot be joined or left says why") {
  GroupHost host;
  udp::Socket& socket = host.bound();
  CHECK(host.udp.join_group(socket, peer4, 0) == -EINVAL);
  CHECK(host.udp.join_group(socket, group4, 9) == -ENODEV);
  CHECK(host.udp.leave_group(socket, group4, 0) == -EADDRNOTAVAIL);
  REQUIRE(host.udp.join_group(socket, group4, 0) == 0);
  CHECK(host.udp.join_group(socket, group4, 1) == -EADDRINUSE);
  CHECK(host.udp.join_source(socket, group4, peer4, 0) == -EINVAL);
  CHECK(host.udp.leave_source(socket, group4, peer4, 0) == -EINVAL);
  CHECK(host.udp.block(socket, group4, peer4, 0, false) == -EADDRNOTAVAIL);
  for (int n = 1; n < 20; ++n) REQUIRE(host.udp.join_group(socket, IpAddress::v4(239, 9, 9, static_cast<std::uint8_t>(n)), 0) == 0);
  CHECK(host.udp.join_group(socket, addr("239.9.9.99"), 0) == -ENOBUFS);
  for (int n = 1; n <= 10; ++n) REQUIRE(host.udp.block(socket, group4, IpAddress::v4(10, 77, 0, static_cast<std::uint8_t>(n)), 0, true) == 0);
  CHECK(host.udp.block(socket, group4, addr("10.77.0.99"), 0, true) == -ENOBUFS);
}

TEST_CASE("H11: the hop limit of what goes to a group is 1, or what IP_MULTICAST_TTL says") {
  GroupHost host;
  udp::Socket& socket = host.bound();
  const Endpoint to{group4, 5353};
  REQUIRE(host.udp.send_to(socket, counting(4), &to) == 4);
  CHECK(wire::Ipv4View::parse(behind(host.wire.take_one(), 14))->ttl() == 1);
  socket.multicast.hop_limit = 9;
  REQUIRE(host.udp.send_to(socket, counting(4), &to) == 4);
  CHECK(wire::Ipv4View::parse(behind(host.wire.take_one(), 14))->ttl() == 9);
}
