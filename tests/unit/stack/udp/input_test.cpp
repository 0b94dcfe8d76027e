// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/udp/udp.hpp>

#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

#include <array>
#include <cerrno>
#include <functional>

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
using Counter = stats::Udp;

namespace {

const IpAddress any4 = addr("0.0.0.0"), any6 = addr("::");
constexpr std::uint32_t truesize = 2048 + pkt::headroom + sizeof(pkt::Mbuf);  // of a datagram in one buffer

struct Ear final : udp::Events {
  void on_readable(udp::Socket& socket) override {
    ++readable;
    if (then) then(socket);
  }
  void on_error(udp::Socket&, int e) override { error = e; }
  pkt::Packet encap_receive(udp::Socket&, pkt::Packet payload, const Endpoint& from) override {
    return encap ? encap(std::move(payload), from) : std::move(payload);
  }
  int readable = 0;
  int error = 0;
  std::function<void(udp::Socket&)> then;
  std::function<pkt::Packet(pkt::Packet, const Endpoint&)> encap;
};

struct Host : ScriptedHost {
  Host() { knows_peer(); }
  udp::Socket& bound(const Endpoint& local, bool reuse = false) {
    udp::Socket* socket = udp.open(&ear);
    REQUIRE(socket != nullptr);
    socket->reuse_address = reuse;
    REQUIRE(udp.bind(*socket, local) == 0);
    return *socket;
  }
  void datagram(const Bytes& bytes, const Arrival& arrival = {}, const IpAddress& to = host4) {
    receives(ip_frame(wire::ip_proto::udp, bytes, to.is_v4() ? peer4 : peer6, to), arrival);
  }
  Ear ear;
};

Bytes to_port_7(std::size_t size = 4, const IpAddress& from = peer4, const IpAddress& to = host4) {
  return udp_datagram(999, 7, counting(size), from, to);
}

}  // namespace

TEST_CASE("receive_path J1: a datagram is queued, its user told, and read with its sender") {
  Host host;
  udp::Socket& v4 = host.bound({any4, 7});
  host.datagram(to_port_7());
  CHECK(host.ear.readable == 1);
  CHECK(host[Counter::InDatagrams] == 0);
  Bytes into(10);
  Endpoint from;
  CHECK(host.udp.recv_from(v4, into, &from) == 4);
  CHECK(from == Endpoint{peer4, 999});
  CHECK(Bytes(into.begin(), into.begin() + 4) == counting(4));
  CHECK(host[Counter::InDatagrams] == 1);
  CHECK(host.udp.recv_from(v4, into, &from) == -EAGAIN);
  CHECK(v4.rmem() == 0);
}

TEST_CASE("receive_path J1: the same over IPv6, in counters of its own") {
  Host host;
  udp::Socket& socket = host.bound({any6, 7});
  host.datagram(to_port_7(4, peer6, host6), {}, host6);
  Endpoint from;
  CHECK(host.udp.recv_from(socket, {}, &from) == 4);
  CHECK(from == Endpoint{peer6, 999});
  CHECK(host.stats.udp6[Counter::InDatagrams] == 1);
  CHECK(host[Counter::InDatagrams] == 0);
}

TEST_CASE("receive_path J1: bad lengths: InErrors for each") {
  Host host;
  host.bound({any4, 7});
  Bytes beyond = to_port_7();
  store_be16(&beyond[4], 13);
  Bytes below = to_port_7();
  store_be16(&below[4], 7);
  for (const Bytes& bad : {beyond, below, counting(7)}) host.datagram(bad);
  CHECK(host[Counter::InErrors] == 3);
  CHECK(host[Counter::InCsumErrors] == 0);
  CHECK(host.drops(DropReason::udp_bad_length) == 3);
  CHECK(host.ear.readable == 0);
}

TEST_CASE("bytes behind the UDP length are not the datagram's") {
  Host host;
  udp::Socket& socket = host.bound({any4, 7});
  Bytes datagram = to_port_7();
  datagram.resize(datagram.size() + 5, 0xee);
  host.datagram(datagram);
  CHECK(host.udp.recv_from(socket, {}) == 4);
}

