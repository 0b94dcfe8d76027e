// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/neighbor/neighbors.hpp>

#include <millrace/wire/ethernet.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

using namespace millrace;
using namespace millrace::test;
using neighbor::State;
using stats::DropReason;

namespace {

constexpr MacAddress other_mac{{2, 0, 0, 0, 0, 9}};

wire::ArpPacket arp_of(const Bytes& frame) { return wire::ArpView::parse(behind(frame, 14))->packet(); }

void send(ScriptedHost& host) {
  host.ip.send(host.pool.packet(counting(8)), {.source = {}, .destination = peer4, .proto = 253});
}

MacAddress mac_known(ScriptedHost& host) { return host.ip.neighbors().find(host.interface, peer4)->mac; }

}  // namespace

TEST_CASE("RFC 826: a request for our address is answered by unicast and its sender remembered") {
  ScriptedHost host;
  host.receives(arp_frame(arp_request(host4), all_macs));
  const Bytes frame = host.wire.take_one();
  CHECK(wire::EthernetView::parse(frame)->destination() == peer_mac);
  CHECK(arp_of(frame) == wire::ArpPacket{wire::arp_op::reply, host_mac, host4, peer_mac, peer4});
  CHECK(host.state_of(peer4) == State::stale);
  send(host);  // no question needed
  CHECK(wire::EthernetView::parse(host.wire.take_one())->ethertype() == wire::ethertype::ipv4);
}

TEST_CASE("RFC 826: a request for another host is not answered and makes no entry") {
  ScriptedHost host;
  host.receives(arp_frame(arp_request(addr("10.77.0.9")), all_macs));
  CHECK(host.wire.take().empty());
  CHECK(host.ip.neighbors().size() == 0);
}

TEST_CASE("RFC 826: a request for another host updates an entry that is there") {
  ScriptedHost host;
  host.receives(arp_frame(arp_request(host4), all_macs));
  (void)host.wire.take();
  host.advance(2s);  // past locktime
  auto arp = arp_request(addr("10.77.0.9"));
  arp.sender_mac = other_mac;
  host.receives(arp_frame(arp, all_macs));
  CHECK(mac_known(host) == other_mac);
}

TEST_CASE("our own request names us and asks everyone") {
  ScriptedHost host;
  send(host);
  const Bytes frame = host.wire.take_one();
  CHECK(wire::EthernetView::parse(frame)->destination() == all_macs);
  CHECK(arp_of(frame) == wire::ArpPacket{wire::arp_op::request, host_mac, host4, MacAddress{}, peer4});
}

TEST_CASE("an unsolicited reply makes no entry") {
  ScriptedHost host;
  host.receives(arp_frame(arp_reply()));
  CHECK(host.ip.neighbors().size() == 0);
}

TEST_CASE("locktime: the first of two answers within a second stands") {
  ScriptedHost host;
  send(host);
  host.receives(arp_frame(arp_reply()));
  host.advance(1s);
  host.receives(arp_frame(arp_reply(other_mac)));
  CHECK(mac_known(host) == peer_mac);
  host.advance(1ms);
  host.receives(arp_frame(arp_reply(other_mac)));
  CHECK(mac_known(host) == other_mac);
}

TEST_CASE("a gratuitous ARP replaces the address at once and leaves the entry to be proven") {
  for (const std::uint16_t op : {wire::arp_op::request, wire::arp_op::reply}) {
    ScriptedHost host;
    send(host);
    host.receives(arp_frame(arp_reply()));
    host.receives(arp_frame({op, other_mac, peer4, op == wire::arp_op::reply ? other_mac : MacAddress{}, peer4}, all_macs));
    CHECK(mac_known(host) == other_mac);
    CHECK(host.state_of(peer4) == State::stale);
    CHECK(host.ip.neighbors().size() == 1);
  }
}

TEST_CASE("RFC 5227 2.1.1: a probe for our address is answered, and nothing learned") {
  ScriptedHost host;
  auto probe = arp_request(host4);
  probe.sender_ip = addr("0.0.0.0");
  host.receives(arp_frame(probe, all_macs));
  CHECK(arp_of(host.wire.take_one()).target_ip == addr("0.0.0.0"));
  CHECK(host.ip.neighbors().size() == 0);
}

TEST_CASE("somebody with our address is reported and not learned from") {
  ScriptedHost host;
  auto arp = arp_request(host4);
  arp.sender_ip = host4;
  host.receives(arp_frame(arp, all_macs));
  CHECK(host.drops(DropReason::address_conflict) == 1);
  CHECK(host.ip.neighbors().size() == 0);
  CHECK(host[stats::Neighbor::address_conflicts] == 1);
}

