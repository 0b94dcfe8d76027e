// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

using namespace millrace;
using namespace millrace::test;
using stats::TcpExt;

namespace {
/// A connection from `port` that ends in TIME-WAIT here.
void comes_and_goes(TcpWorld& world, tcp::Listener& listener, std::uint16_t port) {
  TcpPeer peer(world, {IpAddress::v4(10, 77, 0, 2), port});
  peer.sends(flags("S"));
  peer.expects(flags("SA"));
  peer.sends(flags("A"));
  listener.accept()->close();
  world.run();
  peer.expects(flags("FA"));
  peer.sends(flags("FA"));
  peer.expects(flags("A").ack(2));
}
}  // namespace

TEST_CASE("RFC 9293 3.6.1: each TIME-WAIT lasts its time, by one timer for all") {
  tcp::Config config;
  config.time_wait = 10s;
  TcpWorld world(config);
  App app;
  auto listener = world.tcp.listen({TcpWorld::v4, 80}, 8, app);
  REQUIRE(listener);
  for (std::uint16_t i = 0; i < 3; ++i) {
    comes_and_goes(world, **listener, static_cast<std::uint16_t>(5000 + i));
    world.advance(1s);
  }
  CHECK(world.tcp.time_waits() == 3);
  CHECK(world.owners.size() == 3);
  world.advance(7s);
  CHECK(world.tcp.time_waits() == 2);
  world.advance(1s);
  CHECK(world.tcp.time_waits() == 1);
  world.advance(1s);
  CHECK(world.tcp.time_waits() == 0);
  CHECK(world.owners.size() == 0);
  CHECK(world.wheel.next_expiry() == never);
}

TEST_CASE("beyond tcp_max_tw_buckets a connection is closed at once and counted") {
  tcp::Config config;
  config.max_tw_buckets = 2;
  TcpWorld world(config);
  App app;
  auto listener = world.tcp.listen({TcpWorld::v4, 80}, 8, app);
  REQUIRE(listener);
  for (std::uint16_t i = 0; i < 3; ++i) comes_and_goes(world, **listener, static_cast<std::uint16_t>(5000 + i));
  CHECK(world.tcp.time_waits() == 2);
  CHECK(world.counter(TcpExt::TCPTimeWaitOverflow) == 1);
  CHECK(world.owners.size() == 2);
}
