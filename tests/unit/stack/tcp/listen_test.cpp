// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

#include <memory>

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
using stats::Tcp;
using stats::TcpExt;
using Heard = std::vector<std::string>;

namespace {

struct Listening {
  explicit Listening(int backlog = 8, const tcp::Config& config = {}) : world(config) {
    auto made = world.tcp.listen({TcpWorld::v4, 80}, backlog, app);
    REQUIRE(made);
    listener = *made;
  }
  TcpPeer peer(std::uint8_t host) { return TcpPeer(world, {IpAddress::v4(10, 77, 1, host), 5000}); }
  /// A handshake as far as it gets; true when a SYN-ACK came.
  bool knocks(std::uint8_t host) {
    TcpPeer p = peer(host);
    p.sends(flags("S"));
    if (world.sent.empty()) return false;
    p.expects(flags("SA"));
    p.sends(flags("A"));
    return true;
  }
  TcpWorld world;
  App app;
  tcp::Listener* listener;
};

}  // namespace

TEST_CASE("RFC 9293 3.10.7.2: a SYN gets a SYN-ACK with our options, answering the peer's") {
  Listening l;
  TcpPeer peer = l.peer(1);
  peer.offers_scale = 7;
  peer.offers_timestamps = true;
  peer.sends(flags("S"));
  const Captured answer = peer.expects(flags("SA").seq(0).ack(1).mss(1460).window(65535));
  CHECK(answer.options.window_scale == 6);  // 3 MiB through 16 bits
  CHECK(answer.options.has_timestamps);
  CHECK(answer.options.ts_echo == peer.clock);
  CHECK_FALSE(answer.options.sack_permitted);
}

TEST_CASE("RFC 7323 2.2 and 3.2: options that the SYN did not offer are not answered") {
  Listening l;
  TcpPeer peer = l.peer(1);
  peer.sends(flags("S"));
  const Captured answer = peer.expects(flags("SA").mss(1460));
  CHECK_FALSE(answer.options.window_scale.has_value());
  CHECK_FALSE(answer.options.has_timestamps);
}

TEST_CASE("RFC 9293 3.10.7.2: RST is ignored, ACK is reset, anything without SYN is dropped") {
  Listening l;
  TcpPeer peer = l.peer(1);
  peer.sends({flags("R"), flags("F"), flags("SF"), flags("")});
  peer.expects_nothing();
  CHECK(l.world.dropped(DropReason::tcp_no_connection) == 1);
  CHECK(l.world.dropped(DropReason::tcp_bad_flags) == 3);
  peer.sends(flags("A").ack(99));
  peer.expects(flags("R").seq(99));
  peer.sends(flags("SA").ack(98));
  peer.expects(flags("R").seq(98));
  CHECK(l.world.tcp.connections() == 0);
}

TEST_CASE("RFC 9293 3.10.7.2: text in a SYN is left to be sent again") {
  Listening l;
  TcpPeer peer = l.peer(1);
  peer.sends(seq(0).data(100).flags("S"));
  peer.expects(flags("SA").ack(1));
  CHECK(l.world.dropped(DropReason::tcp_data_in_syn) == 1);
  peer.sends(seq(1).data(100));  // completes the handshake and brings it again
  tcp::Connection* c = l.listener->accept();
  REQUIRE(c != nullptr);
  CHECK(c->readable() == 100);
  c->abort();
}

TEST_CASE("K5: backlog 2 and no accept: 3 are held, the rest is dropped and counted") {
  Listening l(2);
  for (std::uint8_t host = 1; host <= 3; ++host) CHECK(l.knocks(host));
  CHECK_FALSE(l.knocks(4));
  CHECK(l.listener->waiting() == 3);
  CHECK(l.world.counter(TcpExt::ListenOverflows) == 1);
  CHECK(l.world.counter(TcpExt::ListenDrops) == 1);
  CHECK(l.world.dropped(DropReason::tcp_listen_overflow) == 1);
  tcp::Connection* first = l.listener->accept();
  REQUIRE(first != nullptr);
  CHECK(first->remote().address == IpAddress::v4(10, 77, 1, 1));  // in order
  CHECK(l.knocks(4));
  first->abort();
}

