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
    host.receives(arp_frame({op, other_mac, peer4, {}, peer4}, all_macs));
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
  CHECK(host.wire.take().empty());
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
