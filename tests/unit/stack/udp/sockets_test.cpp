// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/udp/udp.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

#include <cerrno>
#include <set>

using namespace millrace;
using namespace millrace::test;

namespace {

const IpAddress any4 = addr("0.0.0.0"), any6 = addr("::");

struct Sockets : ScriptedHost {
  Sockets() { knows_peer(); }
  udp::Socket& open() {
    udp::Socket* socket = udp.open(nullptr);
    REQUIRE(socket != nullptr);
    return *socket;
  }
  udp::Socket& bound(const Endpoint& local) {
    udp::Socket& socket = open();
    REQUIRE(udp.bind(socket, local) == 0);
    return socket;
  }
  void datagram_to(std::uint16_t port, const IpAddress& to = host4, std::uint16_t from_port = 999) {
    const IpAddress from = to.is_v4() ? peer4 : peer6;
    receives(ip_frame(wire::ip_proto::udp, udp_datagram(from_port, port, counting(4), from, to), from, to));
  }
};

}  // namespace

TEST_CASE("bind: own addresses, groups and wildcards, once") {
  Sockets host;
  for (const IpAddress& address :
       {host4, host6, host_link, any4, any6, addr("224.0.0.1"), addr("255.255.255.255"), addr("10.77.0.255")}) {
    udp::Socket& socket = host.open();
    CHECK(host.udp.bind(socket, {address, 7}) == 0);
    CHECK(socket.local() == Endpoint{address, 7});
    CHECK(host.udp.bind(socket, {address, 8}) == -EINVAL);
    host.udp.close(socket);
  }
  CHECK(host.udp.bind(host.open(), {peer4, 7}) == -EADDRNOTAVAIL);
}

TEST_CASE("bind: EADDRINUSE between addresses that cover each other, unless both reuse") {
  struct Case {
    IpAddress first, second;
    bool v6_only;
    int result;
  };
  for (const Case& c : {Case{host4, host4, false, -EADDRINUSE}, Case{any4, host4, false, -EADDRINUSE},
                        Case{host4, any4, false, -EADDRINUSE}, Case{any6, any4, false, -EADDRINUSE},
                        Case{any6, host4, false, -EADDRINUSE}, Case{host4, any6, false, -EADDRINUSE},
                        Case{any4, host6, false, 0}, Case{host4, host6, false, 0}, Case{any6, any4, true, 0},
                        Case{host4, any6, true, 0}, Case{any6, host6, true, -EADDRINUSE}}) {
    for (const bool reuse : {false, true}) {
      Sockets host;
      udp::Socket& first = host.open();
      udp::Socket& second = host.open();
      first.v6_only = second.v6_only = c.v6_only;
      first.reuse_address = second.reuse_address = reuse;
      REQUIRE(host.udp.bind(first, {c.first, 7}) == 0);
      CHECK(host.udp.bind(second, {c.second, 7}) == (reuse ? 0 : c.result));
    }
  }
}

TEST_CASE("RFC 6056: port 0 chooses ports of the range, each once, not in order") {
  Sockets host;
  std::set<std::uint16_t> ports;
  int in_order = 0;
  std::uint16_t last = 0;
  for (int i = 0; i < 500; ++i) {
    udp::Socket& socket = host.open();
    REQUIRE(host.udp.connect(socket, {IpAddress::v4(10, 77, 0, static_cast<std::uint8_t>(3 + i % 200)), 7}) == 0);
    in_order += socket.local().port == last + 1;
    last = socket.local().port;
    CHECK(last >= 32768);
    CHECK(last <= 60999);
    ports.insert(last);
  }
  CHECK(ports.size() == 500);
  CHECK(in_order < 10);
}

TEST_CASE("RFC 6056: another secret, other ports") {
  Sockets one;
  Sockets two;
  two.env.secret = {3, 4};
  CHECK(one.bound({any4, 0}).local().port != two.bound({any4, 0}).local().port);
}

TEST_CASE("lcores of one stack choose from ports of their own") {
  ScriptedHost host;
  for (std::uint16_t phase = 0; phase < 3; ++phase) {
    udp::Udp udp(host.env, host.ip, {.sockets = 8, .port_first = 100, .port_last = 110, .port_stride = 3, .port_phase = phase});
    std::set<std::uint16_t> ports;
    for (udp::Socket* s = udp.open(nullptr); udp.bind(*s, {any4, 0}) == 0; s = udp.open(nullptr)) ports.insert(s->local().port);
    const std::set<std::uint16_t> expected[] = {{102, 105, 108}, {100, 103, 106, 109}, {101, 104, 107, 110}};
    CHECK(ports == expected[phase]);
  }
  udp::Udp none(host.env, host.ip, {.sockets = 1, .port_first = 100, .port_last = 101, .port_stride = 4, .port_phase = 2});
  CHECK(none.bind(*none.open(nullptr), {any4, 0}) == -EADDRNOTAVAIL);
}

