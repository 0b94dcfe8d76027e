// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

using namespace millrace;
using namespace millrace::test;
using stats::Tcp;
using stats::TcpExt;
using Heard = std::vector<std::string>;

TEST_CASE("RFC 6298 5: a segment is resent after the RTO, and the RTO doubles") {
  Established e;
  const Instant begin = e.world.env.now;
  CHECK(e.writes(100) == 100);
  e.peer.expects(seq(1).data(100));
  const Duration rto = e.connection->info().rto;
  e.world.advance(10 * rto);
  CHECK(e.peer.expects(seq(1).data(100)).at == begin + rto);
  CHECK(e.peer.expects(seq(1).data(100)).at == begin + 3 * rto);
  CHECK(e.peer.expects(seq(1).data(100)).at == begin + 7 * rto);
  e.peer.expects_nothing();
  CHECK(e.world.counter(TcpExt::TCPTimeouts) == 3);
  CHECK(e.world.counter(Tcp::RetransSegs) == 3);
  e.peer.sends(flags("A"));
  e.world.advance(100s);
  e.peer.expects_nothing();
}

TEST_CASE("RFC 6298 5.3: an ACK of new data starts the timer anew") {
  Established e;
  CHECK(e.writes(2920) == 2920);
  CHECK(e.peer.skips_all() == 2);
  e.world.advance(150ms);
  e.peer.sends(ack(1461));
  const Duration rto = e.connection->info().rto;
  e.world.advance(rto - 1ms);
  e.peer.expects_nothing();
  e.world.advance(1ms);
  e.peer.expects(seq(1461).data(1460));
}

TEST_CASE("RFC 6298 3 (Karn): an ambiguous round trip is not measured, and the back-off stays") {
  Established e;
  CHECK(e.writes(100) == 100);
  e.peer.skips_all();
  const Duration srtt = e.connection->info().srtt;
  e.world.advance(250ms);
  e.peer.skips_all();
  e.peer.sends(flags("A"));
  CHECK(e.connection->info().srtt == srtt);
  const Duration backed_off = e.connection->info().rto;
  CHECK(backed_off > 400ms);
  CHECK(e.writes(100) == 100);
  e.peer.skips_all();
  e.world.advance(10ms);
  e.peer.sends(flags("A"));
  CHECK(e.connection->info().rto < 250ms);  // an unambiguous sample ends it
}

TEST_CASE("RFC 7323 4.1: with timestamps the echo resolves the ambiguity") {
  Established e(Opening{.timestamps = true});
  CHECK(e.writes(100) == 100);
  e.peer.skips_all();
  e.world.advance(250ms);
  e.peer.skips_all();
  e.world.advance(20ms);
  e.peer.sends(flags("A"));  // echoes the retransmission, which left at 200 ms
  CHECK(e.connection->info().srtt > 8ms);
  CHECK(e.connection->info().srtt < 10ms);
}

TEST_CASE("RFC 5681 3.1: after a timeout everything outstanding goes again, in slow start") {
  Established e;
  CHECK(e.writes(14600) == 14600);
  CHECK(e.peer.skips_all() == 10);
  e.world.advance(201ms);
  e.peer.expects(seq(1).data(1460));
  e.peer.expects_nothing();
  CHECK(e.connection->info().cwnd_bytes == 1460);
  CHECK(e.connection->info().ssthresh_bytes == 7300);
  e.peer.sends(ack(1461));
  e.peer.expects(seq(1461).data(1460));
  e.peer.expects(seq(2921).data(1460));
  e.peer.expects_nothing();
  e.peer.sends(ack(10221));  // the peer had the next ones
  e.peer.expects(seq(10221).data(1460));
}

