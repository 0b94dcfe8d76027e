// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/dhcp/client6.hpp>

#include <millrace/stack/dhcp/dhcp.hpp>
#include <millrace/wire/udp.hpp>

#include "tests/unit/stack/addrconf/configured_host.hpp"

using namespace millrace;
using namespace millrace::test;
using wire::Dhcp6Message;

namespace {

const IpAddress all_servers = addr("ff02::1:2"), dns = addr("fd00:77::53");

struct Asked {
  Instant when{};
  IpAddress source;
  Dhcp6Message message{};
};

/// A host that configures its IPv6, with a router that says that there is more to be had.
struct AskingHost : ConfiguredHost {
  explicit AskingHost(bool speaks = true) : dhcp(env, ip, udp, addrconf) {
    interface.speaks = speaks;
    knows_peer();
  }
  dhcp::Dhcp dhcp;

  void hears_router(bool managed = false, bool other = true) {
    wire::RouterAdvertisement ra = advertisement();
    ra.managed = managed;
    ra.other_config = other;
    says(ra);
  }
  std::vector<Asked> asks6(Duration time) {
    std::vector<Asked> all;
    const Instant end = env.now + time;
    hear(all);
    while (env.now < end) {
      advance(std::clamp(wheel.next_expiry(), env.now + 1ns, end) - env.now);
      hear(all);
    }
    return all;
  }
  static Dhcp6Message reply(const Dhcp6Message& to) {
    return {.type = wire::dhcp6_type::reply, .xid = to.xid, .client_id = to.client_id, .server_id = wire::duid_ll(peer_mac), .name_servers = {dns}};
  }
  void answers(const Dhcp6Message& message) {
    receives(ip_frame(wire::ip_proto::udp, udp_datagram(547, 546, wire::make_dhcp6(message), peer_link, own_link), peer_link, own_link));
  }

 private:
  void hear(std::vector<Asked>& all) {
    for (const Bytes& frame : wire.take()) {
      const auto v6 = wire::Ipv6View::parse(std::span(frame).subspan(14));
      if (!v6 || v6->next_header() != wire::ip_proto::udp) continue;
      CHECK(has_right_checksums(frame));
      const Bytes whole = behind(frame, 14);
      CHECK(wire::Ipv6View::parse(whole)->destination() == all_servers);
      CHECK(wire::UdpView::parse(std::span(whole).subspan(40))->header().source_port == 546);
      CHECK(wire::UdpView::parse(std::span(whole).subspan(40))->header().destination_port == 547);
      const auto message = Dhcp6Message::parse(std::span(whole).subspan(48));
      REQUIRE(message);
      all.push_back({env.now, wire::Ipv6View::parse(whole)->source(), *message});
    }
  }
};

}  // namespace

TEST_CASE("H17: RFC 8415 18.2.6: a router's O or M flag has the host ask, within a second, from its link-local address") {
  for (const bool managed : {false, true}) {
    AskingHost host;
    CHECK(host.asks6(5s).empty());
    host.hears_router(false, false);
    CHECK(host.asks6(5s).empty());
    host.hears_router(managed, !managed);
    const Instant begin = host.env.now;
    const auto asked = host.asks6(1s);
    REQUIRE(!asked.empty());
    CHECK(asked[0].when - begin <= 1s);
    CHECK(asked[0].source == own_link);
    const Dhcp6Message& m = asked[0].message;
    CHECK(m.type == 11);
    CHECK(m.client_id == wire::duid_ll(host_mac));
    CHECK(m.server_id.empty());
    CHECK(m.requested == std::vector<std::uint16_t>{23, 32, 83});
    CHECK(m.elapsed_cs == 0);
  }
}

TEST_CASE("H17: RFC 8415 15: unanswered, it asks again after 1 second, twice as long each time up to an hour, a tenth more or less") {
  AskingHost host;
  (void)host.asks6(5s);
  host.hears_router();
  const auto asked = host.asks6(std::chrono::hours(6));
  REQUIRE(asked.size() >= 15);
  Duration previous{};
  for (std::size_t i = 0; i + 1 < asked.size(); ++i) {
    const Duration pause = asked[i + 1].when - asked[i].when;
    const Duration middle = i == 0 ? Duration(1s) : 2 * previous;
    const bool is_longest = middle + previous / 10 > 3600s && pause >= 3240s;
    const Duration wanted = is_longest ? Duration(3600s) : middle;
    const Duration off = is_longest || i == 0 ? wanted / 10 : previous / 10;
    CHECK(pause >= wanted - off - 1us);
    CHECK(pause <= wanted + off + 1us);
    CHECK(asked[i + 1].message.xid == asked[0].message.xid);
    const auto elapsed = (asked[i + 1].when - asked[0].when) / 10ms;
    CHECK(asked[i + 1].message.elapsed_cs == std::min<std::int64_t>(elapsed, 0xffff));
    previous = pause;
  }
  CHECK(previous >= 3240s);
}

