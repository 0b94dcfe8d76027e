// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/addrconf/addrconf.hpp>

#include "tests/unit/stack/addrconf/configured_host.hpp"

using namespace millrace;
using namespace millrace::test;
using addrconf::AddressState;
using neighbor::State;

namespace {

const IpAddress far_away = addr("2001:db8::1"), second = addr("fe80::77");

wire::RouterAdvertisement bare(std::uint16_t lifetime_s, int preference = 0) {
  return {.router_lifetime_s = lifetime_s, .preference = preference};
}

/// With its link-local address.
struct ReadyHost : ConfiguredHost {
  explicit ReadyHost(const addrconf::Options& options = {}) : ConfiguredHost(options) { (void)asks(3s); }
};

}  // namespace

TEST_CASE("H12: RFC 4861 6.3.4: a router becomes the default route for its lifetime, and its link address is known") {
  ReadyHost host;
  host.says(advertisement());
  REQUIRE(host.route(far_away) != nullptr);
  CHECK(host.route(far_away)->gateway == router);
  CHECK(host.state_of(router) == State::stale);
  CHECK(host[stats::Neighbor::router_advertisements] == 1);
  (void)host.asks(1799s);
  CHECK(host.route(far_away) != nullptr);
  (void)host.asks(1s);
  CHECK(host.route(far_away) == nullptr);
  host.says(advertisement());
  host.says(bare(0));  // it is none any more
  CHECK(host.route(far_away) == nullptr);
}

TEST_CASE("H12: RFC 4191: the router of the higher preference, and one that answers before one that does not") {
  ReadyHost host;
  host.says(bare(1800));
  host.says(bare(1800, -1), second);
  CHECK(host.route(far_away)->gateway == router);
  host.says(bare(1800, 1), second);
  CHECK(host.route(far_away)->gateway == second);
  // It does not answer: neighbour unreachability detection takes the other.
  host.ip.send(host.pool.packet(counting(8)), {.source = own_link, .destination = far_away, .proto = 253});
  (void)host.asks(5s);
  CHECK(host.state_of(second) == State::failed);
  CHECK(host.route(far_away)->gateway == router);
  host.says(bare(1800, 1), second);
  CHECK(host.route(far_away)->gateway == second);
}

TEST_CASE("H12: a default route of the administrator's stays") {
  ReadyHost host;
  REQUIRE(host.ip.add_route({IpAddress{}, 0}, second, host.interface));
  host.says(advertisement());
  CHECK(host.route(far_away)->gateway == second);
}

TEST_CASE("H12: RFC 4862 5.5.3: a prefix is on the link and gives an address, which is looked for before it is used") {
  ReadyHost host;
  host.says(advertisement());
  CHECK(host.row(own_slaac)->state == AddressState::tentative);
  REQUIRE(host.route(peer6) != nullptr);
  CHECK(host.route(peer6)->gateway.is_unspecified());
  const auto asked = host.asks(3s);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].target == own_slaac);
  CHECK(host.has(own_slaac));
  CHECK(host.ip.source_for(far_away) == own_slaac);
  (void)host.asks(86400s);
  CHECK(host.route(peer6) == nullptr);
}

TEST_CASE("H12: without L no route, without A no address, and none of prefixes that are too long or of the link's own") {
  ReadyHost host;
  auto ra = advertisement();
  ra.prefixes[0].on_link = false;
  ra.prefix_count = 4;
  ra.prefixes[1] = {.prefix = {addr("fd00:78::"), 64}, .on_link = true, .valid_lifetime_s = 100, .preferred_lifetime_s = 100};
  ra.prefixes[2] = {.prefix = {addr("fd00:79::"), 80}, .on_link = true, .autonomous = true, .valid_lifetime_s = 100, .preferred_lifetime_s = 100};
  ra.prefixes[3] = {.prefix = {addr("fe80::"), 64}, .on_link = true, .autonomous = true, .valid_lifetime_s = 100, .preferred_lifetime_s = 100};
  host.says(ra);
  (void)host.asks(3s);
  CHECK(host.has(own_slaac));
  CHECK(host.route(peer6)->gateway == router);  // by the default route
  CHECK(host.route(addr("fd00:78::1"))->gateway.is_unspecified());
  CHECK(host.addrconf.addresses().size() == 2);  // link-local, and one
}

TEST_CASE("H12: RFC 4862 5.5.3 (e): nobody shortens an address's life to less than two hours") {
  ReadyHost host;
  const auto left = [&] { return host.row(own_slaac)->valid_until - host.env.now; };
  host.says(advertisement(86400));
  host.says(advertisement(60, 60));
  CHECK(left() == 2h);
  host.says(advertisement(7300, 60));  // more than two hours: believed
  CHECK(left() == 7300s);
  (void)host.asks(3600s);
  host.says(advertisement(60, 60));  // 3700 s are left: they stay
  CHECK(left() == 3700s);
  host.says(advertisement(0xffffffff, 0xffffffff));
  CHECK(host.row(own_slaac)->valid_until == never);
}

