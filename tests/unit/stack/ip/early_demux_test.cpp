// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/stack/ip/fragments.hpp"
#include "tests/unit/stack/ip/router.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

/// In the place of TCP: an established socket for what comes from port 5 to port 80.
struct Established final : ip::Transport {
  explicit Established(Env& host_env) : env(host_env) {}
  void receive(pkt::Packet datagram, const ip::Delivery& delivery) override {
    ++received;
    demuxed += delivery.socket == this;
    consume(env, std::move(datagram), stats::Ledger::delivered);
  }
  void error(const ip::ErrorReport&) override {}
  ip::Demuxed early_demux(const ip::EarlyFlow& flow) override {
    ++asked;
    if (flow.remote_port != 5 || flow.local_port != 80) return {};
    CHECK((flow.local == host4 || flow.local == host6));
    CHECK((flow.remote == peer4 || flow.remote == peer6));
    return {this, &route};
  }
  Env& env;
  ip::ReceiveRoute route;
  int asked = 0, received = 0, demuxed = 0;
};

struct World : Router {
  World() { ip.add_protocol(wire::ip_proto::tcp, tcp); }
  /// Lookups that the packet caused.
  std::uint64_t lookups(const Bytes& frame) {
    const std::uint64_t before = stats.ip[stats::Ip::FibLookups];
    receives(frame);
    return stats.ip[stats::Ip::FibLookups] - before;
  }
  static Bytes segment(bool v4, std::uint16_t from = 5, std::uint16_t to = 80) {
    Bytes tcp_header = counting(20);
    store_be16(&tcp_header[0], from);
    store_be16(&tcp_header[2], to);
    return ip_frame(wire::ip_proto::tcp, tcp_header, v4 ? peer4 : peer6, v4 ? host4 : host6);
  }
  Established tcp{env};
};

}  // namespace

TEST_CASE("H3: the first packet of an established flow is routed, those behind it are not; others always are") {
  for (const bool v4 : {true, false}) {
    World w;
    CHECK(w.lookups(World::segment(v4)) == 1);
    CHECK(w.lookups(World::segment(v4)) == 0);
    CHECK(w.lookups(World::segment(v4)) == 0);
    CHECK(w.lookups(World::segment(v4, 6)) == 1);
    CHECK(w.lookups(World::segment(v4, 6)) == 1);
    CHECK(w.tcp.received == 5);
    CHECK(w.tcp.demuxed == 3);  // it was looked up once for each
    w.ip.configure_early_demux({.tcp = false});
    CHECK(w.lookups(World::segment(v4)) == 1);
    CHECK(w.tcp.asked == 5);
    CHECK(w.tcp.demuxed == 3);
  }
}

TEST_CASE("H3: a change of routes, of addresses or of the rules, and another interface, end what the socket knows") {
  World w;
  const Bytes frame = World::segment(true);
  CHECK(w.lookups(frame) == 1);
  const auto is_asked_anew_once = [&] { return w.lookups(frame) == 1 && w.lookups(frame) == 0; };
  REQUIRE(w.ip.add_route({.prefix = *IpPrefix::parse("192.0.2.0/24"), .to = {.type = ip::RouteType::blackhole}}));
  CHECK(is_asked_anew_once());
  REQUIRE(w.ip.remove_route(*IpPrefix::parse("192.0.2.0/24")));
  CHECK(is_asked_anew_once());
  REQUIRE(w.ip.add_address(w.interface, *IpPrefix::parse("192.0.2.1/24")));
  CHECK(is_asked_anew_once());
  w.ip.configure_forwarding({.rp_filter = 1});
  CHECK(w.lookups(frame) == 2);  // and the way back
  CHECK(w.lookups(frame) == 0);
  w.interface.ifindex = 2;
  CHECK(w.lookups(frame) == 2);
}

TEST_CASE("H3: hooks see the packets all the same, and what they may have changed is looked up again") {
  World w;
  w.receives(World::segment(true));
  int seen = 0;
  for (const ip::Hook hook : {ip::Hook::pre_routing, ip::Hook::local_in})
    w.ip.hooks().add(1, hook, 0, [&](const ip::HookState&, pkt::Packet&) {
      ++seen;
      return ip::HookVerdict::accept;
    });
  CHECK(w.lookups(World::segment(true)) == 0);
  CHECK(seen == 2);
  CHECK(w.tcp.received == 2);
  CHECK(w.tcp.demuxed == 1);
}

TEST_CASE("H3: a fragment is no flow's") {
  World w;
  const Bytes datagram = behind(World::segment(true), 34);
  const PieceOf piece{datagram, wire::ip_proto::tcp};
  w.receives(piece.v4(0, 8));
  CHECK(w.tcp.asked == 0);
}
