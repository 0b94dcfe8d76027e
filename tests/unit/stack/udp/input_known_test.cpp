// SPDX-License-Identifier: BSD-3-Clause
// Bursts for sockets: what follows one another for one socket is queued as a whole before its user is told.
#include <millrace/stack/udp/udp.hpp>
#include <millrace/stack/udp/sender.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

#include <functional>
#include <sstream>

using namespace millrace;
using namespace millrace::test;
using Counter = stats::Udp;

namespace {

const IpAddress any4 = addr("0.0.0.0"), any6 = addr("::");
constexpr std::uint32_t truesize = 2048 + pkt::headroom + sizeof(pkt::Mbuf);  // of a datagram in one buffer
using Burst = std::vector<std::pair<Bytes, Arrival>>;

struct Ear final : udp::Events {
  void on_readable(udp::Socket& socket) override {
    told << socket.local().port << ':' << socket.waiting() << ' ';
    if (then) then(socket);
  }
  void on_error(udp::Socket&, int) override {}
  std::ostringstream told;
  std::function<void(udp::Socket&)> then;
};

struct Host : ScriptedHost {
  Host() { knows_peer(); }
  udp::Socket& bound(const Endpoint& local) {
    udp::Socket* const socket = udp.open(&ear);
    REQUIRE(socket != nullptr);
    REQUIRE(udp.bind(*socket, local) == 0);
    return *socket;
  }
  /// So that its flows are known.
  void hears(std::uint16_t port, bool v4 = true) {
    const auto then = std::exchange(ear.then, nullptr);
    receives(datagram(port, 1, v4));
    for_each_waiting(port, [&](udp::Socket& socket) { CHECK(udp.recv_from(socket, {}) == 1); });
    ear.told.str("");
    ear.then = then;
  }
  template <class F>
  void for_each_waiting(std::uint16_t port, F&& f) {
    std::vector<udp::Socket*> found;
    udp.for_each_bound([&](std::uint32_t, const udp::Socket& s) {
      if (s.local().port == port && s.waiting() != 0) found.push_back(const_cast<udp::Socket*>(&s));
    });
    for (udp::Socket* socket : found) f(*socket);
  }
  static Bytes datagram(std::uint16_t port, std::size_t size, bool v4 = true, std::uint16_t from = 999) {
    const IpAddress& source = v4 ? peer4 : peer6;
    const IpAddress& host = v4 ? host4 : host6;
    return ip_frame(wire::ip_proto::udp, udp_datagram(from, port, counting(size), source, host), source, host);
  }
  [[nodiscard]] std::string told() const { return ear.told.str(); }
  Ear ear;
};

Burst to(std::initializer_list<std::uint16_t> ports, bool v4 = true) {
  Burst burst;
  for (const std::uint16_t port : ports) burst.emplace_back(Host::datagram(port, 30 + burst.size(), v4), Arrival{});
  return burst;
}

}  // namespace

TEST_CASE("J1: a burst for one socket is queued whole, and its user told once, in each family") {
  for (const bool v4 : {true, false}) {
    Host host;
    udp::Socket& socket = host.bound({v4 ? any4 : any6, 7});
    host.hears(7, v4);
    host.receives(to({7, 7, 7}, v4));
    CHECK(host.told() == "7:3 ");
    pkt::PacketList all;
    CHECK(host.udp.take_all(socket, all) == 30 + 31 + 32);
    CHECK(socket.rmem() == 0);
    CHECK((v4 ? host.stats.udp : host.stats.udp6)[Counter::InDatagrams] == 4);
    for (std::size_t size = 30; pkt::Packet one = all.pop_front(); ++size) {
      CHECK(bytes_of(one) == counting(size));
      CHECK(udp::load_sender(one) == Endpoint{v4 ? peer4 : peer6, 999});
      consume(host.env, std::move(one), stats::Ledger::delivered);
    }
  }
}

TEST_CASE("J1: whoever reads one datagram when told is told again, as long as there are more") {
  Host host;
  host.bound({any4, 7});
  host.hears(7);
  host.ear.then = [&](udp::Socket& socket) { CHECK(host.udp.recv_from(socket, {}) > 0); };
  host.receives(to({7, 7, 7}));
  CHECK(host.told() == "7:3 7:2 7:1 ");
}

TEST_CASE("J1: users of different sockets are told in the order of the datagrams") {
  Host host;
  host.bound({any4, 7});
  host.bound({any4, 8});
  host.hears(7);
  host.hears(8);
  host.ear.then = [&](udp::Socket& socket) {
    while (host.udp.recv_from(socket, {}) > 0) continue;
  };
  host.receives(to({7, 7, 8, 7, 8, 8, 8}));
  CHECK(host.told() == "7:2 8:1 7:1 8:3 ");
}

TEST_CASE("J1: a socket that its user closes when told takes what waits with it, and the rest of the burst finds no port") {
  Host host;
  host.bound({any4, 7});
  host.bound({any4, 8});
  host.hears(7);
  host.hears(8);
  host.ear.then = [&](udp::Socket& socket) { host.udp.close(socket); };
  host.receives(to({7, 7, 8, 7}));
  CHECK(host.told() == "7:2 8:1 ");
  CHECK(host.drops(stats::DropReason::socket_closed) == 3);
  CHECK(host[Counter::NoPorts] == 1);
}

TEST_CASE("J3: within a burst, too, the queue is full once the buffers cost more than SO_RCVBUF") {
  Host host;
  udp::Socket& socket = host.bound({any4, 7});
  host.hears(7);
  socket.rcvbuf = 2 * truesize - 1;  // the second finds less than that
  host.receives(to({7, 7, 7, 7}));
  CHECK(socket.waiting() == 2);
  CHECK(socket.rmem() == 2 * truesize);
  CHECK(host[Counter::RcvbufErrors] == 2);
  CHECK(host[Counter::InErrors] == 2);
  CHECK(socket.drops() == 2);
}

TEST_CASE("J3: within a burst, too, all sockets together hold no more than udp_mem") {
  Host host;
  udp::Socket& socket = host.bound({any4, 7});
  host.hears(7);
  host.udp.set_memory({.rmem_min = 1, .pages = {2, 2, 2}});
  host.receives(to({7, 7, 7, 7, 7}));
  CHECK(socket.waiting() == 2 * udp::page_bytes / truesize);
  CHECK(host[Counter::MemErrors] == 5 - socket.waiting());
}

TEST_CASE("J1: of a burst only what is wrong is refused, for its own reason") {
  Host host;
  udp::Socket& socket = host.bound({any4, 7});
  host.hears(7);
  Burst burst = to({7, 7, 7, 7, 7});
  burst[1].first.back() ^= 1;                    // its checksum
  store_be16(&burst[2].first[14 + 20 + 4], 90);  // its length
  burst[3].second.checksum = pkt::ChecksumVerdict::bad;
  host.receives(burst);
  CHECK(host.told() == "7:2 ");
  CHECK(host[Counter::InErrors] == 3);
  CHECK(host[Counter::InCsumErrors] == 2);
  CHECK(socket.waiting() == 2);
}
