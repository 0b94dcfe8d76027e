// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

#include <millrace/pkt/pool.hpp>

using namespace millrace;
using namespace millrace::test;
using stats::Tcp;
using stats::TcpExt;

TEST_CASE("RFC 7323 3.2: every segment after the handshake bears the timestamps that were agreed on") {
  Established e(Opening{.timestamps = true});
  e.world.advance(25ms);
  CHECK(e.writes(2000) == 2000);
  const Captured first = e.peer.expects(seq(1).data(1448).flags("A"));
  CHECK(first.options.has_timestamps);
  CHECK(first.options.ts_echo == e.peer.clock);
  const std::uint32_t then = first.options.ts_value;
  e.world.advance(40ms);
  CHECK(e.writes(2000) == 2000);
  e.peer.skips_all();
  CHECK(e.peer.last_stamp == then + 40);  // a clock of 1 kHz
}

TEST_CASE("RFC 9293 3.9.1.2: PSH stands on the segment that empties the buffer") {
  Established e;
  CHECK(e.writes(3000) == 3000);
  e.peer.expects(seq(1).data(1460).flags("A"));
  e.peer.expects(seq(1461).data(1460).flags("A"));
  e.peer.expects(seq(2921).data(80).flags("PA"));
}

TEST_CASE("a retransmission copies nothing: payload buffers are shared") {
  Established e;
  const auto before = e.world.pool->in_use();
  CHECK(e.writes(1000) == 1000);
  CHECK(e.world.pool->in_use() == before + 1);  // one payload buffer; header and reference were sent and freed
  e.peer.skips_all();
  e.world.advance(250ms);
  e.peer.expects(seq(1).data(1000));
  CHECK(e.world.pool->in_use() == before + 1);
}

TEST_CASE("an empty pool is counted, and the segment sent when there are buffers again") {
  Established e;
  CHECK(e.writes(100) == 100);
  e.peer.skips_all();
  std::vector<pkt::Packet> all;
  while (pkt::Packet p = e.world.pool->allocate()) all.push_back(std::move(p));
  e.world.advance(201ms);  // the retransmission finds no buffer
  e.peer.expects_nothing();
  CHECK(e.world.counter(TcpExt::TCPNoBuffer) > 0);
  CHECK(e.connection->write(std::vector<std::uint8_t>(5000)) < 5000);  // fills the last packet at most
  for (auto& p : all) pkt::consume(std::move(p));
  e.world.advance(10ms);
  e.peer.expects(seq(1));
  CHECK(e.app.take() == std::vector<std::string>{"writable"});
}

TEST_CASE("an ACK that found no buffer is sent later") {
  Established e;
  pkt::Packet arrived = e.peer.datagram(data(100));
  std::vector<pkt::Packet> all;
  while (pkt::Packet p = e.world.pool->allocate()) all.push_back(std::move(p));
  e.world.deliver(std::move(arrived), e.peer.delivery());
  e.world.run();
  e.peer.expects_nothing();
  for (auto& p : all) pkt::consume(std::move(p));
  e.world.advance(10ms);
  e.peer.expects(ack(101).flags("A"));
}

TEST_CASE("a SYN that found no buffer is sent later") {
  TcpWorld world;
  App app;
  TcpPeer peer(world);
  std::vector<pkt::Packet> all;
  while (pkt::Packet p = world.pool->allocate()) all.push_back(std::move(p));
  auto c = world.tcp.connect(peer.local(), app);
  REQUIRE(c);
  world.run();
  for (auto& p : all) pkt::consume(std::move(p));
  world.advance(10ms);
  CHECK(world.sent.size() == 1);
  (*c)->close();
}

TEST_CASE("what IP could not queue is tried again soon") {
  Established e;
  e.world.verdict = ip::SendVerdict::no_buffer;
  CHECK(e.writes(100) == 100);
  e.peer.expects_nothing();
  e.world.verdict = ip::SendVerdict::sent;
  e.world.advance(10ms);
  e.peer.expects(seq(1).data(100));
  CHECK(e.world.counter(Tcp::RetransSegs) == 0);
}

TEST_CASE("K6: a path that has become narrower is noticed on sending, and the segments become smaller") {
  Established e;
  e.world.mtu = 1000;
  CHECK(e.writes(1460) == 1460);
  e.peer.expects(seq(1).data(960));
  e.peer.expects(seq(961).data(500));
}
