// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/ethernet.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include <array>
#include <cerrno>

using namespace millrace;
using namespace millrace::test;
using socket::Option;

namespace {

const IpAddress group4 = *IpAddress::parse("224.0.0.251"), group6 = *IpAddress::parse("ff02::fb");

UdpSocket& bound(Engine& engine, std::string_view local) {
  auto socket = TwoEngines::sockets(engine).bind_udp(endpoint(local));
  if (!socket) FAIL(socket.error().message);
  return **socket;
}

int reads(UdpSocket& socket) {
  std::array<std::uint8_t, 64> into;
  Endpoint from;
  int n = 0;
  while (socket.receive_from(into, from) >= 0) ++n;
  return n;
}

}  // namespace

TEST_CASE("H11: hosts on a link talk by groups, as mDNS does, in both families") {
  TwoEngines world;
  for (const auto& [any, group] : {std::pair{"0.0.0.0:5353", group4}, std::pair{"[::]:5353", group6}}) {
    UdpSocket& a = bound(*world.a, any);
    UdpSocket& b = bound(*world.b, any);
    CHECK(a.join_group(group) == 0);
    CHECK(b.join_group(group) == 0);
    world.run_for(2s);
    CHECK(a.send_to(bytes("who?"), {group, 5353}) == 4);
    world.run_for(1s);
    CHECK(reads(a) == 1);  // its own, by IP_MULTICAST_LOOP
    CHECK(reads(b) == 1);
    CHECK(b.leave_group(group) == 0);
    world.run_for(2s);
    CHECK(a.send_to(bytes("who?"), {group, 5353}) == 4);
    world.run_for(1s);
    CHECK(reads(b) == 0);
    a.close();
    b.close();
  }
}

TEST_CASE("H11: a broadcast reaches every socket of its port") {
  TwoEngines world;
  UdpSocket& a = bound(*world.a, "10.77.0.1:99");
  UdpSocket& b = bound(*world.b, "0.0.0.0:67");
  CHECK(a.send_to(bytes("x"), endpoint("10.77.0.255:67")) == -EACCES);
  CHECK(a.set_option(Option::broadcast, 1) == 0);
  CHECK(a.send_to(bytes("x"), endpoint("10.77.0.255:67")) == 1);
  CHECK(a.send_to(bytes("x"), endpoint("255.255.255.255:67")) == 1);
  world.run_for(1s);
  CHECK(reads(b) == 2);
}

TEST_CASE("H11: options of groups have Linux's ranges and defaults") {
  TwoEngines world;
  UdpSocket& socket = bound(*world.a, "0.0.0.0:99");
  const auto value = [&](Option option) {
    std::int64_t v = -99;
    CHECK(socket.get_option(option, v) == 0);
    return v;
  };
  for (const Option option : {Option::multicast_ttl, Option::multicast_hops}) {
    CHECK(value(option) == 1);
    CHECK(socket.set_option(option, 256) == -EINVAL);
    CHECK(socket.set_option(option, 255) == 0);
    CHECK(value(option) == 255);
    CHECK(socket.set_option(option, -1) == 0);
    CHECK(value(option) == 1);
  }
  for (const Option option : {Option::multicast_loop, Option::multicast_all, Option::ipv6_multicast_loop, Option::ipv6_multicast_all}) {
    CHECK(value(option) == 1);
    CHECK(socket.set_option(option, 0) == 0);
    CHECK(value(option) == 0);
  }
  CHECK(socket.set_option(Option::multicast_all, 2) == -EINVAL);
  for (const Option option : {Option::multicast_if, Option::ipv6_multicast_if}) {
    CHECK(value(option) == 0);
    CHECK(socket.set_option(option, 1) == 0);
    CHECK(value(option) == 1);
  }
}