TEST_CASE("receive_path J1: a bad checksum counts twice, as InCsumErrors and InErrors") {
  Host host;
  host.bound({any4, 7});
  Bytes datagram = to_port_7();
  datagram.back() ^= 1;
  host.datagram(datagram);
  CHECK(host[Counter::InCsumErrors] == 1);
  CHECK(host[Counter::InErrors] == 1);
  CHECK(host.drops(DropReason::udp_bad_checksum) == 1);
}

TEST_CASE("receive_path E10: the port's verdict stands in for the sum") {
  using pkt::ChecksumVerdict;
  Bytes wrong = to_port_7();
  wrong.back() ^= 1;
  for (const auto verdict : {ChecksumVerdict::good, ChecksumVerdict::partial}) {
    Host host;
    host.bound({any4, 7});
    host.datagram(wrong, {.checksum = verdict});
    CHECK(host.ear.readable == 1);
  }
  Host host;
  host.bound({any4, 7});
  host.datagram(to_port_7(), {.checksum = ChecksumVerdict::bad});
  CHECK(host[Counter::InCsumErrors] == 1);
}

TEST_CASE("RFC 768, RFC 8200 8.1: no checksum is well over IPv4 and an error over IPv6") {
  Host host;
  host.bound({any6, 7});
  Bytes datagram = to_port_7();
  store_be16(&datagram[6], 0);
  host.datagram(datagram);
  CHECK(host.ear.readable == 1);
  host.datagram(datagram, {}, host6);
  CHECK(host.ear.readable == 1);
  CHECK(host.stats.udp6[Counter::InCsumErrors] == 1);
  CHECK(host.stats.udp6[Counter::InErrors] == 1);
}

TEST_CASE("J1, RFC 1122 4.1.3.1: a port that nobody has is answered with port unreachable, quoting the datagram") {
  Host host;
  host.datagram(to_port_7(20));
  CHECK(host[Counter::NoPorts] == 1);
  CHECK(host[Counter::InErrors] == 0);
  CHECK(host.drops(DropReason::udp_no_port) == 1);
  const Bytes frame = host.wire.take_one();
  CHECK(behind(frame, 34) == icmp4_message(3, 3, 0, behind(ip_frame(wire::ip_proto::udp, to_port_7(20)), 14)));
  host.datagram(to_port_7(4, peer6, host6), {}, host6);
  const Bytes frame6 = host.wire.take_one();
  CHECK(frame6[54] == wire::icmp6_type::unreachable);
  CHECK(frame6[55] == wire::icmp6_unreachable::port);
  CHECK(host.stats.udp6[Counter::NoPorts] == 1);
}

TEST_CASE("J2, RFC 3948 2: the encapsulation's function gets the packet first, and takes ESP, drops keepalives, lets IKE pass") {
  for (const bool v4 : {true, false}) {
    Host host;
    udp::Socket& socket = host.bound({v4 ? any4 : any6, 4500});
    const Endpoint peer{v4 ? peer4 : peer6, 4500};
    const auto arrives = [&](const Bytes& payload, bool is_right = true) {
      Bytes datagram = udp_datagram(4500, 4500, payload, peer.address, v4 ? host4 : host6);
      datagram[6] ^= is_right ? 0 : 1;
      host.datagram(datagram, {}, v4 ? host4 : host6);
    };
    std::vector<Bytes> seen;
    Bytes esp;
    socket.encap = true;
    host.ear.encap = [&](pkt::Packet payload, const Endpoint& from) {
      CHECK(from == peer);
      CHECK(socket.rmem() == 0);
      seen.push_back(bytes_of(payload));
      if (seen.back().size() >= 4 && seen.back()[0] + seen.back()[1] + seen.back()[2] + seen.back()[3] == 0) return payload;
      if (seen.back().size() > 1) esp = seen.back();
      consume(host.env, std::move(payload), stats::Ledger::delivered);
      return pkt::Packet{};
    };
    const Bytes ike{0, 0, 0, 0, 1, 2}, keepalive{0xff};
    const auto& count = v4 ? host.stats.udp : host.stats.udp6;
    arrives(counting(100, 1));
    CHECK(esp == counting(100, 1));
    arrives(keepalive);
    CHECK(seen.size() == 2);
    CHECK(host.ear.readable == 0);
    CHECK(socket.waiting() == 0);
    CHECK(count[Counter::InDatagrams] == 2);  // as in Linux, taken is received
    arrives(ike);
    CHECK(seen.size() == 3);
    CHECK(host.ear.readable == 1);
    CHECK(count[Counter::InDatagrams] == 2);
    CHECK(host.udp.recv_from(socket, {}) == 6);
    CHECK(count[Counter::InDatagrams] == 3);
    arrives(counting(100, 1), false);  // the checksum comes first
    CHECK(seen.size() == 3);
    CHECK(count[Counter::InCsumErrors] == 1);
    socket.encap = false;
    arrives(counting(100, 1));
    CHECK(seen.size() == 3);
    CHECK(host.udp.recv_from(socket, {}) == 100);
  }
}

