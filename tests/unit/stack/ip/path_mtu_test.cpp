// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/ip/path_mtu.hpp>

#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/udp.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/stack/ip/recorder.hpp"

#include <cerrno>

using namespace millrace;
using namespace millrace::test;

namespace {

// What a router says of the last frame that the host sent: it takes `mtu` bytes.
Bytes too_big(const Bytes& frame, std::uint16_t mtu) {
  const Bytes quoted(frame.begin() + 14, frame.begin() + 14 + std::min<std::ptrdiff_t>(120, static_cast<std::ptrdiff_t>(frame.size()) - 14));
  if (quoted[0] >> 4 == 4)
    return ip_frame(wire::ip_proto::icmp, icmp4_message(wire::icmp4_type::unreachable, wire::icmp4_unreachable::fragmentation_needed, mtu, quoted));
  return ip_frame(wire::ip_proto::icmp6, icmp6_message(wire::icmp6_type::packet_too_big, 0, mtu, quoted), peer6, host6);
}

udp::Socket& socket_of(ScriptedHost& host) {
  udp::Socket* socket = host.udp.open(nullptr);
  REQUIRE(socket != nullptr);
  return *socket;
}

}  // namespace

TEST_CASE("H7, RFC 1191, RFC 8201: what ICMP says of a path holds for 600 s; datagrams are cut to it meanwhile") {
  for (const IpAddress& peer : {peer4, peer6}) {
    ScriptedHost host;
    host.knows_peer();
    udp::Socket& socket = socket_of(host);
    const Endpoint to{peer, 9};
    CHECK(host.udp.send_to(socket, counting(1400), &to) == 1400);
    const Bytes frame = host.wire.take_one();
    host.receives(too_big(frame, 1300));
    CHECK(host.ip.mtu_for(peer) == 1300);
    CHECK(host.ip.link_mtu_for(peer) == 1500);
    CHECK(host.udp.send_to(socket, counting(1400), &to) == 1400);
    CHECK(host.wire.take().size() == 2);
    socket.mtu_discover = socket.mtu_discover_v6 = udp::MtuDiscover::require;
    CHECK(host.udp.send_to(socket, counting(1400), &to) == -EMSGSIZE);
    socket.mtu_discover = socket.mtu_discover_v6 = udp::MtuDiscover::probe;
    CHECK(host.udp.send_to(socket, counting(1400), &to) == 1400);
    host.receives(too_big(frame, 1400));  // none is raised
    CHECK(host.ip.mtu_for(peer) == 1300);
    host.advance(600s - 1ns);
    CHECK(host.ip.mtu_for(peer) == 1300);
    host.advance(1ns);
    CHECK(host.ip.mtu_for(peer) == 1500);
  }
}

TEST_CASE("H7: a connected socket hears of a path that takes less, unless it does not discover (EMSGSIZE)") {
  for (const auto mode : {udp::MtuDiscover::want, udp::MtuDiscover::dont}) {
    ScriptedHost host;
    host.knows_peer();
    udp::Socket& socket = socket_of(host);
    socket.mtu_discover = mode;
    CHECK(host.udp.connect(socket, {peer4, 9}) == 0);
    CHECK(host.udp.send_to(socket, counting(1400)) == 1400);
    host.receives(too_big(host.wire.take_one(), 1300));
    CHECK(host.udp.take_error(socket) == (mode == udp::MtuDiscover::want ? EMSGSIZE : 0));
    CHECK(host.ip.mtu_for(peer4) == 1300);
  }
}

TEST_CASE("H7, RFC 5927: an error that quotes no socket of ours teaches nothing; no MTU below 552 or 1280 is believed") {
  for (const IpAddress& peer : {peer4, peer6}) {
    ScriptedHost host;
    host.knows_peer();
    udp::Socket& socket = socket_of(host);
    const Endpoint to{peer, 9};
    CHECK(host.udp.send_to(socket, counting(1400), &to) == 1400);
    const Bytes frame = host.wire.take_one();
    Bytes forged = frame;
    forged[peer.is_v4() ? 35 : 55] ^= 1;  // another source port
    host.receives(too_big(forged, 1300));
    CHECK(host.ip.mtu_for(peer) == 1500);
    host.receives(too_big(frame, 100));
    CHECK(host.ip.mtu_for(peer) == (peer.is_v4() ? 552 : 1280));
  }
}

TEST_CASE("H7: 1024 paths are remembered at most; the one that would expire first makes room") {
  ScriptedHost host;
  ip::PathMtus paths(host.env);
  const auto address = [](std::uint32_t n) { return IpAddress::v4(10, static_cast<std::uint8_t>(n >> 16), static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)); };
  for (std::uint32_t n = 0; n < 5000; ++n) {
    host.env.now += 1ms;
    paths.learn(address(n), 1000);
    CHECK(paths.lookup(address(n), 1500) == 1000);
  }
  std::size_t known = 0;
  for (std::uint32_t n = 0; n < 5000; ++n) known += paths.lookup(address(n), 1500) == 1000 ? 1 : 0;
  CHECK(known <= ip::PathMtus::capacity);
  CHECK(known > ip::PathMtus::capacity / 2);
  CHECK(paths.lookup(address(0), 1500) == 1500);
  CHECK(paths.lookup(address(4999), 900) == 900);  // the link takes less
}
