// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

#include <set>

using namespace millrace;
using namespace millrace::test;
using stats::Tcp;
using stats::TcpExt;
using Heard = std::vector<std::string>;

TEST_CASE("RFC 9293 3.5 figure 6: passive open, data both ways, close by the peer") {
  Established e;
  e.peer.sends(data(100));
  CHECK(e.app.take() == Heard{"readable"});
  CHECK(e.reads() == 100);
  e.peer.expects(ack(101).seq(1).flags("A"));
  CHECK(e.writes(50) == 50);
  e.peer.expects(seq(1).ack(101).data(50).flags("PA"));
  e.peer.sends(flags("FA"));
  CHECK(e.app.take() == Heard{"readable"});
  CHECK(e.reads() == 0);
  e.peer.expects(ack(102).flags("A"));
  e.closes();
  e.peer.expects(seq(51).ack(102).flags("FA"));
  e.peer.sends(flags("A"));
  e.peer.expects_nothing();
  CHECK(e.world.tcp.connections() == 0);
}

TEST_CASE("RFC 9293 3.5 figure 6: active open, on IPv4 and IPv6") {
  for (const bool ipv6 : {false, true}) {
    Established e(Opening{.passive = false, .ipv6 = ipv6});
    CHECK(e.world.counter(Tcp::ActiveOpens) == 1);
    CHECK(e.writes(2000) == 2000);
    e.peer.expects(seq(1).data(ipv6 ? 1440 : 1460));
    e.peer.expects(data(ipv6 ? 560 : 540));
    e.peer.sends(data(10));
    CHECK(e.reads() == 10);
  }
}

TEST_CASE("RFC 9293 3.10.1: a SYN offers MSS, window scale and timestamps") {
  TcpWorld world;
  App app;
  TcpPeer peer(world);
  auto c = world.tcp.connect(peer.local(), app);
  REQUIRE(c);
  world.run();
  peer.set_stack((*c)->local());
  const Captured syn = peer.expects(flags("S").mss(1460).scale(6).window(65535));
  CHECK(syn.header.ack == 0);
  CHECK(syn.options.has_timestamps);
  CHECK(syn.options.ts_echo == 0);
  (*c)->close();
}

TEST_CASE("connect says why it cannot") {
  tcp::Config config;
  config.max_connections = 1;
  config.port_low = config.port_high = 40000;
  TcpWorld world(config);
  App app;
  const Endpoint there{IpAddress::v4(10, 77, 0, 2), 80};
  CHECK(world.tcp.connect({IpAddress::v4(10, 77, 0, 2), 0}, app).error().code == EADDRNOTAVAIL);
  CHECK(world.tcp.connect({IpAddress::v4(224, 0, 0, 1), 80}, app).error().code == EADDRNOTAVAIL);
  world.routed = false;
  CHECK(world.tcp.connect(there, app).error().code == ENETUNREACH);
  world.routed = true;
  auto first = world.tcp.connect(there, app);
  REQUIRE(first);
  CHECK(world.tcp.connect(there, app).error().code == EADDRNOTAVAIL);  // the only port is taken
  CHECK(world.tcp.connect(there, app, {{}, 40000}).error().code == EADDRINUSE);
  const auto full = world.tcp.connect(there, app, {{}, 40001});
  CHECK(full.error().code == ENOBUFS);
  CHECK(full.error().message.find("max_connections") != std::string::npos);
  CHECK(world.counter(TcpExt::TCPNoConnection) == 1);
  (*first)->close();
}

TEST_CASE("listen says why it cannot, and finds a port") {
  TcpWorld world;
  App app;
  auto first = world.tcp.listen({TcpWorld::v4, 80}, 8, app);
  REQUIRE(first);
  CHECK(world.tcp.listen({TcpWorld::v4, 80}, 8, app).error().code == EADDRINUSE);
  CHECK(world.tcp.listen({IpAddress::v4(192, 0, 2, 1), 80}, 8, app).error().code == EADDRNOTAVAIL);
  auto any = world.tcp.listen({TcpWorld::v4, 0}, 8, app);
  REQUIRE(any);
  CHECK((*any)->local().port >= 32768);
}

TEST_CASE("RFC 6056 3.3.4: ports differ, go round, and belong to this lcore's share") {
  tcp::Config config;
  config.port_low = 32768;
  config.port_high = 32768 + 29;
  config.port_stride = 3;
  config.port_phase = 1;
  TcpWorld world(config);
  App app;
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 10; ++i) {
    auto c = world.tcp.connect({IpAddress::v4(10, 77, 0, 2), 80}, app);
    REQUIRE(c);
    const std::uint16_t port = (*c)->local().port;
    CHECK(port % 3 == 1);
    CHECK((port >= 32768 && port <= 32797));
    ports.insert(port);
  }
  CHECK(ports.size() == 10);
  CHECK_FALSE(world.tcp.connect({IpAddress::v4(10, 77, 0, 2), 80}, app));
  CHECK(world.tcp.connect({IpAddress::v4(10, 77, 0, 2), 81}, app));  // other 4-tuples
}

TEST_CASE("RFC 5681 3.1: after a lost SYN-ACK the first flight is one segment") {
  TcpWorld world;
  App app;
  auto listener = world.tcp.listen({TcpWorld::v4, 80}, 8, app);
  REQUIRE(listener);
  TcpPeer peer(world);
  peer.sends(flags("S"));
  peer.expects(flags("SA"));
  world.advance(1s);
  peer.expects(flags("SA"));
  peer.sends(flags("A"));
  tcp::Connection* c = (*listener)->accept();
  REQUIRE(c != nullptr);
  CHECK(c->info().cwnd_bytes == 1460);
  CHECK(c->info().rto == 3s);  // RFC 6298 (5.7)
  c->abort();
}

TEST_CASE("RFC 6298 4: the handshake is the first round trip measured") {
  TcpWorld world;
  App app;
  TcpPeer peer(world);
  auto c = world.tcp.connect(peer.local(), app);
  REQUIRE(c);
  world.run();
  peer.set_stack((*c)->local());
  peer.expects(flags("S"));
  world.advance(80ms);
  peer.sends(flags("SA"));
  CHECK((*c)->info().srtt == 80ms);
  CHECK((*c)->info().rto == 280ms);
  (*c)->abort();
}
