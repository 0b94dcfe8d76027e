// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
using stats::Tcp;
using stats::TcpExt;

TEST_CASE("RFC 9293 3.10.7.4 fifth step: without ACK a segment is dropped") {
  Established e;
  e.peer.sends(data(10).flags("P"));
  e.peer.expects_nothing();
  CHECK(e.reads() == -EAGAIN);
  CHECK(e.world.dropped(DropReason::tcp_bad_flags) == 1);
}

TEST_CASE("RFC 9293 3.10.7.4 fifth step: in SYN-RECEIVED a wrong ACK is reset") {
  TcpWorld world;
  App app;
  auto listener = world.tcp.listen({TcpWorld::v4, 80}, 8, app);
  REQUIRE(listener);
  TcpPeer peer(world);
  peer.sends(flags("S"));
  peer.expects(flags("SA"));
  peer.sends(flags("A").ack(2));
  peer.expects(flags("R").seq(2));
  CHECK((*listener)->half_open() == 1);
  peer.sends(flags("A"));
  CHECK((*listener)->waiting() == 1);
}

TEST_CASE("RFC 9293 3.10.7.4 fifth step: an ACK of what was never sent is answered and dropped, its data too") {
  Established e;
  e.peer.sends(seq(1).data(10).ack(2));
  e.peer.expects(seq(1).ack(1).flags("A"));
  CHECK(e.reads() == -EAGAIN);
  CHECK(e.world.dropped(DropReason::tcp_bad_ack) == 1);
}

TEST_CASE("RFC 5961 5.2: an ACK older than the largest window is challenged") {
  Established e(Opening{.window = 2000});
  CHECK(e.writes(10000) == 10000);
  for (int i = 0; i < 5; ++i) {
    e.peer.skips_all();
    e.peer.sends(flags("A"));
  }
  e.peer.skips_all();
  const std::uint32_t una = e.peer.seen;
  e.peer.sends(seq(1).data(10).ack(una - 2000));  // old, but possible
  CHECK(e.reads() == 10);
  e.peer.skips_all();
  e.peer.sends(seq(11).data(10).ack(una - 7000));
  e.peer.expects(ack(11).flags("A"));
  CHECK(e.world.counter(TcpExt::TCPChallengeACK) == 1);
  CHECK(e.reads() == -EAGAIN);
}

TEST_CASE("RFC 9293 3.10.7.4 fifth step: an older segment does not move the window back") {
  Established e(Opening{.window = 0});
  CHECK(e.writes(100) == 100);
  e.peer.sends(data(10).window(50));  // newer by SEG.SEQ
  e.peer.expects(seq(1).data(50));
  e.peer.sends(seq(1).ack(1).window(60000).data(0));  // SEG.SEQ before SND.WL1: unacceptable, and no update
  e.peer.skips_all();
  CHECK(e.connection->info().send_window_bytes == 50);
}

TEST_CASE("RFC 7323 2.3: the peer's window is scaled") {
  Established e(Opening{.scale = 3, .window = 500});
  CHECK(e.connection->info().send_window_bytes == 4000);
}

TEST_CASE("RFC 5681 3.2: the third duplicate ACK resends the first segment, before any timeout") {
  Established e;
  CHECK(e.writes(14600) == 14600);
  CHECK(e.peer.skips_all() == 10);
  e.peer.sends({ack(1), ack(1)});
  e.peer.expects_nothing();
  e.peer.sends(ack(1));
  e.peer.expects(seq(1).data(1460));
  e.peer.expects_nothing();
  CHECK(e.world.counter(TcpExt::TCPFastRetrans) == 1);
  CHECK(e.world.counter(Tcp::RetransSegs) == 1);
  CHECK(e.connection->info().ssthresh_bytes == 7300);
  CHECK(e.connection->info().cwnd_bytes == 7300 + 3 * 1460);
  e.peer.sends(ack(14601));
  CHECK(e.connection->info().cwnd_bytes == 2 * 1460);  // nothing in flight: RFC 6582 avoids the burst
  CHECK(e.connection->info().retransmitted_segments == 1);
}

TEST_CASE("RFC 6582 3.2 step 3: a partial ACK resends the next hole and stays in recovery") {
  Established e;
  CHECK(e.writes(14600) == 14600);
  CHECK(e.peer.skips_all() == 10);
  e.peer.sends({ack(1), ack(1), ack(1)});
  e.peer.expects(seq(1).data(1460));
  e.peer.sends(ack(4381));  // the fourth was lost, too
  e.peer.expects(seq(4381).data(1460));
  e.peer.expects_nothing();
  e.peer.sends(ack(7301));  // and the sixth
  e.peer.expects(seq(7301).data(1460));
  e.peer.sends(ack(14601));
  e.peer.expects_nothing();
  CHECK(e.world.counter(TcpExt::TCPFastRetrans) == 1);
  CHECK(e.world.counter(TcpExt::TCPTimeouts) == 0);
}

TEST_CASE("RFC 5681 3.2 step 4: further duplicates inflate the window and let new data out") {
  Established e;
  CHECK(e.writes(30000) == 30000);
  CHECK(e.peer.skips_all() == 10);
  e.peer.sends({ack(1), ack(1), ack(1)});
  e.peer.expects(seq(1).data(1460));
  e.peer.expects_nothing();  // the three came in one burst, so limited transmit had no turn
  std::size_t more = 0;
  for (int i = 0; i < 7; ++i) {
    e.peer.sends(ack(1));
    more += e.peer.skips_all();
  }
  CHECK(more == 5);  // ssthresh 5 + 3 + 7 duplicates = 15 segments against 10 in flight
}

TEST_CASE("RFC 5681 2: a window update, data, or an ACK with nothing in flight is no duplicate") {
  Established e;
  e.peer.sends({ack(1), ack(1), ack(1), ack(1)});
  CHECK(e.writes(14600) == 14600);
  CHECK(e.peer.skips_all() == 10);
  for (std::uint32_t i = 1; i <= 4; ++i) e.peer.sends(ack(1).window(60000 + i));
  for (int i = 0; i < 4; ++i) e.peer.sends(data(10).ack(1).window(60004));
  e.peer.skips_all();
  CHECK(e.world.counter(TcpExt::TCPFastRetrans) == 0);
}

TEST_CASE("RFC 6582 3.2 step 2: after a timeout, duplicates of what was outstanding start no fast retransmit") {
  Established e;
  CHECK(e.writes(14600) == 14600);
  CHECK(e.peer.skips_all() == 10);
  e.world.advance(201ms);
  e.peer.expects(seq(1).data(1460));
  e.peer.sends({ack(1461), ack(1461), ack(1461), ack(1461)});
  e.peer.skips_all();
  CHECK(e.world.counter(TcpExt::TCPFastRetrans) == 0);
  CHECK(e.world.counter(TcpExt::TCPTimeouts) == 1);
}

TEST_CASE("RFC 4861 7.3.1: acknowledged data confirms the neighbour, once a second") {
  Established e;
  const std::uint32_t before = e.world.confirmed;
  for (int i = 0; i < 3; ++i) {
    e.writes(10);
    e.peer.skips_all();
    e.peer.sends(flags("A"));
  }
  CHECK(e.world.confirmed == before + 1);
  e.world.advance(1s);
  e.writes(10);
  e.peer.skips_all();
  e.peer.sends(flags("A"));
  CHECK(e.world.confirmed == before + 2);
}
