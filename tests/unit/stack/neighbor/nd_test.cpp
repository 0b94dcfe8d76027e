// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/nd.hpp>

#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/icmp6.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

using namespace millrace;
using namespace millrace::test;
using neighbor::State;
using stats::DropReason;
using stats::Icmp6;
using Solicitation = wire::NeighborSolicitation;
using Advertisement = wire::NeighborAdvertisement;

namespace {

constexpr MacAddress other_mac{{2, 0, 0, 0, 0, 9}};
const IpAddress host_group = wire::solicited_node(host6);

Solicitation question() { return {.target = host6, .source_link = peer_mac}; }
Advertisement answer(std::optional<MacAddress> mac = peer_mac) {
  return {.target = peer6, .target_link = mac, .router = false, .solicited = true, .override_existing = true};
}

template <class Message>
Message message_of(const Bytes& frame) {
  const auto message = Message::parse(behind(frame, 54));
  REQUIRE(message);
  return *message;
}
wire::Ipv6Header header_of(const Bytes& frame) { return wire::Ipv6View::parse(behind(frame, 14))->header(); }

void send(ScriptedHost& host, const IpAddress& to = peer6) {
  host.ip.send(host.pool.packet(counting(8)), {.source = {}, .destination = to, .proto = 253});
}

MacAddress mac_known(ScriptedHost& host) { return host.ip.neighbors().find(host.interface, peer6)->mac; }

void resolve(ScriptedHost& host) {
  send(host);
  host.receives(nd_frame(answer(), peer6, host6));
  REQUIRE(host.state_of(peer6) == State::reachable);
  (void)host.wire.take();
}

}  // namespace

TEST_CASE("RFC 4861 7.2.2: an unknown neighbour is solicited at its solicited-node group") {
  ScriptedHost host;
  send(host);
  const Bytes frame = host.wire.take_one();
  CHECK(wire::EthernetView::parse(frame)->destination() == MacAddress{{0x33, 0x33, 0xff, 0, 0, 1}});
  const auto header = header_of(frame);
  CHECK(header.source == host6);
  CHECK(header.destination == wire::solicited_node(peer6));
  CHECK(header.hop_limit == 255);
  CHECK(message_of<Solicitation>(frame) == Solicitation{peer6, host_mac});
  CHECK(has_right_checksums(frame));
  CHECK(host[Icmp6::OutNeighborSolicits] == 1);
  host.receives(nd_frame(answer(), peer6, host6));
  CHECK(wire::EthernetView::parse(host.wire.take_one())->destination() == peer_mac);
  CHECK(host.state_of(peer6) == State::reachable);
}

TEST_CASE("RFC 4861 7.2.2: a link-local neighbour is asked from our link-local address") {
  ScriptedHost host;
  send(host, peer_link);
  CHECK(header_of(host.wire.take_one()).source == host_link);
}

TEST_CASE("RFC 4861 7.2.2: three solicitations, then the packet comes back") {
  ScriptedHost host;
  send(host);
  host.advance(3s);
  CHECK(host.wire.take().size() == 3);
  CHECK(host.state_of(peer6) == State::failed);
  CHECK(host.drops(DropReason::neighbor_failed) == 1);
}

TEST_CASE("RFC 4861 7.2.4: a solicitation is answered with S and O and our link address") {
  ScriptedHost host;
  host.receives(nd_frame(question(), peer6, host_group));
  const Bytes frame = host.wire.take_one();
  CHECK(wire::EthernetView::parse(frame)->destination() == peer_mac);
  CHECK(header_of(frame).destination == peer6);
  CHECK(header_of(frame).source == host6);
  CHECK(header_of(frame).hop_limit == 255);
  CHECK(message_of<Advertisement>(frame) == Advertisement{host6, host_mac, false, true, true});
  CHECK(has_right_checksums(frame));
  CHECK(host.state_of(peer6) == State::delay);  // stale by 7.2.3, and the answer has used it since
  CHECK(host[Icmp6::InNeighborSolicits] == 1);
  CHECK(host[Icmp6::OutNeighborAdvertisements] == 1);
}

TEST_CASE("RFC 4861 7.2.4: duplicate address detection is answered to all nodes without S") {
  ScriptedHost host;
  host.receives(nd_frame(Solicitation{host6, std::nullopt}, addr("::"), host_group));
  const Bytes frame = host.wire.take_one();
  CHECK(header_of(frame).destination == addr("ff02::1"));
  CHECK_FALSE(message_of<Advertisement>(frame).solicited);
  CHECK(message_of<Advertisement>(frame).override_existing);
  CHECK(host.ip.neighbors().size() == 0);
}

TEST_CASE("a solicitation for another target of our group is not answered") {
  ScriptedHost host;
  host.receives(nd_frame(Solicitation{addr("fd00:99::2"), peer_mac}, peer6, host_group));
  CHECK(host.wire.take().empty());
  CHECK(host.ip.neighbors().size() == 0);
}

