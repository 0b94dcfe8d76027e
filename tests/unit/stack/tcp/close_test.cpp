// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
using stats::Tcp;
using stats::TcpExt;
using tcp::State;
using Heard = std::vector<std::string>;

TEST_CASE("RFC 9293 3.6 case 1: close from here, FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT") {
  Established e;
  e.shuts_down();
  e.peer.expects(seq(1).ack(1).flags("FA"));
  CHECK(e.connection->connection_state() == State::fin_wait_1);
  e.peer.sends(flags("A"));
  CHECK(e.connection->connection_state() == State::fin_wait_2);
  e.peer.sends(flags("FA"));
  e.peer.expects(seq(2).ack(2).flags("A"));
  CHECK(e.app.take() == Heard{"readable", "closed 0"});
  CHECK(e.world.tcp.time_waits() == 1);
  CHECK(e.reads() == 0);
}

TEST_CASE("RFC 9293 3.6 case 1: FIN and the ACK of ours in one segment") {
  Established e;
  e.shuts_down();
  e.peer.expects(flags("FA"));
  e.peer.sends(flags("FA"));
  e.peer.expects(seq(2).ack(2).flags("A"));
  CHECK(e.world.tcp.time_waits() == 1);
}

TEST_CASE("RFC 9293 3.6 case 2: close by the peer, CLOSE-WAIT, LAST-ACK") {
  Established e;
  e.peer.sends(flags("FA"));
  e.peer.expects(ack(2).flags("A"));
  CHECK(e.connection->connection_state() == State::close_wait);
  CHECK(e.connection->at_end());
  CHECK(e.writes(10) == 10);  // our side is still open
  e.peer.expects(seq(1).data(10));
  e.shuts_down();
  e.peer.expects(seq(11).flags("FA"));
  CHECK(e.connection->connection_state() == State::last_ack);
  e.app.take();
  e.peer.sends(flags("A"));
  CHECK(e.app.take() == Heard{"closed 0"});
  CHECK(e.world.tcp.time_waits() == 0);
  CHECK(e.writes(1) == -EPIPE);
}

TEST_CASE("RFC 9293 3.6 case 3: simultaneous close, CLOSING, TIME-WAIT") {
  Established e;
  e.shuts_down();
  e.peer.expects(seq(1).flags("FA"));
  e.peer.sends(flags("FA").ack(1));  // sent before ours arrived
  e.peer.expects(seq(2).ack(2).flags("A"));
  CHECK(e.connection->connection_state() == State::closing);
  e.peer.sends(flags("A"));
  CHECK(e.world.tcp.time_waits() == 1);
  CHECK(e.app.take() == Heard{"readable", "closed 0"});
}

TEST_CASE("RFC 9293 3.6: after our FIN the peer's data is still received") {
  Established e;
  e.shuts_down();
  e.peer.expects(flags("FA"));
  e.peer.sends(flags("A"));
  e.peer.sends(data(500));
  CHECK(e.reads() == 500);
  CHECK(e.writes(1) == -EPIPE);
  e.peer.sends(data(100).flags("FA"));
  CHECK(e.reads() == 100);
  CHECK(e.reads() == 0);
  CHECK(e.world.tcp.time_waits() == 1);
}

TEST_CASE("RFC 9293 3.10.4: the FIN goes out behind everything written") {
  Established e(Opening{.window = 100});
  CHECK(e.writes(150) == 150);
  e.closes();
  e.peer.expects(seq(1).data(100).flags("A"));
  e.peer.sends(flags("A"));
  e.peer.expects(seq(101).data(50).flags("FPA"));
  e.peer.sends(flags("A"));
  e.peer.sends(flags("FA"));
  e.peer.expects(flags("A"));
  CHECK(e.world.tcp.time_waits() == 1);
}

TEST_CASE("RFC 9293 3.8.1: a lost FIN is sent again") {
  Established e;
  e.closes();
  e.peer.expects(seq(1).flags("FA"));
  e.world.advance(250ms);
  e.peer.expects(seq(1).flags("FA"));
}