TEST_CASE("I1: RFC 5227 2.4: an address that a neighbour claims is defended by one announcement in ten seconds") {
  ScriptedHost host;
  const auto claim = [&](const Arrival& arrival = {}) {
    host.receives(arp_frame({wire::arp_op::reply, other_mac, host4, host_mac, peer4}), arrival);
  };
  claim();
  const Bytes frame = host.wire.take_one();
  CHECK(wire::EthernetView::parse(frame)->destination() == all_macs);
  CHECK(arp_of(frame) == wire::ArpPacket{wire::arp_op::request, host_mac, host4, MacAddress{}, host4});
  host.advance(9999ms);
  claim();
  CHECK(host.wire.take().empty());
  host.advance(1ms);
  claim({.is_copy = true});  // another lcore does it
  CHECK(host.wire.take().empty());
  claim();
  CHECK(host.wire.take().size() == 1);
  CHECK(host[stats::Neighbor::address_conflicts] == 3);
  CHECK(host[stats::Neighbor::announcements] == 2);
}

TEST_CASE("I1: arp.defend 0: a claim is counted, no more, as Linux has it; our own frame that comes back is no claim") {
  ScriptedHost host({.arp_defend = false});
  host.receives(arp_frame({wire::arp_op::reply, other_mac, host4, host_mac, peer4}));
  CHECK(host.wire.take().empty());
  CHECK(host[stats::Neighbor::address_conflicts] == 1);
  host.receives(arp_frame({wire::arp_op::request, host_mac, host4, {}, peer4}, all_macs));
  CHECK(host[stats::Neighbor::address_conflicts] == 1);
}

TEST_CASE("I1: arp_accept: gratuitous ARP and replies make entries of all senders, or of those on our prefixes, or of none") {
  const IpAddress stranger = addr("192.0.2.9"), neighbour = addr("10.77.0.9");
  for (const std::uint8_t accept : {0, 1, 2}) {
    ScriptedHost host({.arp_accept = accept});
    for (const IpAddress& sender : {stranger, neighbour}) {
      host.receives(arp_frame({wire::arp_op::request, peer_mac, sender, {}, peer4}, all_macs));  // not gratuitous
      host.receives(arp_frame({wire::arp_op::request, other_mac, sender, {}, sender}, all_macs));
    }
    CHECK(host.state_of(stranger) == (accept == 1 ? State::stale : State::none));
    CHECK(host.state_of(neighbour) == (accept != 0 ? State::stale : State::none));
    host.receives(arp_frame(arp_reply()));
    CHECK(host.state_of(peer4) == (accept != 0 ? State::reachable : State::none));
  }
}

TEST_CASE("I1: a gratuitous reply says its MAC twice, or the locktime holds against it") {
  ScriptedHost host;
  send(host);
  host.receives(arp_frame(arp_reply()));
  host.receives(arp_frame({wire::arp_op::reply, other_mac, peer4, {}, peer4}, all_macs));
  CHECK(mac_known(host) == peer_mac);
}

TEST_CASE("I1: arp_notify: an interface's IPv4 addresses are announced as they become ours") {
  ScriptedHost host({.arp_notify = true});
  const Bytes frame = host.wire.take_one();
  CHECK(arp_of(frame) == wire::ArpPacket{wire::arp_op::request, host_mac, host4, MacAddress{}, host4});
  CHECK(ScriptedHost().wire.take().empty());
}

TEST_CASE("a copy for this lcore teaches but is never answered") {
  ScriptedHost host;
  host.receives(arp_frame(arp_request(host4), all_macs), {.is_copy = true});
  CHECK(host.wire.take().empty());
  CHECK(host.ip.neighbors().size() == 0);
  send(host);
  (void)host.wire.take();
  host.receives(arp_frame(arp_reply()), {.is_copy = true});  // the answer came in on another lcore
  CHECK(host.state_of(peer4) == State::reachable);
  CHECK(host.wire.take().size() == 1);
}

TEST_CASE("ARP messages that no host may send are dropped") {
  ScriptedHost host;
  send(host);
  (void)host.wire.take();
  auto group_mac = arp_reply(MacAddress{{3, 0, 0, 0, 0, 1}});  // RFC 1812 3.3.2
  auto group_sender = arp_request(host4);
  group_sender.sender_ip = addr("224.0.0.1");
  auto broadcast_sender = arp_request(host4);
  broadcast_sender.sender_ip = addr("10.77.0.255");
  auto loopback_target = arp_request(addr("127.0.0.1"));
  auto bad_op = arp_request(host4);
  bad_op.op = 9;
  std::vector<Bytes> frames;
  for (const auto& arp : {group_mac, group_sender, broadcast_sender, loopback_target, bad_op})
    frames.push_back(arp_frame(arp));
  frames.push_back(arp_frame(arp_request(host4)));
  frames.back()[14] = 9;  // another hardware type
  frames.push_back(arp_frame(arp_request(host4)));
  frames.back().resize(14 + 27);
  for (const Bytes& frame : frames) host.receives(frame);
  CHECK(host.drops(DropReason::arp_invalid) == frames.size());
  CHECK(host.wire.take().empty());
  CHECK(host.state_of(peer4) == State::incomplete);
}

TEST_CASE("ARP for another host's MAC is not ours") {
  ScriptedHost host;
  host.receives(arp_frame(arp_request(host4), other_mac));
  CHECK(host.drops(DropReason::other_host) == 1);
  CHECK(host.wire.take().empty());
}