TEST_CASE("RFC 4861 7.1: invalid ND messages change nothing") {
  ScriptedHost host;
  send(host);
  (void)host.wire.take();
  std::vector<Bytes> bad;
  bad.push_back(nd_frame(question(), peer6, host_group, 254));
  bad.push_back(nd_frame(answer(), peer6, host6, 254));
  bad.push_back(nd_frame(Solicitation{host6, peer_mac}, addr("::"), host_group));  // DAD with a link address
  bad.push_back(nd_frame(Solicitation{host6, std::nullopt}, addr("::"), host6));   // DAD to a unicast address
  bad.push_back(nd_frame(answer(), peer6, addr("ff02::1")));                       // S to a group
  bad.push_back(nd_frame(answer(MacAddress{{3, 0, 0, 0, 0, 1}}), peer6, host6));
  // An option of length 0 (section 4.6), its checksum right.
  Bytes body(32);
  wire::emit(answer(), body.data());
  body[25] = 0;
  wire::seal_icmp6(body, peer6, host6);
  bad.push_back(ipv6_frame(
      {.source = peer6, .destination = host6, .next_header = wire::ip_proto::icmp6, .hop_limit = 255}, body));
  for (const Bytes& frame : bad) host.receives(frame);
  CHECK(host.drops(DropReason::nd_invalid) == bad.size());
  CHECK(host.wire.take().empty());
  CHECK(host.state_of(peer6) == State::incomplete);
}

TEST_CASE("RFC 4861 7.1: a bad checksum is no ND message") {
  ScriptedHost host;
  Bytes frame = nd_frame(question(), peer6, host_group);
  frame[60] ^= 1;
  host.receives(frame);
  CHECK(host.drops(DropReason::icmp_bad_checksum) == 1);
  CHECK(host.wire.take().empty());
}

TEST_CASE("RFC 4861 7.2.5: an unsolicited advertisement makes no entry") {
  ScriptedHost host;
  host.receives(nd_frame(answer(), peer6, host6));
  CHECK(host.ip.neighbors().size() == 0);
}

TEST_CASE("RFC 4861 7.2.5: incomplete needs a link address; without S it becomes stale") {
  ScriptedHost host;
  send(host);
  (void)host.wire.take();
  host.receives(nd_frame(answer(std::nullopt), peer6, host6));
  CHECK(host.state_of(peer6) == State::incomplete);
  auto unsolicited = answer();
  unsolicited.solicited = false;
  host.receives(nd_frame(unsolicited, peer6, addr("ff02::1")));
  CHECK(host.state_of(peer6) == State::stale);
  CHECK(host.wire.take().size() == 1);  // what waited
}

TEST_CASE("RFC 4861 7.2.5 I: without O another address makes a reachable entry stale and changes nothing else") {
  ScriptedHost host;
  resolve(host);
  auto na = answer(other_mac);
  na.override_existing = false;
  host.receives(nd_frame(na, peer6, host6));
  CHECK(mac_known(host) == peer_mac);
  CHECK(host.state_of(peer6) == State::stale);
  host.receives(nd_frame(na, peer6, host6));  // in any other state it is ignored
  CHECK(mac_known(host) == peer_mac);
  CHECK(host.state_of(peer6) == State::stale);
  send(host);
  host.receives(nd_frame(na, peer6, host6));
  CHECK(host.state_of(peer6) == State::delay);
}

TEST_CASE("RFC 4861 7.2.5 II: with O the address is taken; S says reachable, else stale if it changed") {
  ScriptedHost host;
  resolve(host);
  auto na = answer(other_mac);
  na.solicited = false;
  host.receives(nd_frame(na, peer6, host6));
  CHECK(mac_known(host) == other_mac);
  CHECK(host.state_of(peer6) == State::stale);
  host.receives(nd_frame(answer(peer_mac), peer6, host6));
  CHECK(mac_known(host) == peer_mac);
  CHECK(host.state_of(peer6) == State::reachable);
  na.target_link = peer_mac;  // the same address, unsolicited: nothing new
  host.receives(nd_frame(na, peer6, host6));
  CHECK(host.state_of(peer6) == State::reachable);
}

TEST_CASE("RFC 4861 7.3.3: a probe of unreachability goes to the neighbour itself, and a bare answer confirms it") {
  ScriptedHost host;
  resolve(host);
  host.advance(60s);
  REQUIRE(host.state_of(peer6) == State::stale);
  send(host);
  host.advance(5s);
  const auto frames = host.wire.take();
  REQUIRE(frames.size() == 2);
  CHECK(wire::EthernetView::parse(frames[1])->destination() == peer_mac);
  CHECK(header_of(frames[1]).destination == peer6);
  host.receives(nd_frame(answer(std::nullopt), peer6, host6));
  CHECK(host.state_of(peer6) == State::reachable);
}

TEST_CASE("somebody who advertises our address is reported") {
  ScriptedHost host;
  auto na = answer();
  na.target = host6;
  host.receives(nd_frame(na, peer6, host6));
  CHECK(host.drops(DropReason::address_conflict) == 1);
}

TEST_CASE("a copy for this lcore teaches but is never answered (ND)") {
  ScriptedHost host;
  host.receives(nd_frame(question(), peer6, host_group), {.is_copy = true});
  CHECK(host.wire.take().empty());
  CHECK(host.ip.neighbors().size() == 0);
  send(host);
  (void)host.wire.take();
  host.receives(nd_frame(answer(), peer6, host6), {.is_copy = true});
  CHECK(host.state_of(peer6) == State::reachable);
  CHECK(host.wire.take().size() == 1);
}

TEST_CASE("router discovery and redirects are ignored with a reason") {
  ScriptedHost host;
  host.receives(
      nd_frame(wire::RouterAdvertisement{.hop_limit = 64, .router_lifetime_s = 1800}, peer_link, addr("ff02::1")));
  CHECK(host.drops(DropReason::nd_ignored) == 1);
}