TEST_CASE("ports run out with EADDRNOTAVAIL, sockets with null") {
  ScriptedHost host;
  udp::Udp udp(host.env, host.ip, {.sockets = 5, .port_first = 100, .port_last = 103});
  for (int i = 0; i < 4; ++i) CHECK(udp.bind(*udp.open(nullptr), {any4, 0}) == 0);
  udp::Socket* fifth = udp.open(nullptr);
  CHECK(udp.bind(*fifth, {any4, 0}) == -EADDRNOTAVAIL);
  CHECK(udp.open(nullptr) == nullptr);
  udp.close(*fifth);
  CHECK(udp.open(nullptr) != nullptr);
  CHECK(udp.size() == 5);
}

TEST_CASE("connect: chooses address and port, and refuses what cannot be") {
  Sockets host;
  udp::Socket& socket = host.open();
  CHECK(host.udp.connect(socket, {peer6, 0}) == -EINVAL);
  CHECK(host.udp.connect(socket, {addr("192.0.2.1"), 7}) == -ENETUNREACH);
  CHECK_FALSE(socket.is_connected());
  CHECK(host.udp.connect(socket, {peer6, 7}) == 0);
  CHECK(socket.local().address == host6);
  CHECK(socket.is_bound());
  CHECK(socket.remote() == Endpoint{peer6, 7});
  CHECK(host.udp.connect(socket, {peer4, 7}) == -EAFNOSUPPORT);
  udp::Socket& shout = host.bound({any4, 0});
  CHECK(host.udp.connect(shout, {addr("255.255.255.255"), 7}) == -EACCES);
  shout.broadcast = true;
  CHECK(host.udp.connect(shout, {addr("255.255.255.255"), 7}) == 0);
}

TEST_CASE("lookup: connected before exact before wildcard") {
  Sockets host;
  std::vector<udp::Socket*> sockets;
  for (int i = 0; i < 4; ++i) {
    sockets.push_back(&host.open());
    sockets.back()->reuse_address = true;
  }
  REQUIRE(host.udp.bind(*sockets[0], {any6, 7}) == 0);
  REQUIRE(host.udp.bind(*sockets[1], {any4, 7}) == 0);
  REQUIRE(host.udp.bind(*sockets[3], {host4, 7}) == 0);
  REQUIRE(host.udp.connect(*sockets[3], {peer4, 999}) == 0);
  REQUIRE(host.udp.bind(*sockets[2], {host4, 7}) == 0);
  const auto expect = [&](std::size_t which) {
    for (std::size_t i = 0; i < sockets.size(); ++i) CHECK(sockets[i]->waiting() == (i == which ? 1 : 0));
    (void)host.udp.recv_from(*sockets[which], {});
  };
  host.datagram_to(7);
  expect(3);
  host.datagram_to(7, host4, 998);  // not the peer of the connected one
  expect(2);
  host.udp.close(*sockets[2]);
  host.datagram_to(7, host4, 998);
  expect(1);
  host.udp.close(*sockets[1]);
  host.datagram_to(7, host4, 998);
  expect(0);
}

TEST_CASE("IPV6_V6ONLY: a socket on :: takes IPv4 unless told otherwise") {
  for (const bool only : {false, true}) {
    Sockets host;
    udp::Socket& socket = host.open();
    socket.v6_only = only;
    REQUIRE(host.udp.bind(socket, {any6, 7}) == 0);
    host.datagram_to(7);
    CHECK(socket.waiting() == (only ? 0 : 1));
    host.datagram_to(7, host6);
    CHECK(socket.waiting() == (only ? 1 : 2));
  }
}

TEST_CASE("receive_path J11: closed while datagrams are queued: no callback after, they are dropped, and the slot serves again") {
  Sockets host;
  struct Ear final : udp::Events {
    void on_readable(udp::Socket&) override { ++calls; }
    void on_error(udp::Socket&, int) override { ++calls; }
    int calls = 0;
  } ear;
  udp::Socket& socket = *host.udp.open(&ear);
  REQUIRE(host.udp.bind(socket, {any4, 7}) == 0);
  host.datagram_to(7);
  CHECK(ear.calls == 1);
  host.udp.close(socket);
  host.datagram_to(7);
  CHECK(ear.calls == 1);
  CHECK(host[stats::Udp::NoPorts] == 1);
  CHECK(host.udp.pages_held() == 0);
  udp::Socket& again = host.bound({any4, 7});
  CHECK(host.udp.size() == 1);
  CHECK(host.drops(stats::DropReason::socket_closed) == 1);
  host.datagram_to(7);
  CHECK(again.waiting() == 1);
  CHECK(ear.calls == 1);
}

TEST_CASE("many sockets on many ports are told apart") {
  Sockets host;
  std::vector<udp::Socket*> sockets;
  for (std::uint16_t port = 1; port <= 1000; ++port) sockets.push_back(&host.bound({any4, port}));
  for (std::uint16_t port : {1, 257, 513, 1000}) {
    host.datagram_to(port);
    CHECK(sockets[port - 1u]->waiting() == 1);
  }
}
