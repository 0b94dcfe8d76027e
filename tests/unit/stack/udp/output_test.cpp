// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/udp/udp.hpp>

#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/udp.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

#include <cerrno>

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
using Counter = stats::Udp;

namespace {

const IpAddress any4 = addr("0.0.0.0"), any6 = addr("::");
const Endpoint to_peer4{peer4, 7}, to_peer6{peer6, 7};

struct Host : ScriptedHost {
  explicit Host(std::uint32_t buffers = 1023) : ScriptedHost({}, buffers) { knows_peer(); }
  udp::Socket& open() { return *udp.open(nullptr); }
  udp::Socket& bound(const Endpoint& local) {
    udp::Socket& socket = open();
    REQUIRE(udp.bind(socket, local) == 0);
    return socket;
  }
};

}  // namespace

TEST_CASE("RFC 768: a datagram goes out whole, with a right checksum") {
  for (const std::size_t size : {0u, 1u, 100u, 1452u}) {
    Host host;
    CHECK(host.udp.send_to(host.bound({any4, 1000}), counting(size), &to_peer4) == static_cast<std::int64_t>(size));
    Bytes frame = host.wire.take_one();
    CHECK(has_right_checksums(frame));
    CHECK(behind(frame, 34) == udp_datagram(1000, 7, counting(size), host4, peer4));
    CHECK(host.udp.send_to(host.bound({any6, 1001}), counting(size), &to_peer6) == static_cast<std::int64_t>(size));
    frame = host.wire.take_one();
    CHECK(behind(frame, 54) == udp_datagram(1001, 7, counting(size), host6, peer6));
    CHECK(host[Counter::OutDatagrams] == 1);
    CHECK(host.stats.udp6[Counter::OutDatagrams] == 1);
  }
}

TEST_CASE("a datagram longer than a buffer is sent as a chain") {
  Host host;
  host.interface.mtu = 9000;
  CHECK(host.udp.send_to(host.bound({any4, 1000}), counting(8000), &to_peer4) == 8000);
  CHECK(behind(host.wire.take_one(), 34) == udp_datagram(1000, 7, counting(8000), host4, peer4));
}

TEST_CASE("sending binds an unbound socket") {
  Host host;
  udp::Socket& socket = host.open();
  CHECK(host.udp.send_to(socket, counting(4), &to_peer6) == 4);
  CHECK(socket.is_bound());
  CHECK(host.udp.send_to(socket, counting(4), &to_peer4) == 4);  // :: talks to both
}

TEST_CASE("the source is the bound address, TTL and TOS the socket's") {
  Host host;
  udp::Socket& socket = host.bound({host_link, 1000});
  socket.hop_limit_v6 = 9;
  socket.traffic_class_v6 = 0xb8;
  REQUIRE(host.udp.send_to(socket, counting(4), &to_peer6) == 4);
  const Bytes frame = host.wire.take_one();
  const auto ip6 = *wire::Ipv6View::parse(std::span(frame).subspan(14));
  CHECK(ip6.source() == host_link);
  CHECK(ip6.hop_limit() == 9);
  CHECK(ip6.traffic_class() == 0xb8);
}

TEST_CASE("multicast has a hop limit of 1 (RFC 1112 6.1), broadcast needs SO_BROADCAST") {
  Host host;
  udp::Socket& socket = host.bound({any4, 1000});
  const Endpoint group{addr("224.0.0.251"), 5353};
  REQUIRE(host.udp.send_to(socket, counting(4), &group) == 4);
  CHECK(wire::Ipv4View::parse(behind(host.wire.take_one(), 14))->ttl() == 1);
  for (const char* address : {"255.255.255.255", "10.77.0.255"}) {
    const Endpoint everyone{addr(address), 7};
    socket.broadcast = false;
    CHECK(host.udp.send_to(socket, counting(4), &everyone) == -EACCES);
    socket.broadcast = true;
    CHECK(host.udp.send_to(socket, counting(4), &everyone) == 4);
    CHECK(wire::EthernetView::parse(host.wire.take_one())->destination() == all_macs);
  }
}

TEST_CASE("errors of send are POSIX's") {
  Host host;
  udp::Socket& socket = host.bound({host4, 1000});
  const Endpoint far{addr("192.0.2.1"), 7}, portless{peer4, 0};
  CHECK(host.udp.send_to(socket, counting(4)) == -EDESTADDRREQ);
  CHECK(host.udp.send_to(socket, counting(4), &portless) == -EINVAL);
  CHECK(host.udp.send_to(socket, counting(4), &far) == -ENETUNREACH);
  CHECK(host.udp.send_to(socket, counting(4), &to_peer6) == -EAFNOSUPPORT);
  socket.mtu_discover = udp::MtuDiscover::require;
  CHECK(host.udp.send_to(socket, counting(1473), &to_peer4) == -EMSGSIZE);
  CHECK(host.udp.send_to(socket, Bytes(65508), &to_peer4) == -EMSGSIZE);
  CHECK(host[Counter::OutDatagrams] == 0);
  CHECK(host.wire.take().empty());
  CHECK(host.udp.send_packet(socket, host.pool.packet(counting(4))) == -EDESTADDRREQ);
  CHECK(host.drops(DropReason::udp_send_refused) == 1);
}

