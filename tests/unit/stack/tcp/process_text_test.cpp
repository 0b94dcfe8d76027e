// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

#include <millrace/pkt/pool.hpp>

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
using stats::TcpExt;
using tcp::State;

namespace {
/// Past the quick ACKs of a young connection, all acknowledged and read.
void grow_up(Established& e) {
  for (int i = 0; i < 16; ++i) e.peer.sends(data(10));
  e.reads();
  e.peer.skips_all();
}
}  // namespace

TEST_CASE("RFC 5681 4.2: an out-of-order segment is kept and answered by a duplicate ACK at once") {
  Established e;
  grow_up(e);
  e.peer.sends(seq(1161).data(1000));
  e.peer.expects(ack(161).flags("A"));
  e.peer.sends(seq(2161).data(1000));
  e.peer.expects(ack(161).flags("A"));
  CHECK(e.world.counter(TcpExt::TCPOFOQueue) == 2);
  CHECK(e.reads() == -EAGAIN);
  e.peer.sends(seq(161).data(1000));
  e.peer.expects(ack(3161).flags("A"));  // at once when the gap is filled
  CHECK(e.reads() == 3000);
}

TEST_CASE("RFC 9293 3.10.7.4 seventh step: overlaps of any shape give each byte once") {
  Established e;
  for (const auto& [from, length] : std::initializer_list<std::pair<std::uint32_t, std::uint32_t>>{
           {301, 100}, {101, 100}, {151, 200}, {351, 100}, {351, 10}, {91, 420}, {1, 120}})
    e.peer.sends(seq(from).data(length));
  CHECK(e.reads() == 510);
  CHECK(e.world.dropped(DropReason::tcp_duplicate) >= 3);
}

TEST_CASE("RFC 9293 3.8.6.3: every second full segment is acknowledged at once, a single one within 40 ms") {
  Established e;
  grow_up(e);
  e.peer.sends(data(1460));
  e.peer.expects_nothing();
  e.peer.sends(data(1460));
  e.peer.expects(ack(161 + 2920).flags("A"));
  e.reads();
  e.peer.skips_all();
  e.peer.sends(data(1460));
  const Instant arrived = e.world.env.now;
  e.world.advance(500ms);
  CHECK(e.peer.expects(ack(161 + 4380).flags("A")).at == arrived + 40ms);
  CHECK(e.world.counter(TcpExt::DelayedACKs) == 1);
}

TEST_CASE("Linux: the first segments of a connection are acknowledged at once, and again after a pause") {
  Established e;
  for (int i = 0; i < 16; ++i) {
    e.peer.sends(data(10));
    e.peer.expects(ack(11 + 10 * static_cast<std::uint32_t>(i)).flags("A"));
  }
  e.peer.sends(data(10));
  e.peer.expects_nothing();
  e.world.advance(1s);
  e.peer.skips_all();
  e.peer.sends(data(10));
  e.peer.expects(flags("A"));
}

TEST_CASE("K9: a merged packet counts as the segments in it") {
  Established e;
  grow_up(e);
  const auto segments = e.world.counter(stats::Tcp::InSegs);
  e.peer.sends(data(14600).merged(10));
  e.peer.expects(ack(161 + 14600).flags("A"));
  CHECK(e.world.counter(stats::Tcp::InSegs) == segments + 10);
  CHECK(e.reads() == 14600);
  e.peer.skips_all();
  e.peer.sends(data(1460));  // one full segment, as the merged packet told
  e.peer.expects_nothing();
}

TEST_CASE("K9: an out-of-order merged packet and a FIN in it") {
  Established e;
  e.peer.sends(seq(1461).data(7300).merged(5).flags("FPA"));
  e.peer.expects(ack(1));
  e.peer.sends(seq(1).data(1460));
  e.peer.expects(ack(1 + 8760 + 1));
  CHECK(e.reads() == 8760);
  CHECK(e.connection->connection_state() == State::close_wait);
}

