// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/dhcp/client.hpp>

#include "tests/unit/stack/dhcp/leased_host.hpp"

using namespace millrace;
using namespace millrace::test;

TEST_CASE("H16: RFC 2131 3.1: discover, offer, request, acknowledgement; then the address is probed, taken and announced twice") {
  LeasedHost host;
  const Said discover = host.says_one(1s);
  CHECK(discover.message.type == DhcpType::discover);
  CHECK(discover.source == nobody);
  CHECK(discover.destination == everybody);
  host.answers(LeasedHost::reply(DhcpType::offer, discover.message));
  const Said request = host.says_one(0s);
  CHECK(request.message.type == DhcpType::request);
  CHECK(request.source == nobody);
  CHECK(request.destination == everybody);
  CHECK(request.message.xid == discover.message.xid);
  CHECK(request.message.server_id == peer4);
  CHECK(request.message.requested == leased);
  CHECK(request.message.ciaddr == nobody);
  host.answers(LeasedHost::reply(DhcpType::ack, request.message));
  CHECK_FALSE(host.has(leased));
  CHECK(host.says(9s).empty());
  CHECK(host.has(leased));
  CHECK(host.interface.addresses.back() == IpPrefix{leased, 24});
  REQUIRE(host.arps.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(host.arps[i].second.target_ip == leased);
    CHECK(host.arps[i].second.sender_ip == (i < 3 ? nobody : leased));
  }
  CHECK(host.arps[4].first - host.arps[3].first == 2s);
  REQUIRE(host.dhcp.leases().size() == 1);
  CHECK(host.dhcp.leases()[0].address == IpPrefix{leased, 24});
  CHECK(host.dhcp.leases()[0].until == request.when + 3600s);
}

TEST_CASE("H16: RFC 2131 4.4.1: four requests in a minute, then the client begins anew") {
  LeasedHost host;
  const Said discover = host.says_one(1s);
  host.answers(LeasedHost::reply(DhcpType::offer, discover.message));
  const auto said = host.says(66s);
  REQUIRE(said.size() >= 5);
  const Duration pauses[] = {4s, 8s, 16s, 32s};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(said[i].message.type == DhcpType::request);
    CHECK(said[i].message.xid == discover.message.xid);
    CHECK(said[i].message.secs == discover.message.secs);
    const Duration off = said[i + 1].when - said[i].when - pauses[i];
    CHECK(off >= -1s);
    CHECK(off <= 1s);
  }
  CHECK(said[4].message.type == DhcpType::discover);
  CHECK(said[4].message.xid != discover.message.xid);
}

TEST_CASE("H16: RFC 2131 4.4.1: the time counts from the first of the requests, whichever of them was answered") {
  LeasedHost host;
  host.answers(LeasedHost::reply(DhcpType::offer, host.says_one(1s).message));
  const auto requests = host.says(6s);
  REQUIRE(requests.size() == 2);
  host.answers(LeasedHost::reply(DhcpType::ack, requests[1].message));
  CHECK(host.says(9s).empty());
  REQUIRE(host.dhcp.leases().size() == 1);
  CHECK(host.dhcp.leases()[0].until == requests[0].when + 3600s);
}

TEST_CASE("H16: RFC 2131 3.2: an address of an earlier run is asked for at once, of whatever server; then it is probed and taken") {
  LeasedHost host(true, nullptr, {.had = leased});
  const Said request = host.says_one(1s);
  CHECK(request.message.type == DhcpType::request);
  CHECK(request.source == nobody);
  CHECK(request.destination == everybody);
  CHECK(request.message.broadcast);
  CHECK(request.message.requested == leased);
  CHECK_FALSE(request.message.server_id);
  CHECK(request.message.ciaddr == nobody);
  DhcpMessage ack = LeasedHost::reply(DhcpType::ack, request.message);
  ack.server_id = other_server;
  ack.yiaddr = addr("10.77.0.51");
  host.answers(ack);
  ack.yiaddr = leased;
  host.answers(ack);
  CHECK_FALSE(host.has(leased));
  CHECK(host.says(9s).empty());
  CHECK(host.has(leased));
  CHECK(host.arps.size() == 5);
  REQUIRE(host.dhcp.leases().size() == 1);
  CHECK(host.dhcp.leases()[0].until == request.when + 3600s);
  CHECK(host.says_one(1800s).destination == other_server);
}