TEST_CASE("RFC 9293 3.8.3, Linux tcp_retries2: 15 retransmissions, then ETIMEDOUT") {
  Established e;
  const Instant begin = e.world.env.now;
  CHECK(e.writes(100) == 100);
  e.peer.expects(seq(1));
  e.world.advance(3600s);
  CHECK(e.peer.skips_all() == 15);
  CHECK(e.app.take() == Heard{"closed " + std::to_string(ETIMEDOUT)});
  CHECK(e.world.counter(TcpExt::TCPAbortOnTimeout) == 1);
  CHECK(e.world.owners.size() == 0);
  CHECK(e.world.env.now == begin + 3600s);
}

TEST_CASE("Linux tcp_orphan_retries: what the application has let go is tried 8 times") {
  Established e;
  CHECK(e.writes(100) == 100);
  e.closes();
  e.peer.skips_all();
  e.world.advance(3600s);
  CHECK(e.peer.skips_all() == 8);
  CHECK(e.world.tcp.connections() == 0);
}

TEST_CASE("RFC 9293 3.8.3, Linux tcp_syn_retries: 6 more SYNs, then ETIMEDOUT") {
  TcpWorld world;
  App app;
  TcpPeer peer(world);
  auto c = world.tcp.connect(peer.local(), app);
  REQUIRE(c);
  world.run();
  peer.set_stack((*c)->local());
  peer.expects(flags("S"));
  const Instant begin = world.env.now;
  world.advance(126s);
  CHECK(app.take().empty());
  for (const auto at : {1s, 3s, 7s, 15s, 31s, 63s}) CHECK(peer.expects(flags("S").seq(0)).at == begin + at);
  world.advance(1s);
  CHECK(app.take() == Heard{"closed " + std::to_string(ETIMEDOUT)});
  CHECK(world.counter(TcpExt::TCPSynRetrans) == 6);
  (*c)->close();
}

TEST_CASE("RFC 9293 3.8.6.1: a zero window is probed with back-off, for as long as the peer answers") {
  Established e(Opening{.window = 0});
  const Instant begin = e.world.env.now;
  CHECK(e.writes(100) == 100);
  e.peer.expects_nothing();
  const Duration rto = e.connection->info().rto;
  e.world.advance(8 * rto);
  for (const int at : {1, 3, 7}) {
    const Captured probe = e.peer.expects(seq(0).data(0).flags("A"));
    CHECK(probe.at == begin + at * rto);
  }
  e.peer.expects_nothing();
  for (int i = 0; i < 40; ++i) {
    e.peer.sends(flags("A"));
    e.world.advance(120s);
    CHECK(e.peer.skips_all() > 0);
  }
  CHECK(e.app.take().empty());
  CHECK(e.world.counter(TcpExt::TCPWinProbe) > 40);
  e.peer.sends(flags("A").window(1000));
  e.peer.expects(seq(1).data(100));
}

TEST_CASE("RFC 9293 3.8.6.1: probes that nobody answers end the connection") {
  Established e(Opening{.window = 0});
  CHECK(e.writes(100) == 100);
  e.world.advance(3600s);
  CHECK(e.peer.skips_all() == 15);
  CHECK(e.app.take() == Heard{"closed " + std::to_string(ETIMEDOUT)});
}

TEST_CASE("RFC 9293 3.8.6, MUST-34 and 37: a window that was shut with data in flight does not end the connection") {
  Established e;
  CHECK(e.writes(1000) == 1000);
  e.peer.skips_all();
  for (int i = 0; i < 30; ++i) {
    e.peer.sends(ack(1).window(0));
    e.world.advance(120s);
  }
  CHECK(e.app.take().empty());
  e.peer.skips_all();
  e.peer.sends(flags("A"));
  CHECK(e.connection->info().in_flight_bytes == 0);
}

TEST_CASE("an idle connection has no deadline once its last one has passed") {
  Established e;
  CHECK(e.writes(10) == 10);
  e.peer.skips_all();
  e.peer.sends(flags("A"));
  e.world.advance(1s);  // the timer still stood where the retransmission would have been
  CHECK(e.world.wheel.next_expiry() == never);
}
