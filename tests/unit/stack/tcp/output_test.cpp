// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

using namespace millrace;
using namespace millrace::test;

TEST_CASE("RFC 6928: the first flight is ten segments, then slow start doubles it") {
  Established e;
  CHECK(e.writes(33000) == 33000);
  CHECK(e.peer.skips_all() == 10);
  e.peer.sends(flags("A"));
  CHECK(e.peer.skips_all() == 13);  // all that was left
}

TEST_CASE("RFC 9293 3.8.6: the peer's window bounds what is in flight") {
  Established e(Opening{.window = 3000});
  CHECK(e.writes(10000) == 10000);
  e.peer.expects(seq(1).data(1460));
  e.peer.expects(seq(1461).data(1460));
  e.peer.expects_nothing();
  e.peer.sends(flags("A"));
  e.peer.expects(seq(2921).data(1460));
  e.peer.expects(seq(4381).data(1460));
  e.peer.expects_nothing();
}

TEST_CASE("RFC 9293 3.7.4: Nagle holds a short segment while another short one is in flight") {
  Established e;
  CHECK(e.writes(100) == 100);
  e.peer.expects(seq(1).data(100));
  CHECK(e.writes(50) == 50);
  CHECK(e.writes(50) == 50);
  e.peer.expects_nothing();
  e.peer.sends(flags("A"));
  e.peer.expects(seq(101).data(100));
}

TEST_CASE("RFC 9293 3.7.4 (Minshall): a short tail behind full segments does not wait") {
  Established e;
  CHECK(e.writes(1500) == 1500);
  e.peer.expects(seq(1).data(1460));
  e.peer.expects(seq(1461).data(40));
  CHECK(e.writes(1470) == 1470);
  e.peer.expects(seq(1501).data(1460));
  e.peer.expects_nothing();  // the other short one is still in flight
}

TEST_CASE("RFC 9293 3.7.4, MUST-17: TCP_NODELAY switches Nagle off, for what waits too") {
  Established e;
  CHECK(e.writes(100) == 100);
  CHECK(e.writes(50) == 50);
  e.peer.expects(seq(1).data(100));
  e.peer.expects_nothing();
  e.connection->no_delay(true);
  e.world.run();
  e.peer.expects(seq(101).data(50));
  CHECK(e.writes(50) == 50);
  e.peer.expects(seq(151).data(50));
}

TEST_CASE("RFC 9293 3.8.6.2.1: a sliver of a window is not used until half of the largest is open") {
  Established e(Opening{.window = 2000});
  CHECK(e.writes(10000) == 10000);
  e.peer.expects(seq(1).data(1460));
  e.peer.expects_nothing();  // 540 are open: less than a segment and than half of 2000
  e.peer.sends(flags("A").window(900));
  e.peer.expects_nothing();
  e.peer.sends(flags("A").window(1000));
  e.peer.expects(seq(1461).data(1000));
}

TEST_CASE("RFC 9293 3.8.6.2.1 rule (4): the override timeout sends what the window allows") {
  Established e(Opening{.window = 2000});
  CHECK(e.writes(10000) == 10000);
  e.peer.expects(seq(1).data(1460));
  e.peer.sends(flags("A").window(300));
  e.peer.expects_nothing();
  e.world.advance(250ms);
  e.peer.expects(seq(1461).data(300));
}

TEST_CASE("a FIN needs room in the window, too") {
  Established e(Opening{.window = 100});
  CHECK(e.writes(100) == 100);
  e.shuts_down();
  e.peer.expects(seq(1).data(100).flags("PA"));
  e.peer.sends(flags("A").window(0));
  e.peer.expects_nothing();
  e.peer.sends(flags("A").window(1));
  e.peer.expects(seq(101).flags("FA"));
}

TEST_CASE("RFC 3042: each of the first two duplicate ACKs lets one new segment out") {
  Established e;
  CHECK(e.writes(33000) == 33000);
  CHECK(e.peer.skips_all() == 10);
  e.peer.sends(ack(1));
  e.peer.expects(seq(14601).data(1460));
  e.peer.expects_nothing();
  e.peer.sends(ack(1));
  e.peer.expects(seq(16061).data(1460));
  e.peer.expects_nothing();
}