TEST_CASE("J7: no buffers: ENOBUFS and SndbufErrors, nothing leaks") {
  Host host(63);
  udp::Socket& socket = host.bound({any4, 1000});
  std::vector<pkt::Packet> hoard;
  while (host.pool->in_use() < 62) hoard.push_back(host.pool->allocate());
  CHECK(host.udp.send_to(socket, counting(8000), &to_peer4) == -ENOBUFS);  // the second buffer is missing
  CHECK(host.drops(DropReason::no_buffer) == 1);
  hoard.push_back(host.pool->allocate());
  CHECK(host.udp.send_to(socket, counting(4), &to_peer4) == -ENOBUFS);
  CHECK(host[Counter::SndbufErrors] == 2);
  for (auto& p : hoard) pkt::consume(std::move(p));
}

TEST_CASE("J9: recv_from cuts what does not fit and says how long it was") {
  Host host;
  udp::Socket& socket = host.bound({any4, 7});
  host.receives(ip_frame(wire::ip_proto::udp, udp_datagram(999, 7, counting(100))));
  Bytes into(10);
  CHECK(host.udp.recv_from(socket, into) == 100);
  CHECK(into == counting(10));
  CHECK(host.udp.recv_from(socket, into) == -EAGAIN);
}

TEST_CASE("J9: peeking leaves the datagram, its length and sender where they are, and counts nothing") {
  Host host;
  udp::Socket& socket = host.bound({any4, 7});
  CHECK(host.udp.peek_from(socket, {}) == -EAGAIN);
  for (const std::size_t size : {100u, 200u}) host.receives(ip_frame(wire::ip_proto::udp, udp_datagram(999, 7, counting(size))));
  const std::uint32_t held = socket.rmem();
  Bytes into(150);
  Endpoint from;
  udp::Received received;
  for (int i = 0; i < 2; ++i) {
    CHECK(host.udp.peek_from(socket, into, &from, &received) == 100);
    CHECK(from == Endpoint{peer4, 999});
    CHECK(received.times.software == host.env.now);
    CHECK(Bytes(into.begin(), into.begin() + 100) == counting(100));
  }
  CHECK(socket.waiting() == 2);
  CHECK(socket.rmem() == held);
  CHECK(host[Counter::InDatagrams] == 0);
  CHECK(host.udp.recv_from(socket, into) == 100);
  CHECK(host.udp.peek_from(socket, into) == 200);
  CHECK(host.udp.recv_from(socket, into) == 200);
  CHECK(host[Counter::InDatagrams] == 2);
  CHECK(host.udp.peek_from(socket, into) == -EAGAIN);
}

TEST_CASE("take gives the datagram itself, and send_packet sends it back without a copy") {
  Host host;
  udp::Socket& socket = host.bound({any4, 7});
  host.receives(ip_frame(wire::ip_proto::udp, udp_datagram(999, 7, counting(100))));
  Endpoint from;
  pkt::Packet datagram = host.udp.take(socket, &from);
  REQUIRE(datagram);
  CHECK(bytes_of(datagram) == counting(100));
  CHECK(host[Counter::InDatagrams] == 1);
  const auto sent = host.udp.send_packet(socket, std::move(datagram), &from);
  CHECK(sent == 100);
  CHECK(behind(host.wire.take_one(), 34) == udp_datagram(7, 999, counting(100), host4, peer4));
  CHECK_FALSE(host.udp.take(socket));
}

TEST_CASE("what reception said of a buffer does not go out with it") {
  struct LastFlags final : neighbor::LinkOutput {
    explicit LastFlags(Env& of) : env(of) {}
    void transmit(pkt::Packet frame) override {
      flags = frame.mbuf().ol_flags;
      has_info = frame.meta().has_info;
      consume(env, std::move(frame), stats::Ledger::used);
    }
    Env& env;
    std::uint64_t flags = 0;
    bool has_info = false;
  };
  Host host;
  LastFlags link(host.env);
  host.interface.output = &link;
  pkt::Packet payload = host.pool.packet(counting(4));
  payload.mbuf().ol_flags |= pkt::flag::rx_vlan | pkt::flag::rx_rss_hash | pkt::flag::rx_l4_good;
  payload.meta().has_info = true;
  CHECK(host.udp.send_packet(host.bound({any4, 1000}), std::move(payload), &to_peer4) == 4);
  CHECK(link.flags == 0);
  CHECK_FALSE(link.has_info);
}

TEST_CASE("H3: a socket without a peer asks for the way once, and again when it sends elsewhere or the ways have changed") {
  Host host;
  udp::Socket& socket = host.bound({any4, 7});
  const auto lookups = [&](const IpAddress& to) {
    const std::uint64_t before = host.stats.ip[stats::Ip::FibLookups];
    const Endpoint there{to, 9};
    REQUIRE(host.udp.send_to(socket, counting(4), &there) == 4);
    const Bytes frame = host.wire.take_one();
    CHECK(IpAddress::v4_from(&frame[26]) == host4);
    CHECK(IpAddress::v4_from(&frame[30]) == to);
    return host.stats.ip[stats::Ip::FibLookups] - before;
  };
  const IpAddress other = addr("10.77.0.3");
  REQUIRE(host.ip.neighbors().add_permanent(host.interface, other, peer_mac));
  CHECK(lookups(peer4) == 1);
  CHECK(lookups(peer4) == 0);
  CHECK(lookups(other) == 1);
  CHECK(lookups(peer4) == 1);
  REQUIRE(host.ip.add_route({.prefix = *IpPrefix::parse("192.0.2.0/24"), .to = {.type = ip::RouteType::blackhole}}));
  CHECK(lookups(peer4) == 1);
  CHECK(lookups(peer4) == 0);
}