TEST_CASE("RFC 1122 4.2.2.13: close with unread data resets") {
  Established e;
  e.peer.sends(data(10));
  e.peer.skips_all();
  e.closes();
  e.peer.expects(seq(1).ack(11).flags("RA"));
  CHECK(e.world.counter(TcpExt::TCPAbortOnClose) == 1);
  CHECK(e.world.dropped(DropReason::tcp_unread) == 1);
  CHECK(e.world.tcp.connections() == 0);
}

TEST_CASE("RFC 1122 4.2.2.13: data that comes after close resets") {
  Established e;
  e.closes();
  e.peer.expects(flags("FA"));
  e.peer.sends(flags("A"));
  e.peer.sends(data(10));
  e.peer.expects(seq(2).flags("RA"));
  CHECK(e.world.counter(TcpExt::TCPAbortOnData) == 1);
  CHECK(e.world.dropped(DropReason::tcp_after_close) == 1);
  CHECK(e.world.tcp.connections() == 0);
}

TEST_CASE("RFC 9293 3.10.5: abort sends RST and drops what was queued") {
  Established e(Opening{.window = 0});
  e.peer.sends(seq(101).data(10));
  e.peer.skips_all();
  CHECK(e.writes(100) == 100);
  std::exchange(e.connection, nullptr)->abort();
  e.world.run();
  e.peer.expects(seq(1).ack(1).flags("RA"));
  CHECK(e.world.dropped(DropReason::tcp_aborted) == 2);
  CHECK(e.app.take().empty());
  CHECK(e.world.tcp.connections() == 0);
}

TEST_CASE("RFC 9293 3.10.4: close in SYN-SENT forgets the connection") {
  TcpWorld world;
  App app;
  TcpPeer peer(world);
  auto c = world.tcp.connect(peer.local(), app);
  REQUIRE(c);
  world.run();
  (*c)->close();
  world.run();
  CHECK(world.tcp.connections() == 0);
  CHECK(world.counter(Tcp::AttemptFails) == 1);
  CHECK(app.take().empty());
}

TEST_CASE("an orphan does not stay in FIN-WAIT-2 (Linux: tcp_fin_timeout)") {
  Established e;
  e.closes();
  e.peer.expects(flags("FA"));
  e.peer.sends(flags("A"));
  e.world.advance(59s);
  CHECK(e.world.tcp.connections() == 1);
  e.world.advance(1s);
  CHECK(e.world.tcp.connections() == 0);
}

TEST_CASE("the application's half-closed connection stays in FIN-WAIT-2 as long as it likes, until close") {
  Established e;
  e.shuts_down();
  e.peer.expects(flags("FA"));
  e.peer.sends(flags("A"));
  e.world.advance(3600s);
  CHECK(e.connection->connection_state() == State::fin_wait_2);
  e.closes();
  e.world.advance(60s);
  CHECK(e.world.tcp.connections() == 0);
}

TEST_CASE("closing a listener resets what it holds") {
  Established e;
  TcpPeer waiting(e.world, {IpAddress::v4(10, 77, 0, 3), 6000});
  waiting.sends(flags("S"));
  waiting.expects(flags("SA"));
  waiting.sends(flags("A"));
  TcpPeer half_open(e.world, {IpAddress::v4(10, 77, 0, 4), 6000});
  half_open.sends(flags("S"));
  half_open.expects(flags("SA"));
  e.listener->close();
  e.world.run();
  half_open.expects(flags("RA"));
  waiting.expects(flags("RA"));
  CHECK(e.world.tcp.connections() == 1);
  half_open.sends(flags("S"));
  half_open.expects(flags("RA"));
}

TEST_CASE("shutdown_all resets every peer and frees every buffer with reason shutdown") {
  Established e(Opening{.window = 10});
  CHECK(e.writes(100) == 100);
  e.peer.sends({data(50), seq(101).data(5)});
  e.peer.skips_all();
  e.world.tcp.shutdown_all();
  e.peer.expects(flags("RA"));
  CHECK(e.world.dropped(DropReason::shutdown) == 3);  // unsent, unread, out of order
  CHECK(e.world.tcp.connections() == 0);
  CHECK(e.world.owners.size() == 0);
}