TEST_CASE("RFC 5681 4.1: after an idle time the window is the initial one again") {
  Established e;
  CHECK(e.writes(30000) == 30000);
  while (e.peer.skips_all() > 0) e.peer.sends(flags("A"));
  REQUIRE(e.connection->info().cwnd_bytes > 14600);
  e.world.advance(10s);
  CHECK(e.writes(30000) == 30000);
  CHECK(e.peer.skips_all() == 10);
}

TEST_CASE("an answer carries the ACK of its question") {
  Established e;
  e.peer.sends(data(100));
  e.peer.expects(ack(101).flags("A"));  // quick at the start
  CHECK(e.writes(100) == 100);
  e.peer.expects(ack(101).data(100));
  e.peer.sends(data(100));
  e.peer.expects_nothing();
  CHECK(e.writes(100) == 100);
  e.peer.expects(ack(201).data(100));
  e.world.advance(190ms);
  e.peer.expects_nothing();
}

TEST_CASE("a turn is 64 segments; the rest follows in the next pass") {
  Established e(Opening{.scale = 7});
  for (int i = 0; i < 10; ++i) {  // open the window
    e.writes(400'000);
    e.peer.skips_all();
    e.peer.sends(flags("A"));
  }
  while (e.peer.skips_all() > 0) e.peer.sends(flags("A"));
  REQUIRE(e.connection->info().cwnd_bytes > 200 * 1460);
  std::vector<std::uint8_t> bytes(200 * 1460);
  REQUIRE(e.connection->write(bytes) > 150 * 1460);
  e.world.tcp.flush();
  CHECK(e.world.sent.size() == 64);
  e.world.wheel.advance(e.world.env.now);
  e.world.tcp.flush();
  CHECK(e.world.sent.size() == 128);
}

TEST_CASE("E18: what the windows allow goes to IP as one packet below 64 KiB; the wire sees segments of the MSS") {
  Established e(Opening{.scale = std::uint8_t{7}});
  while (e.connection->info().cwnd_bytes < 200'000) {
    e.writes(100'000);
    e.peer.skips_all();
    e.peer.sends(flags("A"));
  }
  while (e.peer.skips_all() > 0) e.peer.sends(flags("A"));
  const std::uint32_t before = e.world.packets_given;
  const std::uint64_t segments = e.world.counter(stats::Tcp::OutSegs);
  REQUIRE(e.writes(44 * 1460) == 44 * 1460);  // one more would be 65,536 bytes with its headers
  CHECK(e.world.packets_given - before == 1);
  CHECK(e.world.counter(stats::Tcp::OutSegs) - segments == 44);
  const std::uint32_t first = e.written - 44 * 1460 + 1;
  for (std::uint32_t i = 0; i < 44; ++i) e.peer.expects(seq(first + i * 1460).data(1460).flags(i == 43 ? "PA" : "A"));
  e.peer.expects_nothing();
  e.peer.sends(flags("A"));
  REQUIRE(e.writes(45 * 1460) == 45 * 1460);
  CHECK(e.world.packets_given - before == 3);
}

TEST_CASE("E18: a short tail rides with whole segments, unless Nagle holds it") {
  Established e;
  const std::uint32_t before = e.world.packets_given;
  CHECK(e.writes(3 * 1460 + 10) == 3 * 1460 + 10);
  CHECK(e.world.packets_given - before == 1);
  e.peer.expects(seq(1).data(1460));
  e.peer.expects(seq(1461).data(1460));
  e.peer.expects(seq(2921).data(1460));
  e.peer.expects(seq(4381).data(10));
  CHECK(e.writes(2 * 1460 + 10) == 2 * 1460 + 10);
  e.peer.expects(seq(4391).data(1460));
  e.peer.expects(seq(5851).data(1460));
  e.peer.expects_nothing();
  e.peer.sends(flags("A"));
  e.peer.expects(seq(7311).data(10));
}