TEST_CASE("H16: RFC 2131 3.2: asked for twice in vain, the address of an earlier run is one that the host would like to have") {
  LeasedHost host(true, nullptr, {.had = leased});
  const auto said = host.says(14s);
  REQUIRE(said.size() == 3);
  const Duration pauses[] = {4s, 8s};
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(said[i].message.type == DhcpType::request);
    CHECK(said[i].message.xid == said[0].message.xid);
    CHECK(said[i].message.secs == std::chrono::duration_cast<std::chrono::seconds>(said[i].when - said[0].when).count());
    const Duration off = said[i + 1].when - said[i].when - pauses[i];
    CHECK(off >= -1s);
    CHECK(off <= 1s);
  }
  CHECK(said[2].message.type == DhcpType::discover);
  CHECK(said[2].message.xid != said[0].message.xid);
  CHECK(said[2].message.requested == leased);
  host.answers(LeasedHost::reply(DhcpType::ack, said[1].message));  // it comes too late
  host.answers(LeasedHost::reply(DhcpType::offer, said[2].message));
  CHECK(host.says_one(0s).message.server_id == peer4);
}

TEST_CASE("H16: RFC 2131 3.2: where the address of an earlier run is refused, by whatever server, the host asks for any") {
  LeasedHost host(true, nullptr, {.had = leased});
  DhcpMessage nak = LeasedHost::reply(DhcpType::nak, host.says_one(1s).message);
  nak.server_id = other_server;
  host.answers(nak);
  const Said discover = host.says_one(1s);
  CHECK(discover.message.type == DhcpType::discover);
  CHECK_FALSE(discover.message.requested);
}

TEST_CASE("H16: RFC 2131 4.4.5: at T1 the server is asked alone, from the address, and gives more time") {
  LeasedHost host;
  const Said request = host.binds();
  const auto said = host.says(request.when + 1800s - host.env.now);
  REQUIRE(said.size() == 1);
  CHECK(said[0].when == request.when + 1800s);
  CHECK(said[0].source == leased);
  CHECK(said[0].destination == peer4);
  CHECK(said[0].to == peer_mac);
  CHECK(said[0].message.ciaddr == leased);
  CHECK_FALSE(said[0].message.requested);
  CHECK_FALSE(said[0].message.server_id);
  CHECK_FALSE(said[0].message.broadcast);
  CHECK(said[0].message.xid != request.message.xid);
  const std::size_t arps = host.arps.size();
  host.answers(LeasedHost::reply(DhcpType::ack, said[0].message), leased);
  CHECK(host.dhcp.leases()[0].until == said[0].when + 3600s);
  CHECK(host.says(1799s).empty());
  CHECK(host.says(1s).size() == 1);
  CHECK(host.arps.size() == arps);  // it is neither probed nor announced again
  CHECK(host.has(leased));
}

TEST_CASE("H16: RFC 2131 4.4.5: unanswered, half of what is left is waited; at T2 everybody is asked; at the end the address goes") {
  LeasedHost host;
  const Said request = host.binds();
  const auto said = host.says(request.when + 3599s - host.env.now);
  std::vector<Duration> renewing, rebinding;
  for (const Said& s : said) {
    CHECK(s.message.ciaddr == leased);
    CHECK(s.source == leased);
    const Duration since = s.when - request.when;
    (s.destination == peer4 ? renewing : rebinding).push_back(since);
    if (since >= 3150s) CHECK(s.destination == everybody);
  }
  REQUIRE(renewing.size() >= 4);
  CHECK(renewing[0] == 1800s);
  CHECK(renewing[1] == 2475s);
  CHECK(renewing[2] == 2812500ms);
  REQUIRE(rebinding.size() >= 3);
  CHECK(rebinding[0] == 3150s);
  CHECK(rebinding[1] == 3375s);
  for (const auto* times : {&renewing, &rebinding})
    for (std::size_t i = 1; i < times->size(); ++i) CHECK((*times)[i] - (*times)[i - 1] >= 60s);
  CHECK(host.has(leased));
  CHECK(host.route("192.0.2.1") != nullptr);
  const Said again = host.says_one(2s);
  CHECK(again.when == request.when + 3600s);
  CHECK(again.message.type == DhcpType::discover);
  CHECK(again.source == nobody);
  CHECK(again.message.requested == leased);  // it would like to have it back
  CHECK_FALSE(host.has(leased));
  CHECK(host.route("192.0.2.1") == nullptr);
  CHECK(host.route("10.77.0.1") == nullptr);
  CHECK(host.dhcp.leases().empty());
}

