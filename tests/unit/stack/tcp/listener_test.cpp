// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

using namespace millrace;
using namespace millrace::test;
using Heard = std::vector<std::string>;

namespace {

class Closing : public tcp::AcceptEvents {
 public:
  void on_accept(tcp::Listener& l) override {
    ++told;
    l.close();
    l.close();  // twice does no harm
  }
  int told = 0;
};

TcpPeer handshake(TcpWorld& world, std::uint8_t host) {
  TcpPeer peer(world, {IpAddress::v4(10, 77, 1, host), 5000});
  peer.sends(flags("S"));
  peer.expects(flags("SA"));
  peer.sends(flags("A"));
  return peer;
}

}  // namespace

TEST_CASE("accept gives null when nothing waits") {
  Established e;
  CHECK(e.listener->accept() == nullptr);
  CHECK(e.listener->waiting() == 0);
}

TEST_CASE("a connection reset while it waits is still accepted, and tells so") {
  Established e;
  TcpPeer peer = handshake(e.world, 1);
  CHECK(e.app.take() == Heard{"accept"});
  peer.sends(data(5));
  peer.sends(flags("R"));
  tcp::Connection* c = e.listener->accept();
  REQUIRE(c != nullptr);
  c->set_events(&e.app);
  e.world.run();
  CHECK(e.app.take() == Heard{"readable", "closed " + std::to_string(ECONNRESET)});
  c->close();
}

TEST_CASE("one on_accept for a burst of connections") {
  Established e;
  std::vector<TcpPeer> peers;
  for (std::uint8_t host = 1; host <= 3; ++host) {
    peers.emplace_back(e.world, Endpoint{IpAddress::v4(10, 77, 1, host), 5000});
    peers.back().sends(flags("S"));
    peers.back().expects(flags("SA"));
  }
  for (TcpPeer& peer : peers) e.world.deliver(peer.datagram(flags("A")), peer.delivery());
  e.world.run();
  CHECK(e.app.take() == Heard{"accept"});
  CHECK(e.listener->waiting() == 3);
}

TEST_CASE("on_accept may close the listener") {
  TcpWorld world;
  Closing app;
  REQUIRE(world.tcp.listen({TcpWorld::v4, 80}, 8, app));
  TcpPeer peer = handshake(world, 1);
  CHECK(app.told == 1);
  peer.expects(flags("RA"));
  CHECK(world.tcp.connections() == 0);
  REQUIRE(world.tcp.listen({TcpWorld::v4, 80}, 8, app));  // the port is free again
}