TEST_CASE("J2: a full receive queue keeps nothing from the encapsulation's function") {
  Host host;
  udp::Socket& socket = host.bound({any4, 7});
  socket.rcvbuf = 2304;
  for (int i = 0; i < 2; ++i) host.datagram(to_port_7());
  CHECK(host[Counter::RcvbufErrors] == 1);
  socket.encap = true;
  int taken = 0;
  host.ear.encap = [&](pkt::Packet payload, const Endpoint&) {
    ++taken;
    consume(host.env, std::move(payload), stats::Ledger::delivered);
    return pkt::Packet{};
  };
  host.datagram(to_port_7());
  CHECK(taken == 1);
  CHECK(host[Counter::RcvbufErrors] == 1);
}

TEST_CASE("J3: with an rcvbuf of 2304 a datagram of 9000 bytes fits an empty queue, the next is dropped") {
  Host host;
  udp::Socket& socket = host.bound({any4, 7});
  socket.rcvbuf = 2304;
  host.datagram(to_port_7(9000), {.first_buffer = 1500});
  CHECK(socket.waiting() == 1);
  CHECK(socket.rmem() > 9000);
  host.datagram(to_port_7());
  CHECK(socket.waiting() == 1);
  CHECK(socket.drops() == 1);
  CHECK(host.drops(DropReason::udp_rcvbuf_full) == 1);
  CHECK(host.ear.readable == 1);
  CHECK(host.udp.recv_from(socket, {}) == 9000);
  CHECK(socket.rmem() == 0);
  host.datagram(to_port_7());
  CHECK(socket.waiting() == 1);
}

TEST_CASE("J3, X7: the limit is compared with what is held before the charge: one more datagram fits while exactly rcvbuf is held") {
  Host host;
  udp::Socket& socket = host.bound({any4, 7});
  socket.rcvbuf = 3 * truesize;
  for (int i = 0; i < 6; ++i) host.datagram(to_port_7());
  CHECK(socket.waiting() == 4);
  CHECK(socket.rmem() == 4 * truesize);
  socket.rcvbuf = 3 * truesize - 1;
  (void)host.udp.recv_from(socket, {});
  host.datagram(to_port_7());
  CHECK(socket.waiting() == 3);
}

TEST_CASE("J5: a full receive queue counts as RcvbufErrors and as InErrors, +1 each") {
  for (const bool v4 : {true, false}) {
    Host host;
    udp::Socket& socket = host.bound({v4 ? any4 : any6, 7});
    socket.rcvbuf = 2304;
    const auto arrives = [&] { host.datagram(v4 ? to_port_7() : to_port_7(4, peer6, host6), {}, v4 ? host4 : host6); };
    arrives();
    const auto& count = v4 ? host.stats.udp : host.stats.udp6;
    CHECK(count[Counter::RcvbufErrors] == 0);
    arrives();
    CHECK(count[Counter::RcvbufErrors] == 1);
    CHECK(count[Counter::InErrors] == 1);
    CHECK(count[Counter::MemErrors] == 0);
  }
}

