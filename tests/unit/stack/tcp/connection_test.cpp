// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

#include <functional>

using namespace millrace;
using namespace millrace::test;
using Heard = std::vector<std::string>;

namespace {

/// Does something of the test's choice when told.
class Acting : public tcp::Events {
 public:
  std::function<void(tcp::Connection&)> readable = [](tcp::Connection&) {};
  std::function<void(tcp::Connection&)> closed = [](tcp::Connection&) {};
  void on_readable(tcp::Connection& c) override { readable(c); }
  void on_closed(tcp::Connection& c, int) override { closed(c); }
};

}  // namespace

TEST_CASE("POSIX results: EAGAIN before data, 0 at the end, 0 for nothing asked") {
  Established e;
  CHECK(e.reads() == -EAGAIN);
  CHECK(e.connection->read({}) == 0);
  e.peer.sends(flags("FA"));
  CHECK(e.reads() == 0);
  CHECK(e.reads() == 0);
}

TEST_CASE("on_readable comes once per burst") {
  Established e;
  e.peer.sends({data(10), data(10), data(10)});
  CHECK(e.app.take() == Heard{"readable"});
  CHECK(e.connection->readable() == 30);
  CHECK(e.reads() == 30);
}

TEST_CASE("write before the connection is established waits for on_writable") {
  TcpWorld world;
  App app;
  TcpPeer peer(world);
  auto c = world.tcp.connect(peer.local(), app);
  REQUIRE(c);
  const std::vector<std::uint8_t> bytes(10);
  CHECK((*c)->write(bytes) == -EAGAIN);
  CHECK((*c)->writable() == 0);
  world.run();
  peer.set_stack((*c)->local());
  peer.expects(flags("S"));
  peer.sends(flags("SA"));
  CHECK(app.take() == Heard{"connected", "writable"});
  (*c)->close();
}

TEST_CASE("the send buffer is bounded; on_writable tells when there is room again") {
  Established e(Opening{.window = 0});
  std::int64_t sum = 0;
  while (e.connection->writable() > 0) {
    const std::int64_t n = e.writes(100000);
    REQUIRE(n > 0);
    sum += n;
  }
  CHECK(sum < 100000);
  CHECK(e.writes(1) == -EAGAIN);
  CHECK(e.app.take().empty());
  e.peer.sends(flags("A").window(65535));
  while (e.peer.skips_all() > 0) e.peer.sends(flags("A"));
  CHECK(e.app.take() == Heard{"writable"});
  CHECK(e.connection->writable() > 0);
}

TEST_CASE("read_packet hands out payload without a copy, trimmed of its headers") {
  Established e;
  e.peer.sends({data(100), data(50)});
  pkt::Packet first = e.connection->read_packet();
  REQUIRE(first);
  const auto bytes = bytes_of(first);
  CHECK(bytes.size() == 100);
  CHECK(bytes[99] == pattern(100));
  consume(e.world.env, std::move(first), stats::Ledger::delivered);
  pkt::Packet second = e.connection->read_packet();
  REQUIRE(second);
  CHECK(second.length() == 50);
  consume(e.world.env, std::move(second), stats::Ledger::delivered);
  CHECK_FALSE(e.connection->read_packet());
}

TEST_CASE("whoever is set later hears of data and of an end that came before") {
  Established e;
  e.connection->set_events(nullptr);
  e.peer.sends(data(10));
  e.peer.sends(flags("R"));
  CHECK(e.app.take().empty());
  e.connection->set_events(&e.app);
  e.world.run();
  CHECK(e.app.take() == Heard{"readable", "closed " + std::to_string(ECONNRESET)});
}

TEST_CASE("a callback may read, write, and close its own connection") {
  Established e;
  Acting echo;
  echo.readable = [&](tcp::Connection& c) {
    std::vector<std::uint8_t> bytes(100);
    const auto n = c.read(bytes);
    REQUIRE(n > 0);
    CHECK(c.write(std::span(bytes).first(static_cast<std::size_t>(n))) == n);
    c.close();
  };
  e.connection->set_events(&echo);
  e.peer.sends(data(100));
  e.peer.expects(seq(1).ack(101).data(100).flags("FPA"));  // one segment: data, FIN and ACK
  e.peer.expects_nothing();
}

TEST_CASE("a callback may abort another connection, and itself in on_closed") {
  Established e;
  TcpPeer second_peer(e.world, {IpAddress::v4(10, 77, 0, 3), 6000});
  second_peer.sends(flags("S"));
  second_peer.expects(flags("SA"));
  second_peer.sends(flags("A"));
  tcp::Connection* second = e.listener->accept();
  REQUIRE(second != nullptr);
  Acting on_second;
  on_second.closed = [](tcp::Connection& c) { c.abort(); };
  second->set_events(&on_second);
  Acting on_first;
  on_first.readable = [&](tcp::Connection& c) {
    second->abort();
    c.abort();
  };
  e.connection->set_events(&on_first);
  e.peer.sends(data(1));
  CHECK(e.peer.skips_all() == 2);
  CHECK(e.world.tcp.connections() == 0);
}

TEST_CASE("the pointer outlives the connection until close") {
  Established e;
  Acting app;
  int told = 0;
  app.closed = [&](tcp::Connection&) { ++told; };
  e.connection->set_events(&app);
  e.peer.sends(flags("R"));
  e.world.advance(3600s);
  CHECK(told == 1);
  CHECK(e.connection->remote() == e.peer.local());
  CHECK(e.connection->connection_state() == tcp::State::closed);
  CHECK(std::string(tcp::to_string(e.connection->connection_state())) == "CLOSED");
  e.closes();
  CHECK(e.world.tcp.connections() == 0);
}

TEST_CASE("info shows what ss -i shows") {
  Established e;
  CHECK(e.writes(1000) == 1000);
  e.peer.skips_all();
  auto info = e.connection->info();
  CHECK(info.mss == 1460);
  CHECK(info.cwnd_bytes == 14600);
  CHECK(info.in_flight_bytes == 1000);
  CHECK(info.send_window_bytes == 65535);
  e.world.advance(30ms);
  e.peer.sends(flags("A"));
  info = e.connection->info();
  CHECK(info.in_flight_bytes == 0);
  CHECK(info.bytes_acked == 1000);
  CHECK(info.srtt > 1ms);
  CHECK(info.retransmitted_segments == 0);
}