TEST_CASE("H12: RFC 4861 6.3.4: hop limit, MTU and the timers of neighbours are the router's") {
  ReadyHost host;
  auto ra = advertisement();
  ra.hop_limit = 99;
  ra.mtu = 1400;
  ra.reachable_time_ms = 10000;
  ra.retransmit_timer_ms = 2000;
  host.says(ra);
  (void)host.asks(6s);
  CHECK(host.ip.link_mtu_for(far_away) == 1400);
  CHECK(host.ip.link_mtu_for(peer4) == 1500);
  host.ip.send(host.pool.packet(counting(8)), {.source = own_slaac, .destination = peer6, .proto = 253});
  const auto asked = host.asks(4s);
  REQUIRE(asked.size() == 3);
  CHECK(asked[1].when - asked[0].when == 2s);
  host.receives(nd_frame(wire::NeighborAdvertisement{peer6, peer_mac, false, true, true}, peer6, own_slaac));
  CHECK(wire::Ipv6View::parse(behind(host.wire.take_one(), 14))->hop_limit() == 99);
  (void)host.asks(15001ms);  // three halves of ten seconds
  CHECK(host.state_of(peer6) != State::reachable);
  ra.mtu = 1279;
  host.says(ra);
  ra.mtu = 1501;
  host.says(ra);
  CHECK(host.ip.link_mtu_for(far_away) == 1400);
}

TEST_CASE("H12: RFC 8106: name servers are kept for their lifetime") {
  ReadyHost host;
  auto ra = advertisement();
  ra.dns_count = 2;
  ra.dns[0] = {addr("fd00:77::53"), 600};
  ra.dns[1] = {addr("fd00:77::54"), 0xffffffff};
  ra.other_config = true;
  host.says(ra);
  CHECK(host.addrconf.wants_dhcp6(host.interface));
  REQUIRE(host.addrconf.name_servers().size() == 2);
  CHECK(host.addrconf.name_servers()[0].server == addr("fd00:77::53"));
  (void)host.asks(600s);
  REQUIRE(host.addrconf.name_servers().size() == 1);
  CHECK(host.addrconf.name_servers()[0].server == addr("fd00:77::54"));
  ra.dns[1].lifetime_s = 0;
  ra.dns_count = 2;
  ra.dns[0].lifetime_s = 0;
  host.says(ra);
  CHECK(host.addrconf.name_servers().empty());
}

TEST_CASE("H12: RFC 4861 6.1.2: advertisements from no link-local address, from beyond the link, or broken are not obeyed") {
  ReadyHost host;
  host.says(advertisement(), peer6);
  host.says(advertisement(), router, 254);
  Bytes cut = nd_frame(advertisement(), router, all_nodes6);
  CHECK(host.route(far_away) == nullptr);
  CHECK(host.drops(stats::DropReason::nd_invalid) == 2);
  CHECK(host[stats::Neighbor::router_advertisements] == 0);
}

TEST_CASE("H12: RFC 4861 8: the first hop may name a better one, nobody else may") {
  ReadyHost host;
  host.says(advertisement());
  (void)host.asks(3s);
  const auto redirect = [&](const IpAddress& from, const IpAddress& target, const IpAddress& destination) {
    host.receives(nd_frame(wire::Redirect{target, destination, MacAddress{{2, 0, 0, 0, 0, 9}}}, from, own_slaac));
  };
  redirect(second, second, far_away);
  CHECK(host.route(far_away)->gateway == router);
  redirect(router, second, far_away);
  CHECK(host.route(far_away)->gateway == second);
  CHECK(host.route(addr("2001:db8::2"))->gateway == router);
  CHECK(host.state_of(second) == State::stale);
  CHECK(host[stats::Neighbor::redirects] == 1);
  redirect(router, addr("2001:db8::9"), addr("2001:db8::9"));  // a neighbour, but of no prefix on the link
  CHECK(host.route(addr("2001:db8::9"))->gateway == router);
  (void)host.asks(300s);
  CHECK(host.route(far_away)->gateway == router);
}

TEST_CASE("H12: accept_redirects 0: none is obeyed") {
  ReadyHost host({.accept_redirects = false});
  host.says(advertisement());
  host.receives(nd_frame(wire::Redirect{second, far_away, {}}, router, own_link));
  CHECK(host.route(far_away)->gateway == router);
}