TEST_CASE("J5, J7: sockets that together hold udp_mem: MemErrors and InErrors, +1 each, but for who holds less than udp_rmem_min") {
  Host host;
  host.udp.set_memory({.rmem_min = 4096, .pages = {10, 20, 30}});
  udp::Socket& greedy = host.bound({any4, 7});
  for (int i = 0; i < 20; ++i) host.datagram(to_port_7());
  CHECK(greedy.waiting() == 10 * 4096 / truesize);
  CHECK(host.udp.pages_held() == 10);
  const std::uint64_t refused = 20 - greedy.waiting();
  CHECK(host[Counter::MemErrors] == refused);
  CHECK(host[Counter::InErrors] == refused);
  CHECK(host[Counter::RcvbufErrors] == 0);
  CHECK(host.drops(DropReason::udp_memory) == refused);
  CHECK(greedy.drops() == refused);
  std::uint32_t others = 0;  // each until it holds 4096 bytes, all until 30 pages are held
  for (std::uint16_t port = 100; port < 150; ++port) {
    udp::Socket& modest = host.bound({any4, port});
    for (int i = 0; i < 5; ++i) host.datagram(udp_datagram(999, port, counting(4)));
    CHECK(modest.waiting() <= 2);
    others += modest.waiting();
  }
  CHECK(greedy.waiting() + others == 30 * 4096 / truesize);
  while (host.udp.recv_from(greedy, {}) >= 0) {
  }
  host.udp.close(greedy);
  CHECK(host.udp.pages_held() == (others * truesize + 4095) / 4096);
}

TEST_CASE("J6: what the socket does not take is not charged; what it takes is, before its user is told") {
  Host host;
  udp::Socket& socket = host.bound({any4, 7});
  Bytes wrong = to_port_7();
  wrong.back() ^= 1;
  host.datagram(wrong);
  CHECK(socket.rmem() == 0);
  CHECK(host.ear.readable == 0);
  socket.rcvbuf = 2304;
  std::uint32_t told_of = 0;
  host.ear.then = [&](udp::Socket& s) {
    CHECK(s.waiting() == 1);
    told_of = s.rmem();
    CHECK(host.udp.recv_from(s, {}) == 4);
  };
  host.datagram(to_port_7());
  CHECK(told_of == truesize);
  CHECK(socket.rmem() == 0);
  CHECK(host.udp.pages_held() == 0);
  host.ear.then = nullptr;
  host.udp.set_memory({.rmem_min = 1, .pages = {0, 0, 0}});
  host.datagram(to_port_7());
  CHECK(socket.rmem() == 0);
  CHECK(host.ear.readable == 1);
}

TEST_CASE("J7: InDatagrams moves on read, not on arrival; each other counter by what it names") {
  Host host;
  udp::Socket& socket = host.bound({any4, 7});
  host.datagram(to_port_7());
  host.datagram(to_port_7());
  CHECK(host[Counter::InDatagrams] == 0);
  CHECK(host.udp.recv_from(socket, {}) == 4);
  CHECK(host[Counter::InDatagrams] == 1);
  CHECK(host.udp.recv_from(socket, {}) == 4);
  CHECK(host[Counter::InDatagrams] == 2);
  host.datagram(udp_datagram(999, 8, counting(4)));  // nobody's port
  CHECK(host[Counter::NoPorts] == 1);
  host.datagram(to_port_7(4, peer4, addr("10.77.0.255")), {}, addr("10.77.0.255"));
  CHECK(host.udp.recv_from(socket, {}) == 4);
  host.datagram(udp_datagram(999, 8, counting(4), peer4, addr("10.77.0.255")), {}, addr("10.77.0.255"));
  CHECK(host[Counter::IgnoredMulti] == 1);
  CHECK(host[Counter::NoPorts] == 1);
  const Endpoint peer{peer4, 9};
  CHECK(host.udp.send_to(socket, counting(4), &peer) == 4);
  CHECK(host[Counter::OutDatagrams] == 1);
  CHECK(host[Counter::InErrors] == 0);
}

TEST_CASE("rmem_default: the queue holds what its truesize allows") {
  Host host;
  udp::Socket& socket = host.bound({any4, 7});
  for (int i = 0; i < 200; ++i) host.datagram(to_port_7());
  CHECK(socket.waiting() == udp::Memory{}.rmem_default / truesize + 1);
  CHECK(socket.rmem() == socket.waiting() * truesize);
}

