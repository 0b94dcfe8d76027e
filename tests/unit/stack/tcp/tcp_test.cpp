// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

#include <functional>
#include <memory>

using namespace millrace;
using namespace millrace::test;

namespace {

class OnReadable : public tcp::Events {
 public:
  explicit OnReadable(std::function<void(tcp::Connection&)> f) : f_(std::move(f)) {}
  void on_readable(tcp::Connection& c) override { f_(c); }

 private:
  std::function<void(tcp::Connection&)> f_;
};

}  // namespace

TEST_CASE("nothing is sent before flush, and one ACK answers a burst") {
  Established e;
  for (int i = 0; i < 5; ++i) e.world.deliver(e.peer.datagram(data(100)), e.peer.delivery());
  e.peer.expects_nothing();
  CHECK(e.world.tcp.has_work());
  e.world.tcp.flush();
  CHECK_FALSE(e.world.tcp.has_work());
  e.peer.expects(ack(501).flags("A"));
  e.peer.expects_nothing();
}

TEST_CASE("flush from inside an event does not recurse, and what the event did is done") {
  Established e;
  int depth = 0;
  OnReadable app([&](tcp::Connection& c) {
    CHECK(++depth == 1);
    CHECK(c.write(std::vector<std::uint8_t>{pattern(1)}) == 1);
    e.world.tcp.flush();
    --depth;
  });
  e.connection->set_events(&app);
  e.peer.sends(data(1));
  e.peer.expects(seq(1).data(1).ack(2));
}

TEST_CASE("an event may open connections and listeners") {
  Established e;
  App other;
  OnReadable app([&](tcp::Connection& c) {
    REQUIRE(e.world.tcp.listen({TcpWorld::v4, 81}, 8, other));
    REQUIRE(e.world.tcp.connect({IpAddress::v4(10, 77, 0, 9), 99}, other));
    c.close();
  });
  e.connection->set_events(&app);
  e.peer.sends(data(1));
  REQUIRE(e.world.sent.size() == 2);  // RST for the unread byte, SYN
  TcpPeer peer(e.world, {IpAddress::v4(10, 77, 0, 7), 5000}, {TcpWorld::v4, 81});
  e.world.sent.clear();
  peer.sends(flags("S"));
  peer.expects(flags("SA"));
}

TEST_CASE("a thousand connections open, talk and close; their memory comes back") {
  tcp::Config config;
  config.somaxconn = 2000;
  TcpWorld world(config);
  App app;
  auto listener = world.tcp.listen({TcpWorld::v4, 80}, 2000, app);
  REQUIRE(listener);
  std::vector<TcpPeer> peers;
  std::vector<tcp::Connection*> connections;
  for (std::uint16_t i = 0; i < 1000; ++i) {
    peers.emplace_back(world, Endpoint{IpAddress::v4(10, 77, static_cast<std::uint8_t>(1 + i / 250), 2), static_cast<std::uint16_t>(5000 + i)});
    peers.back().sends(flags("S"));
    peers.back().expects(flags("SA"));
    peers.back().sends(flags("A"));
    connections.push_back((*listener)->accept());
    REQUIRE(connections.back() != nullptr);
  }
  CHECK(world.tcp.connections() == 1000);
  CHECK(world.owners.size() == 1000);
  for (std::size_t i = 0; i < 1000; ++i) {
    peers[i].sends(data(64));
    peers[i].expects(ack(65));
    std::vector<std::uint8_t> bytes(100);
    CHECK(connections[i]->read(bytes) == 64);
    connections[i]->close();
    world.run();
    peers[i].expects(flags("FA"));
    peers[i].sends(flags("FA"));
    peers[i].expects(flags("A"));
  }
  CHECK(world.tcp.connections() == 0);
  CHECK(world.tcp.time_waits() == 1000);
  world.advance(60s);
  CHECK(world.tcp.time_waits() == 0);
  CHECK(world.counter(stats::TcpExt::TW) == 1000);
  CHECK(world.owners.size() == 0);
}