TEST_CASE("RFC 9293 3.10.7.4 eighth step: a FIN beyond a gap waits for the gap to close") {
  Established e;
  e.peer.sends(seq(101).data(100).flags("FA"));
  e.peer.expects(ack(1));
  CHECK(e.connection->connection_state() == State::established);
  e.peer.sends(seq(1).data(100));
  e.peer.expects(ack(202));
  CHECK(e.reads() == 200);
  CHECK(e.reads() == 0);
}

TEST_CASE("RFC 9293 3.10.7.4 seventh step: text behind the FIN is ignored") {
  Established e;
  e.peer.sends(flags("FA"));
  e.peer.skips_all();
  e.peer.sends(data(10));
  CHECK(e.world.dropped(DropReason::tcp_after_fin) == 1);
  CHECK(e.reads() == 0);
}

TEST_CASE("a sender of tiny segments cannot hold more memory than the receive buffer") {
  tcp::Config config;
  config.rmem = {4096, 131072, 131072};
  Established e(Opening{.config = config});
  for (int i = 0; i < 3000; ++i) e.peer.sends(data(20));
  CHECK(e.world.counter(TcpExt::TCPRcvCoalesce) > 2000);
  CHECK(e.world.pool->in_use() * 2368 < 131072);
  CHECK(e.world.dropped(DropReason::tcp_rcv_full) == 0);
  CHECK(e.reads() == 60000);
}

TEST_CASE("the out-of-order queue is bounded by the receive buffer") {
  tcp::Config config;
  config.rmem = {4096, 32768, 32768};
  Established e(Opening{.config = config});
  for (std::uint32_t i = 1; i <= 100; ++i) e.peer.sends(seq(1 + 100 * i).data(100));
  CHECK(e.world.dropped(DropReason::tcp_ofo_full) > 50);
  CHECK(e.world.counter(TcpExt::TCPOFODrop) == e.world.dropped(DropReason::tcp_ofo_full));
  CHECK(e.world.pool->in_use() <= 20);
  // What comes in order has precedence: the early ones go, and come again.
  e.peer.sends(seq(1).data(100));
  CHECK(e.world.counter(TcpExt::OfoPruned) == 1);
  CHECK(e.reads() == 100);
}

TEST_CASE("early segments do not hold the last buffers, which the missing one needs") {
  Established e;
  e.peer.sends(seq(101).data(100));
  std::vector<pkt::Packet> taken;
  while (e.world.pool->spare() > 0) taken.push_back(e.world.pool->allocate());
  e.peer.sends(seq(201).data(100));
  CHECK(e.world.dropped(DropReason::tcp_ofo_full) == 1);
  e.peer.sends(seq(1).data(100));
  CHECK(e.world.counter(TcpExt::OfoPruned) == 1);
  CHECK(e.reads() == 100);
  for (auto& p : taken) pkt::consume(std::move(p));
}

TEST_CASE("in-order data that memory has no room for is dropped and acknowledged, and comes again") {
  tcp::Config config;
  config.rmem = {4096, 16384, 16384};  // a window of 8192 bytes, 20480 of memory
  Established e(Opening{.config = config});
  // Buffers far larger than what they carry, and too much in them to be worth a copy: a chain of nearly empty ones.
  std::uint32_t sent = 0;
  const auto wasteful = [&] {
    pkt::Packet packet = e.peer.datagram(seq(1 + sent).data(1100));
    for (int i = 0; i < 3; ++i) join(e.world.env, packet, e.world.pool.packet({}));
    return packet;
  };
  while (e.world.dropped(DropReason::tcp_rcv_full) == 0) {
    REQUIRE(sent < 8192);
    e.world.deliver(wasteful(), e.peer.delivery());
    e.world.run();
    sent += 1100;
  }
  e.peer.skips_all();
  CHECK(e.world.counter(TcpExt::TCPRcvQDrop) == 1);
  sent -= 1100;
  CHECK(e.reads() == sent);
  e.peer.skips_all();
  e.world.deliver(wasteful(), e.peer.delivery());
  e.world.run();
  CHECK(e.reads() == 1100);
}