TEST_CASE("K5: an ACK that meets a full accept queue is dropped; the SYN-ACK again gives it another chance") {
  Listening l(1);
  TcpPeer late = l.peer(9);
  late.sends(flags("S"));
  late.expects(flags("SA"));
  CHECK(l.knocks(1));
  CHECK(l.knocks(2));
  late.sends(flags("A"));
  CHECK(l.listener->waiting() == 2);
  CHECK(l.world.counter(TcpExt::ListenOverflows) == 1);
  l.listener->accept()->abort();
  l.world.run();
  l.world.sent.clear();
  l.world.advance(1001ms);
  late.expects(flags("SA").seq(0));
  late.sends(flags("A"));
  CHECK(l.listener->waiting() == 2);
}

TEST_CASE("K5: with tcp_abort_on_overflow that ACK is reset") {
  tcp::Config config;
  config.abort_on_overflow = true;
  Listening l(1, config);
  TcpPeer late = l.peer(9);
  late.sends(flags("S"));
  late.expects(flags("SA"));
  CHECK(l.knocks(1));
  CHECK(l.knocks(2));
  late.sends(flags("A"));
  late.expects(flags("RA"));
  CHECK(l.listener->half_open() == 0);
}

TEST_CASE("half-open connections are bounded by the backlog and by tcp_max_syn_backlog") {
  for (const bool by_backlog : {true, false}) {
    tcp::Config config;
    config.max_syn_backlog = by_backlog ? 100 : 3;
    Listening l(by_backlog ? 2 : 100, config);
    for (std::uint8_t host = 1; host <= 5; ++host) l.peer(host).sends(flags("S"));
    CHECK(l.listener->half_open() == 3);
    CHECK(l.world.counter(TcpExt::TCPReqQFullDrop) == 2);
    CHECK(l.world.counter(TcpExt::ListenDrops) == 2);
    CHECK(l.world.dropped(DropReason::tcp_syn_queue_full) == 2);
  }
}

TEST_CASE("max_connections bounds everything; a SYN beyond it is dropped and counted") {
  tcp::Config config;
  config.max_connections = 2;
  Listening l(8, config);
  CHECK(l.knocks(1));
  CHECK(l.knocks(2));
  CHECK_FALSE(l.knocks(3));
  CHECK(l.world.counter(TcpExt::TCPNoConnection) == 1);
  CHECK(l.world.dropped(DropReason::tcp_no_memory) == 1);
  l.listener->accept()->abort();
  l.world.run();
  l.world.sent.clear();
  CHECK(l.knocks(3));
}

TEST_CASE("RFC 9293 3.8.1: the SYN-ACK is repeated with back-off, 5 times, then the attempt is forgotten") {
  Listening l;
  TcpPeer peer = l.peer(1);
  peer.sends(flags("S"));
  const Instant begin = l.world.env.now;
  peer.expects(flags("SA"));
  l.world.advance(120s);
  for (const auto at : {1s, 3s, 7s, 15s, 31s}) CHECK(peer.expects(flags("SA").seq(0)).at == begin + at);
  peer.expects_nothing();
  CHECK(l.world.tcp.connections() == 0);
  CHECK(l.listener->half_open() == 0);
  CHECK(l.world.counter(TcpExt::TCPSynRetrans) == 5);
  CHECK(l.app.take().empty());
}

TEST_CASE("a wildcard listener takes every address of its family; the exact one comes first") {
  TcpWorld world;
  App any, exact;
  REQUIRE(world.tcp.listen({IpAddress::v4(0, 0, 0, 0), 80}, 8, any));
  TcpPeer peer(world);
  peer.sends(flags("S"));
  peer.expects(flags("SA"));
  peer.sends(flags("A"));
  CHECK(any.take() == Heard{"accept"});
  REQUIRE(world.tcp.listen({TcpWorld::v4, 80}, 8, exact));
  TcpPeer second(world, {IpAddress::v4(10, 77, 0, 3), 5000});
  second.sends(flags("S"));
  second.expects(flags("SA"));
  second.sends(flags("A"));
  CHECK(exact.take() == Heard{"accept"});
  TcpPeer six(world, {*IpAddress::parse("fd00:77::2"), 5000}, {TcpWorld::v6, 80});
  six.sends(flags("S"));
  six.expects(flags("RA"));
  REQUIRE(world.tcp.listen({IpAddress{}, 80}, 8, any));
  six.sends(flags("S").seq(0));
  six.expects(flags("SA").mss(1440));
  CHECK(world.counter(Tcp::PassiveOpens) == 2);
}