TEST_CASE("H16: RFC 2131 4.4.5: in REBINDING any server may give more time, in RENEWING only the one that was asked") {
  LeasedHost host;
  const Said request = host.binds();
  const auto renewing = host.says(request.when + 1800s - host.env.now);
  DhcpMessage ack = LeasedHost::reply(DhcpType::ack, renewing.at(0).message);
  ack.server_id = other_server;
  host.answers(ack, leased, other_server);
  CHECK(host.dhcp.leases()[0].until == request.when + 3600s);
  const auto rebinding = host.says(request.when + 3150s - host.env.now);
  CHECK(rebinding.back().destination == everybody);
  CHECK(rebinding.back().to == all_macs);
  ack.xid = rebinding.back().message.xid;
  host.answers(ack, leased, other_server);
  CHECK(host.dhcp.leases()[0].until == rebinding.back().when + 3600s);
  const auto next = host.says(1800s);
  REQUIRE(next.size() == 1);
  CHECK(next[0].destination == other_server);
}

TEST_CASE("H16: an answer to the requests before the last one, or of another address, gives no time") {
  LeasedHost host;
  const Said request = host.binds();
  const auto said = host.says(request.when + 2475s - host.env.now);
  REQUIRE(said.size() == 2);
  host.answers(LeasedHost::reply(DhcpType::ack, said[0].message), leased);
  DhcpMessage other = LeasedHost::reply(DhcpType::ack, said[1].message);
  other.yiaddr = addr("10.77.0.51");
  host.answers(other, leased);
  CHECK(host.dhcp.leases()[0].until == request.when + 3600s);
  CHECK(host.interface.addresses.back() == IpPrefix{leased, 24});
}

TEST_CASE("H16: time that is over when it is given is none") {
  LeasedHost host;
  const Said request = host.binds();
  const auto said = host.says(request.when + 1860s - host.env.now);
  REQUIRE(said.size() == 1);
  DhcpMessage late = LeasedHost::reply(DhcpType::ack, said[0].message);
  late.lease_s = 60;
  host.answers(late, leased);
  CHECK(host.dhcp.leases()[0].until == request.when + 3600s);
  late.lease_s = 61;
  host.answers(late, leased);
  CHECK(host.dhcp.leases()[0].until == host.env.now + 1s);
}

TEST_CASE("H16: RFC 2131 3.1.4: somebody has the address: it is declined, and ten seconds later another is asked for") {
  LeasedHost host;
  const Said request = host.acquires();
  CHECK(host.says(2s).empty());
  const Instant found = host.env.now;
  host.receives(arp_frame({.op = wire::arp_op::reply, .sender_mac = peer_mac, .sender_ip = leased, .target_mac = host_mac, .target_ip = nobody}));
  const auto said = host.says(10s);
  REQUIRE(said.size() == 2);
  CHECK(said[0].when == found);
  CHECK(said[0].message.type == DhcpType::decline);
  CHECK(said[0].message.requested == leased);
  CHECK(said[0].message.server_id == peer4);
  CHECK(said[0].message.ciaddr == nobody);
  CHECK(said[0].source == nobody);
  CHECK(said[0].message.xid == request.message.xid);
  CHECK(said[1].message.type == DhcpType::discover);
  CHECK(said[1].when == found + 10s);
  CHECK_FALSE(said[1].message.requested);
  CHECK_FALSE(host.has(leased));
  CHECK(host[stats::Neighbor::address_conflicts] == 1);
}

TEST_CASE("H16: RFC 2131 3.1.6: refused, the client begins anew, each time later; another server's refusal does not count") {
  LeasedHost host;
  Said discover = host.says_one(1s);
  Duration wait = 1s;
  for (int i = 0; i < 9; ++i) {
    host.answers(LeasedHost::reply(DhcpType::offer, discover.message));
    const Said request = host.says_one(0s);
    CHECK(request.message.type == DhcpType::request);
    DhcpMessage nak = LeasedHost::reply(DhcpType::nak, request.message);
    nak.server_id = other_server;
    host.answers(nak);
    nak.server_id = peer4;
    host.answers(nak);
    const Instant refused = host.env.now;
    discover = host.says_one(wait);
    CHECK(discover.message.type == DhcpType::discover);
    CHECK(discover.when == refused + wait);
    wait = std::min(2 * wait, Duration(64s));
  }
}

TEST_CASE("H16: RFC 2131 4.4.5: refused more time, the host has no address any more") {
  LeasedHost host;
  const Said request = host.binds();
  const auto said = host.says(request.when + 1800s - host.env.now);
  host.answers(LeasedHost::reply(DhcpType::nak, said.at(0).message));
  CHECK_FALSE(host.has(leased));
  CHECK(host.route("192.0.2.1") == nullptr);
  const Said discover = host.says_one(1s);
  CHECK(discover.message.type == DhcpType::discover);
  CHECK_FALSE(discover.message.requested);
}