TEST_CASE("H17: RFC 8415 18.2.10: a reply brings name servers, until one replaces them; it asks again when they are to be refreshed") {
  AskingHost host;
  (void)host.asks6(5s);
  host.hears_router();
  const auto asked = host.asks6(1s);
  Dhcp6Message reply = AskingHost::reply(asked.at(0).message);
  reply.name_servers = {dns, addr("ff02::1"), addr("::"), addr("fd00:77::54")};
  reply.refresh_s = 1000;
  host.answers(reply);
  const Instant answered = host.env.now;
  REQUIRE(host.dhcp.name_servers().size() == 2);
  CHECK(host.dhcp.name_servers()[0].server == dns);
  CHECK(host.dhcp.name_servers()[0].ifindex == 1);
  CHECK(host.dhcp.name_servers()[1].server == addr("fd00:77::54"));
  host.hears_router();
  host.answers(reply);  // once is enough
  CHECK(host.asks6(999s).empty());
  const auto again = host.asks6(3s);
  REQUIRE(!again.empty());
  CHECK(again[0].when - answered >= 1000s);
  CHECK(again[0].when - answered <= 1001s);
  CHECK(again[0].message.xid != asked[0].message.xid);
  CHECK(again[0].message.elapsed_cs == 0);
  CHECK(host.dhcp.name_servers().size() == 2);
  host.answers(AskingHost::reply(again[0].message));
  CHECK(host.dhcp.name_servers().size() == 1);
}

TEST_CASE("H17: RFC 8415 21.23: a day, when the server does not say; ten minutes at least; or never again") {
  const std::pair<std::optional<std::uint32_t>, Duration> cases[] = {{std::nullopt, 86400s}, {0, 600s}, {599, 600s}, {601, 601s}};
  for (const auto& [refresh, wait] : cases) {
    AskingHost host;
    (void)host.asks6(5s);
    host.hears_router();
    Dhcp6Message reply = AskingHost::reply(host.asks6(1s).at(0).message);
    reply.refresh_s = refresh;
    host.answers(reply);
    CHECK(host.asks6(wait - 1s).empty());
    CHECK(!host.asks6(2s).empty());
  }
  AskingHost host;
  (void)host.asks6(5s);
  host.hears_router();
  Dhcp6Message reply = AskingHost::reply(host.asks6(1s).at(0).message);
  reply.refresh_s = 0xffffffff;
  host.answers(reply);
  CHECK(host.asks6(std::chrono::hours(24 * 365 * 140)).empty());  // longer than as many seconds
}

TEST_CASE("H17: RFC 8415 16.10: what is no answer to the question is not looked at") {
  using Spoil = std::function<void(Dhcp6Message&)>;
  const std::pair<const char*, Spoil> cases[] = {
      {"xid", [](Dhcp6Message& m) { m.xid ^= 1; }},
      {"type", [](Dhcp6Message& m) { m.type = 2; }},
      {"no server", [](Dhcp6Message& m) { m.server_id.clear(); }},
      {"no client", [](Dhcp6Message& m) { m.client_id.clear(); }},
      {"another client", [](Dhcp6Message& m) { m.client_id = wire::duid_ll(peer_mac); }},
      {"refused", [](Dhcp6Message& m) { m.status = 1; }},
  };
  AskingHost host;
  (void)host.asks6(5s);
  host.hears_router();
  const Dhcp6Message good = AskingHost::reply(host.asks6(1s).at(0).message);
  for (const auto& [name, spoil] : cases) {
    INFO(name);
    Dhcp6Message bad = good;
    spoil(bad);
    host.answers(bad);
    CHECK(host.dhcp.name_servers().empty());
  }
  const Bytes whole = wire::make_dhcp6(good);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    if (n == whole.size() - 20 || n == whole.size() - 34 || n == whole.size() - 48) continue;  // between options
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    host.receives(ip_frame(wire::ip_proto::udp, udp_datagram(547, 546, cut, peer_link, own_link), peer_link, own_link));
  }
  CHECK(host.dhcp.name_servers().empty());
  host.answers(good);
  CHECK(host.dhcp.name_servers().size() == 1);
}

TEST_CASE("H17: RFC 8415 21.25: the server says how seldom it wants to be asked; what it cannot want is passed over") {
  for (const std::uint32_t seconds : {100u, 59u, 86401u}) {
    AskingHost host;
    (void)host.asks6(5s);
    host.hears_router();
    Dhcp6Message reply = AskingHost::reply(host.asks6(1s).at(0).message);
    reply.refresh_s = 600;
    reply.inf_max_rt_s = seconds;
    host.answers(reply);
    (void)host.asks6(1000s);
    const auto asked = host.asks6(1000s);
    if (seconds == 100) CHECK(asked.size() >= 8);
    if (seconds != 100) CHECK(asked.size() <= 3);
  }
}

TEST_CASE("H17: nothing is asked while the link-local address is tentative, or when it is another's") {
  AskingHost host;
  host.hears_router();
  const auto asked = host.asks6(5s);
  REQUIRE(!asked.empty());
  for (const Asked& a : asked) CHECK(a.source == own_link);
  AskingHost without;
  without.receives(nd_frame(wire::NeighborAdvertisement{own_link, peer_mac, false, false, true}, own_link, all_nodes6));
  without.hears_router();
  CHECK(without.asks6(100s).empty());
}

TEST_CASE("H17: an lcore that does not speak asks nothing; without autoconf, nobody does") {
  AskingHost host(false);
  (void)host.asks6(5s);
  host.hears_router();
  CHECK(host.asks6(100s).empty());
  CHECK(host.dhcp.name_servers().empty());
}
