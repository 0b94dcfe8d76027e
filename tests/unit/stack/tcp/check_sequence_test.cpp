// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
using stats::TcpExt;

namespace {
tcp::Config small_buffer(std::uint32_t window) {
  tcp::Config config;
  config.rmem = {4096, 2 * window, 2 * window};
  return config;
}
}  // namespace

TEST_CASE("RFC 9293 3.10.7.4 first step: what was received before is acknowledged at once and dropped") {
  Established e;
  e.peer.sends(data(100));
  e.peer.expects(ack(101));
  e.peer.sends(seq(1).data(100));
  e.peer.expects(seq(1).ack(101).flags("A"));
  CHECK(e.world.dropped(DropReason::tcp_duplicate) == 1);
  CHECK(e.reads() == 100);
}

TEST_CASE("RFC 9293 3.10.7.4 first step: a segment is trimmed to what is new") {
  Established e;
  e.peer.sends(data(100));
  e.peer.expects(ack(101));
  e.peer.sends(seq(51).data(100));
  e.peer.expects(ack(151));
  CHECK(e.reads() == 150);
}

TEST_CASE("RFC 9293 3.10.7.4 first step: a retransmitted FIN behind new data is kept, an old one is not taken twice") {
  Established e;
  e.peer.sends(data(100));
  e.peer.expects(ack(101));
  e.peer.sends(seq(51).data(100).flags("FA"));
  e.peer.expects(ack(152));
  e.peer.sends(seq(51).data(100).flags("FA"));
  e.peer.expects(ack(152));
  CHECK(e.reads() == 150);
  CHECK(e.reads() == 0);
  CHECK(e.connection->connection_state() == tcp::State::close_wait);
}

TEST_CASE("RFC 9293 3.10.7.4 first step: what lies beyond the window is cut off, FIN first") {
  Established e(Opening{.config = small_buffer(2000)});
  e.peer.sends(seq(1).data(1460));
  e.peer.expects(ack(1461).window(540));
  e.peer.sends(seq(1461).data(541).flags("FA"));
  e.peer.expects(ack(2001).window(0));
  CHECK(e.reads() == 2000);
  CHECK(e.connection->connection_state() == tcp::State::established);
}

TEST_CASE("RFC 9293 3.10.7.4 first step: outside the window, an ACK and nothing else") {
  Established e;
  e.peer.sends(seq(1 + 65535).data(10));
  e.peer.expects(seq(1).ack(1).flags("A"));
  CHECK(e.world.dropped(DropReason::tcp_out_of_window) == 1);
  CHECK(e.reads() == -EAGAIN);
}

TEST_CASE("RFC 5961 7: unacceptable segments without text are answered twice a second at most") {
  Established e;
  e.peer.sends({seq(0), seq(0), seq(0)});
  e.peer.expects(seq(1).ack(1).flags("A"));
  e.world.advance(100ms);
  e.peer.sends(seq(0));
  e.peer.expects_nothing();
  e.world.advance(400ms);
  e.peer.sends(seq(0));
  e.peer.expects(seq(1).ack(1).flags("A"));
}

TEST_CASE("RFC 9293 3.10.7.4 first step: a zero window takes no text, but the ACK of its probe counts") {
  Established e(Opening{.config = small_buffer(1000)});
  e.peer.sends(data(1000));
  e.peer.expects(ack(1001).window(0));
  CHECK(e.writes(50) == 50);
  e.peer.expects(seq(1).data(50));
  e.peer.sends(seq(1001).data(1));  // ack 51 within
  e.peer.expects(seq(51).ack(1001).window(0));
  CHECK(e.world.counter(TcpExt::TCPZeroWindowDrop) == 1);
  e.world.advance(10s);
  e.peer.expects_nothing();  // the 50 bytes were acknowledged
  CHECK(e.connection->info().bytes_acked == 50);
}

TEST_CASE("a peer that filled the window sends its ACKs at the right edge, and they count") {
  Established e(Opening{.config = small_buffer(3000)});
  CHECK(e.writes(50) == 50);
  e.peer.expects(seq(1).data(50));
  e.peer.sends(seq(1461).data(1460));  // the first segment is lost
  e.peer.expects(ack(1).flags("A"));
  e.peer.sends(seq(3001).ack(51));
  CHECK(e.connection->info().bytes_acked == 50);
}

TEST_CASE("RFC 7323 5.3 R1: PAWS drops an old timestamp and acknowledges") {
  Established e(Opening{.timestamps = true});
  e.peer.clock += 10;
  e.peer.sends(data(100));
  e.peer.expects(ack(101).ts(e.peer.last_stamp, e.peer.clock));
  e.peer.sends(data(100).seq(101).ts(e.peer.clock - 1, 0));
  e.peer.expects(ack(101).flags("A"));
  CHECK(e.world.counter(TcpExt::PAWSEstab) == 1);
  CHECK(e.world.dropped(DropReason::tcp_paws) == 1);
  CHECK(e.reads() == 100);
}

TEST_CASE("RFC 7323 5.2: PAWS does not judge a RST") {
  Established e(Opening{.timestamps = true});
  e.peer.sends(flags("R").ts(e.peer.clock - 1000, 0));
  CHECK(e.app.take() == std::vector<std::string>{"closed " + std::to_string(ECONNRESET)});
}

TEST_CASE("RFC 7323 5.5: after 24 idle days a timestamp proves nothing") {
  Established e(Opening{.timestamps = true});
  e.world.advance(23 * 24h);
  e.peer.sends(data(10).seq(1).ts(e.peer.clock - 1, 0));
  CHECK(e.reads() == -EAGAIN);
  e.world.advance(24h);
  e.peer.sends(data(10).seq(1).ts(e.peer.clock - 1, 0));
  CHECK(e.reads() == 10);
}

TEST_CASE("RFC 7323 4.3: TS.Recent follows the segment that the last ACK was waiting for") {
  Established e(Opening{.timestamps = true});
  const std::uint32_t first = e.peer.clock;
  e.peer.clock = first + 20;
  e.peer.sends(seq(101).data(100));  // behind a gap
  CHECK(e.peer.expects(ack(1)).options.ts_echo == first);
  e.peer.sends(seq(1).data(100).ts(first + 30, 0));
  CHECK(e.peer.expects(ack(201)).options.ts_echo == first + 30);
}

TEST_CASE("RFC 9293 3.10.7.4 first step: the SYN again in SYN-RECEIVED brings the SYN-ACK again") {
  TcpWorld world;
  App app;
  REQUIRE(world.tcp.listen({TcpWorld::v4, 80}, 8, app));
  TcpPeer peer(world);
  peer.sends(flags("S"));
  peer.expects(flags("SA").seq(0).ack(1));
  peer.sends(flags("S").seq(0));
  peer.expects(flags("SA").seq(0).ack(1));
  CHECK(world.counter(TcpExt::TCPSynRetrans) == 1);
  peer.sends(seq(1).ack(1));
  CHECK(app.take() == std::vector<std::string>{"accept"});
}
