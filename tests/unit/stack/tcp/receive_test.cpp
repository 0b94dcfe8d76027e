// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

#include <array>
#include <memory>
#include <span>

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
using stats::Tcp;

namespace {
void deliver(Established& e, pkt::Packet packet) {
  e.world.deliver(std::move(packet), e.peer.delivery());
  e.world.run();
}

std::shared_ptr<const bpf::Filter> filter(std::span<const bpf::Instruction> program) { return *bpf::Filter::load(program); }
std::shared_ptr<const bpf::Filter> filter_that_returns(std::uint32_t length) { return filter(std::array{bpf::Instruction{.code = 0x06, .k = length}}); }

constexpr std::uint32_t header = 20;
}  // namespace

TEST_CASE("L4: a connection's filter cuts what comes behind the header, and what it cut comes again") {
  Established e;
  e.connection->set_filter(filter_that_returns(header + 5));
  e.peer.sends(data(10));
  CHECK(e.reads() == 5);
  e.peer.expects(ack(6));
  e.peer.sends(seq(6).data(5));
  CHECK(e.reads() == 5);
  e.peer.expects(ack(11));
  e.connection->set_filter(filter_that_returns(1));  // less than a header: that stays
  CHECK(e.writes(7) == 7);
  e.peer.expects(seq(1).data(7));
  e.peer.sends(ack(8));
  CHECK(e.connection->info().in_flight_bytes == 0);
  CHECK(e.world.dropped(DropReason::socket_filter) == 0);
}

TEST_CASE("L4: what a connection's filter does not want was not received; without it, it is") {
  Established e;
  // Bytes that begin with the pattern's first are not wanted.
  e.connection->set_filter(filter(std::array{bpf::Instruction{.code = 0x30, .k = header}, bpf::Instruction{.code = 0x15, .jt = 0, .jf = 1, .k = pattern(1)},
                                             bpf::Instruction{.code = 0x06, .k = 0}, bpf::Instruction{.code = 0x06, .k = ~0u}}));
  e.peer.sends(seq(1).data(10));
  CHECK(e.reads() == -EAGAIN);
  e.peer.expects_nothing();
  CHECK(e.world.dropped(DropReason::socket_filter) == 1);
  e.connection->set_filter(nullptr);
  e.peer.sends(seq(1).data(10));
  CHECK(e.reads() == 10);
}

TEST_CASE("L4: a listener's filter sees the SYN; connections that begin there have it") {
  TcpWorld world;
  App app;
  tcp::Listener* listener = *world.tcp.listen({TcpWorld::v4, 80}, 5, app);
  TcpPeer peer(world);
  listener->set_filter(filter_that_returns(0));
  peer.sends(flags("S"));
  peer.expects_nothing();
  CHECK(world.dropped(DropReason::socket_filter) == 1);
  listener->set_filter(filter_that_returns(60));
  peer.sends(seq(0).flags("S"));
  peer.expects(flags("SA"));
  listener->set_filter(nullptr);
  peer.sends(flags("A"));
  tcp::Connection* connection = listener->accept();
  REQUIRE(connection != nullptr);
  CHECK(connection->has_filter());
  CHECK_FALSE(listener->has_filter());
  peer.sends(data(100));
  CHECK(connection->readable() == 40);
  connection->abort();
  world.run();
  listener->close();
}

TEST_CASE("RFC 9293 3.1: a wrong checksum is counted and dropped, over chained buffers too") {
  for (std::uint32_t length : {0u, 101u, 5000u}) {
    Established e;
    pkt::Packet bad = e.peer.datagram(seq(1).data(length));
    bad.data()[8] ^= 1;
    deliver(e, std::move(bad));
    CHECK(e.world.dropped(DropReason::tcp_bad_checksum) == 1);
    CHECK(e.world.counter(Tcp::InCsumErrors) == 1);
    CHECK(e.world.counter(Tcp::InErrs) == 1);
    CHECK(e.reads() == -EAGAIN);
    if (length == 0) continue;
    e.peer.sends(seq(1).data(length));
    CHECK(e.reads() == length);
  }
}

TEST_CASE("E10: good and partial verdicts are taken, bad ones believed, without a look at the sum") {
  for (const auto verdict : {pkt::ChecksumVerdict::good, pkt::ChecksumVerdict::partial, pkt::ChecksumVerdict::bad}) {
    Established e;
    pkt::Packet packet = e.peer.datagram(seq(1).data(10));
    packet.data()[16] ^= 0xff;  // the checksum field itself
    packet.meta().checksum = verdict;
    deliver(e, std::move(packet));
    CHECK(e.reads() == (verdict == pkt::ChecksumVerdict::bad ? -EAGAIN : 10));
  }
}

TEST_CASE("RFC 9293 3.1: a header that is cut short or lies about its length is dropped") {
  Established e;
  pkt::Packet runt = e.peer.datagram(flags("A"));
  runt.truncate(19);
  deliver(e, std::move(runt));
  pkt::Packet liar = e.peer.datagram(flags("A"));
  liar.data()[12] = 0xf0;
  deliver(e, std::move(liar));
  CHECK(e.world.dropped(DropReason::tcp_bad_header) == 2);
  CHECK(e.world.counter(Tcp::InErrs) == 0);  // cut short, as far as one can tell
  pkt::Packet inside = e.peer.datagram(data(10));
  inside.data()[12] = 0x40;
  deliver(e, std::move(inside));
  CHECK(e.world.dropped(DropReason::tcp_bad_header) == 3);
  CHECK(e.world.counter(Tcp::InErrs) == 1);
}

TEST_CASE("RFC 9293 3.9.2.3, MUST-57: nothing from or to multicast or broadcast") {
  Established e;
  pkt::Packet broadcast = e.peer.datagram(data(10));
  broadcast.meta().type = pkt::PacketType::broadcast;
  deliver(e, std::move(broadcast));
  const auto deliver_to = [&](const IpAddress& destination) {
    ip::Delivery delivery = e.peer.delivery();
    delivery.destination = destination;
    pkt::Packet syn = e.peer.datagram(flags("S"));
    syn.meta().checksum = pkt::ChecksumVerdict::good;
    e.world.deliver(std::move(syn), delivery);
  };
  deliver_to(IpAddress::v4(224, 0, 0, 1));
  deliver_to(IpAddress::v4(255, 255, 255, 255));  // by a frame that was for us alone
  e.world.run();
  CHECK(e.world.dropped(DropReason::tcp_not_unicast) == 3);
  e.peer.expects_nothing();
}

TEST_CASE("RFC 9293 3.1, MUST-7: unknown and malformed options do no harm") {
  Established e;
  pkt::Packet packet = e.peer.datagram(seq(1).data(10).ts(1, 2));
  packet.data()[20] = 99;  // the kind of what was a NOP
  packet.data()[21] = 200;
  packet.meta().checksum = pkt::ChecksumVerdict::good;
  deliver(e, std::move(packet));
  CHECK(e.reads() == 10);
}