TEST_CASE("J1, RFC 1122 4.1.3.5: a broadcast or multicast datagram reaches every socket that fits") {
  for (const char* to : {"224.0.0.1", "10.77.0.255"}) {
    Host host;
    std::array<udp::Socket*, 3> ears{};
    for (udp::Socket*& ear : ears) ear = &host.bound({any4, 7}, true);
    udp::Socket& elsewhere = host.bound({host4, 7}, true);
    host.datagram(to_port_7(300, peer4, addr(to)), {.first_buffer = 200}, addr(to));
    CHECK(host.ear.readable == 3);
    CHECK(elsewhere.waiting() == 0);
    for (udp::Socket* socket : ears) {
      Bytes into(300);
      Endpoint from;
      CHECK(host.udp.recv_from(*socket, into, &from) == 300);
      CHECK(into == counting(300));
      CHECK(from == Endpoint{peer4, 999});
    }
  }
}

TEST_CASE("L7: each receiver of a broadcast is told when the one packet came, by our clock and by the device's") {
  Host host;
  REQUIRE(pkt::register_rx_stamps());
  std::array<udp::Socket*, 3> ears{};
  for (udp::Socket*& ear : ears) ear = &host.bound({any4, 7}, true);
  const Instant came = host.env.now;
  host.datagram(to_port_7(300, peer4, addr("10.77.0.255")), {.rx_stamp = 42}, addr("10.77.0.255"));
  host.advance(5ms);
  for (udp::Socket* socket : ears) {
    udp::Received received;
    CHECK(host.udp.recv_from(*socket, {}, nullptr, &received) == 300);
    CHECK(received.times.software == came);
    CHECK(received.times.hardware == 42u);
    CHECK(received.segment_size == 0);
  }
}

TEST_CASE("an empty datagram to a group reaches every socket, too") {
  Host host;
  udp::Socket& one = host.bound({any4, 7}, true);
  udp::Socket& two = host.bound({any4, 7}, true);
  host.datagram(to_port_7(0, peer4, addr("224.0.0.1")), {}, addr("224.0.0.1"));
  CHECK(host.udp.recv_from(one, {}) == 0);
  CHECK(host.udp.recv_from(two, {}) == 0);
}

TEST_CASE("a group datagram that nobody wants is IgnoredMulti and never answered") {
  Host host;
  host.datagram(to_port_7(4, peer4, addr("10.77.0.255")), {}, addr("10.77.0.255"));
  CHECK(host[Counter::IgnoredMulti] == 1);
  CHECK(host[Counter::NoPorts] == 0);
  CHECK(host.wire.take().empty());
}

TEST_CASE("J11: a user may close any socket from its callback, and none of them is called after") {
  Host host;
  udp::Socket& one = host.bound({any4, 7}, true);
  udp::Socket& two = host.bound({any4, 7}, true);
  host.ear.then = [&](udp::Socket&) {
    for (udp::Socket* s : {&one, &two})
      if (s->is_open()) host.udp.close(*s);
  };
  host.datagram(to_port_7(4, peer4, addr("224.0.0.1")), {}, addr("224.0.0.1"));
  CHECK(host.ear.readable == 1);  // J11: none after close
  CHECK(host.drops(DropReason::socket_closed) == 2);
}

TEST_CASE("J11: a slot that was closed and opened again in a callback hears nothing of its former life") {
  Host host;
  udp::Udp small(host.env, host.ip, {.sockets = 2});
  host.ip.add_protocol(wire::ip_proto::udp, small);
  const auto open = [&] {
    udp::Socket* socket = small.open(&host.ear);
    REQUIRE(socket != nullptr);
    socket->reuse_address = true;
    REQUIRE(small.bind(*socket, {any4, 7}) == 0);
    return socket;
  };
  udp::Socket* one = open();
  udp::Socket* two = open();
  host.ear.then = [&](udp::Socket&) {
    for (udp::Socket* s : {one, two}) small.close(*s);
    for (int i = 0; i < 2; ++i) open();
  };
  host.datagram(to_port_7(4, peer4, addr("224.0.0.1")), {}, addr("224.0.0.1"));
  CHECK(host.ear.readable == 1);
}