TEST_CASE("H16: an offer that does not fit leaves the client asking") {
  using Spoil = std::function<void(DhcpMessage&)>;
  const std::pair<const char*, Spoil> cases[] = {
      {"xid", [](DhcpMessage& m) { ++m.xid; }},
      {"chaddr", [](DhcpMessage& m) { m.chaddr = peer_mac; }},
      {"client identifier", [](DhcpMessage& m) { m.client_id = peer_mac; }},
      {"a request", [](DhcpMessage& m) { m.is_reply = false; }},
      {"an ACK", [](DhcpMessage& m) { m.type = DhcpType::ack; }},
      {"a NAK", [](DhcpMessage& m) { m.type = DhcpType::nak; }},
      {"a DISCOVER", [](DhcpMessage& m) { m.type = DhcpType::discover; }},
      {"no server", [](DhcpMessage& m) { m.server_id.reset(); }},
      {"no time", [](DhcpMessage& m) { m.lease_s.reset(); }},
      {"time 0", [](DhcpMessage& m) { m.lease_s = 0; }},
      {"no address", [](DhcpMessage& m) { m.yiaddr = nobody; }},
      {"a mask with a hole", [](DhcpMessage& m) { m.subnet_mask = addr("255.0.255.0"); }},
  };
  for (const auto& [name, spoil] : cases) {
    INFO(name);
    LeasedHost host;
    const Said discover = host.says_one(1s);
    DhcpMessage offer = LeasedHost::reply(DhcpType::offer, discover.message);
    spoil(offer);
    host.answers(offer);
    CHECK(host.says(2s).empty());
    host.answers(LeasedHost::reply(DhcpType::offer, discover.message));
    CHECK(host.says(0s).size() == 1);
  }
}

TEST_CASE("H16: what comes unasked changes nothing") {
  LeasedHost host;
  DhcpMessage unasked = LeasedHost::reply(DhcpType::offer, {.chaddr = host_mac});
  host.answers(unasked);
  const Said discover = host.says_one(1s);
  host.answers(LeasedHost::reply(DhcpType::ack, discover.message));  // nothing was requested
  CHECK(host.says(2s).empty());
  host.answers(LeasedHost::reply(DhcpType::offer, discover.message));
  const Said request = host.says_one(0s);
  host.answers(LeasedHost::reply(DhcpType::offer, discover.message));  // a second server's
  DhcpMessage ack = LeasedHost::reply(DhcpType::ack, request.message);
  ack.server_id = other_server;
  host.answers(ack);
  CHECK(host.says(2s).empty());
  CHECK(host.arps.empty());
  host.answers(LeasedHost::reply(DhcpType::ack, request.message));
  (void)host.says(9s);
  CHECK(host.has(leased));
  for (const DhcpType type : {DhcpType::offer, DhcpType::ack, DhcpType::nak}) host.answers(LeasedHost::reply(type, request.message));
  CHECK(host.has(leased));
  CHECK(host.says(600s).empty());
}

TEST_CASE("H16: a lease for ever is never renewed; one that ends before its address is known to be free is asked for anew") {
  LeasedHost host;
  host.binds([](DhcpMessage& m) { m.lease_s = wire::dhcp_infinity; });
  CHECK(host.dhcp.leases()[0].until == never);
  CHECK(host.says(std::chrono::hours(24 * 365)).empty());
  CHECK(host.has(leased));
  LeasedHost brief;
  const Said request = brief.acquires([](DhcpMessage& m) { m.lease_s = 2; });
  const Said again = brief.says_one(request.when + 3s - brief.env.now);
  CHECK(again.message.type == DhcpType::discover);
  CHECK(again.when == request.when + 2s);
  CHECK_FALSE(brief.has(leased));
}

TEST_CASE("H16: RFC 2131 4.4.6: at its end the host gives the lease back, unless it is to keep it") {
  LeasedHost host;
  host.binds();
  host.dhcp.shut_down();
  const auto said = host.says(1s);
  REQUIRE(said.size() == 1);
  CHECK(said[0].message.type == DhcpType::release);
  CHECK(said[0].message.ciaddr == leased);
  CHECK(said[0].message.server_id == peer4);
  CHECK(said[0].destination == peer4);
  CHECK(host.says(7200s).empty());
  LeasedHost without;
  without.dhcp.shut_down();
  CHECK(without.says(100s).empty());
  LeasedHost keeps(true, nullptr, {.release = false});
  keeps.binds();
  keeps.dhcp.shut_down();
  CHECK(keeps.says(7200s).empty());
}