TEST_CASE("RFC 1122 4.1.3.3: port unreachable reaches the connected socket as ECONNREFUSED, once") {
  for (const bool v4 : {true, false}) {
    Host host;
    udp::Socket& socket = host.bound({v4 ? any4 : any6, 0});
    const Endpoint peer{v4 ? peer4 : peer6, 7};
    REQUIRE(host.udp.connect(socket, peer) == 0);
    REQUIRE(host.udp.send_to(socket, counting(4)) == 4);
    const Bytes sent = behind(host.wire.take_one(), 14);
    host.receives(v4 ? ip_frame(1, icmp4_message(3, 3, 0, sent))
                     : ip_frame(58, icmp6_message(1, 4, 0, sent), peer6, host6));
    CHECK(host.ear.error == ECONNREFUSED);
    CHECK(host.udp.recv_from(socket, {}) == -ECONNREFUSED);
    CHECK(host.udp.recv_from(socket, {}) == -EAGAIN);
  }
}

TEST_CASE("icmp_err_convert: soft errors and errors of others do not end a socket's work") {
  Host host;
  udp::Socket& socket = host.bound({any4, 0});
  REQUIRE(host.udp.connect(socket, {peer4, 7}) == 0);
  REQUIRE(host.udp.send_to(socket, counting(4)) == 4);
  Bytes sent = behind(host.wire.take_one(), 14);
  const auto error = [&](std::uint8_t type, std::uint8_t code, const Bytes& quote) {
    host.receives(ip_frame(1, icmp4_message(type, code, 0, quote)));
  };
  error(3, 1, sent);   // host unreachable
  error(11, 0, sent);  // time exceeded
  CHECK(host.ear.error == 0);
  error(3, 4, sent);  // fragmentation needed
  CHECK(host.ear.error == EMSGSIZE);
  socket.mtu_discover = udp::MtuDiscover::dont;
  host.ear.error = 0;
  error(3, 4, sent);
  CHECK(host.ear.error == 0);
  error(3, 2, sent);
  CHECK(host.ear.error == ENOPROTOOPT);
  host.ear.error = 0;
  store_be16(&sent[22], 8);  // another port of the peer
  error(3, 3, sent);
  CHECK(host.ear.error == 0);
  CHECK(host.udp.take_error(socket) == ENOPROTOOPT);
  CHECK(host.udp.take_error(socket) == 0);
}

TEST_CASE("an unconnected socket hears of no ICMP error") {
  Host host;
  udp::Socket& socket = host.bound({any4, 0});
  const Endpoint peer{peer4, 7};
  REQUIRE(host.udp.send_to(socket, counting(4), &peer) == 4);
  host.receives(ip_frame(1, icmp4_message(3, 3, 0, behind(host.wire.take_one(), 14))));
  CHECK(host.ear.error == 0);
  CHECK(host.udp.recv_from(socket, {}) == -EAGAIN);
}

TEST_CASE("RFC 2675: over IPv6 a length of 0 means all that is there; over IPv4 it is wrong") {
  Host host;
  udp::Socket& socket = host.bound({any6, 7});
  Bytes datagram = to_port_7(4, peer6, host6);
  store_be16(&datagram[4], 0);
  store_be16(&datagram[6], 0);
  wire::Sum sum = wire::pseudo_header(peer6, host6, wire::ip_proto::udp, static_cast<std::uint32_t>(datagram.size()));
  sum.add(datagram);
  store_be16(&datagram[6], sum.checksum());
  host.datagram(datagram, {}, host6);
  CHECK(host.udp.recv_from(socket, {}) == 4);
  datagram = to_port_7();
  store_be16(&datagram[4], 0);
  host.datagram(datagram);
  CHECK(host.drops(DropReason::udp_bad_length) == 1);
}

TEST_CASE("an ICMP error about a datagram that no socket has sent is one of ICMP's errors") {
  Host host;
  const Bytes sent = behind(ip_frame(wire::ip_proto::udp, udp_datagram(7, 999, counting(8), host4, peer4), host4, peer4), 14);
  host.receives(ip_frame(wire::ip_proto::icmp, icmp4_message(3, 3, 0, sent)));
  CHECK(host[stats::Icmp::InErrors] == 1);
  const Bytes sent6 = behind(ip_frame(wire::ip_proto::udp, udp_datagram(7, 999, counting(8), host6, peer6), host6, peer6), 14);
  host.receives(ip_frame(wire::ip_proto::icmp6, icmp6_message(1, 4, 0, sent6), peer6, host6));
  CHECK(host[stats::Icmp6::InErrors] == 1);
}
