// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/ethernet.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/stack/ip/recorder.hpp"

using namespace millrace;
using namespace millrace::test;
using ip::SendVerdict;
using stats::DropReason;

namespace {

SendVerdict send(ScriptedHost& host, ip::SendHeader header, std::size_t bytes = 16) {
  header.proto = test_proto;
  return host.ip.send(host.pool.packet(counting(bytes)), header);
}

wire::Ipv4View v4_of(const Bytes& frame) { return *wire::Ipv4View::parse(std::span(frame).subspan(14)); }
wire::Ipv6View v6_of(const Bytes& frame) { return *wire::Ipv6View::parse(std::span(frame).subspan(14)); }

}  // namespace

TEST_CASE("IPv4 output: header, checksum, next hop") {
  RecordingHost host;
  CHECK(send(host, {.source = {}, .destination = peer4, .hop_limit = 9, .traffic_class = 0x10}) == SendVerdict::sent);
  const Bytes frame = host.wire.take_one();
  CHECK(wire::EthernetView::parse(frame)->destination() == peer_mac);
  const auto ip = v4_of(frame);
  CHECK(ip.header() == wire::Ipv4Header{.source = host4,
                                        .destination = peer4,
                                        .total_length = 36,
                                        .tos = 0x10,
                                        .ttl = 9,
                                        .proto = test_proto,
                                        .dont_fragment = true});
  CHECK(ip.checksum_valid());
  CHECK(behind(frame, 34) == counting(16));
  CHECK(host[stats::Ip::OutRequests] == 1);
  CHECK(host[stats::Ip::OutTransmits] == 1);
}

TEST_CASE("IPv6 output: header, next hop") {
  RecordingHost host;
  CHECK(send(host, {.source = {}, .destination = peer6, .hop_limit = 9, .traffic_class = 0x10}) == SendVerdict::sent);
  const Bytes frame = host.wire.take_one();
  CHECK(v6_of(frame).header() == wire::Ipv6Header{.source = host6,
                                                  .destination = peer6,
                                                  .payload_length = 16,
                                                  .traffic_class = 0x10,
                                                  .next_header = test_proto,
                                                  .hop_limit = 9});
  CHECK(behind(frame, 54) == counting(16));
  CHECK(host[stats::Ip6::OutRequests] == 1);
}

TEST_CASE("RFC 6864 4.1: the identification counts per flow unless DF makes it meaningless") {
  RecordingHost host;
  std::vector<std::uint16_t> ids;
  for (int i = 0; i < 3; ++i) {
    send(host, {.source = {}, .destination = peer4, .dont_fragment = false});
    ids.push_back(v4_of(host.wire.take_one()).id());
  }
  CHECK(ids[1] == static_cast<std::uint16_t>(ids[0] + 1));
  CHECK(ids[2] == static_cast<std::uint16_t>(ids[0] + 2));
  send(host, {.source = {}, .destination = peer4});
  const Bytes frame = host.wire.take_one();
  CHECK(v4_of(frame).dont_fragment());
  CHECK(v4_of(frame).id() == 0);
}

TEST_CASE("a destination off the link goes to the gateway, the longest prefix wins") {
  RecordingHost host;
  REQUIRE(host.ip.add_route(*IpPrefix::parse("0.0.0.0/0"), peer4, host.interface));
  REQUIRE(host.ip.add_route(*IpPrefix::parse("::/0"), peer_link, host.interface));
  for (const char* to : {"192.0.2.7", "2001:db8::7"}) {
    REQUIRE(send(host, {.source = {}, .destination = addr(to)}) == SendVerdict::sent);
    const Bytes frame = host.wire.take_one();
    CHECK(wire::EthernetView::parse(frame)->destination() == peer_mac);
    if (addr(to).is_v4()) CHECK(v4_of(frame).source() == host4);
    if (!addr(to).is_v4()) CHECK(v6_of(frame).source() == host6);  // the gateway's scope is not the destination's
  }
  // On the link itself, whatever the default route says.
  send(host, {.source = {}, .destination = addr("10.77.0.77")});
  CHECK(host.state_of(addr("10.77.0.77")) == neighbor::State::incomplete);
}

TEST_CASE("without a route a datagram is dropped and the caller told") {
  RecordingHost host;
  CHECK(send(host, {.source = {}, .destination = addr("192.0.2.7")}) == SendVerdict::no_route);
  CHECK(send(host, {.source = {}, .destination = addr("2001:db8::7")}) == SendVerdict::no_route);
  CHECK(host.drops(DropReason::no_route) == 2);
  CHECK(host[stats::Ip::OutNoRoutes] == 1);
  CHECK(host[stats::Ip6::OutNoRoutes] == 1);
  CHECK_FALSE(host.ip.source_for(addr("192.0.2.7")));
}

TEST_CASE("H5: without lo there is no way to an own address; nothing of it reaches the link") {
  RecordingHost host;
  for (const char* to : {"10.77.0.2", "127.0.0.1", "fd00:77::2", "::1"}) {
    CHECK(send(host, {.source = {}, .destination = addr(to)}) == SendVerdict::no_route);
    CHECK_FALSE(host.ip.source_for(addr(to)));
  }
  CHECK(host.drops(DropReason::no_route) == 4);
}

TEST_CASE("what the MTU does not hold is refused, not cut") {
  RecordingHost host;
  CHECK(host.ip.mtu_for(peer4) == 1500);
  CHECK(send(host, {.source = {}, .destination = peer4}, 1480) == SendVerdict::sent);
  CHECK(send(host, {.source = {}, .destination = peer4}, 1481) == SendVerdict::too_big);
  CHECK(send(host, {.source = {}, .destination = peer6}, 1460) == SendVerdict::sent);
  CHECK(send(host, {.source = {}, .destination = peer6}, 1461) == SendVerdict::too_big);
  CHECK(host.drops(DropReason::too_big) == 2);
  CHECK(host.wire.take().size() == 2);
}

TEST_CASE("groups go to group MACs from an address of their scope, without asking") {
  RecordingHost host;
  send(host, {.source = {}, .destination = addr("255.255.255.255")});
  send(host, {.source = {}, .destination = addr("10.77.0.255")});
  send(host, {.source = {}, .destination = addr("224.0.0.251")});
  send(host, {.source = {}, .destination = addr("ff02::fb")});
  const auto frames = host.wire.take();
  REQUIRE(frames.size() == 4);
  CHECK(wire::EthernetView::parse(frames[0])->destination() == all_macs);
  CHECK(wire::EthernetView::parse(frames[1])->destination() == all_macs);
  CHECK(wire::EthernetView::parse(frames[2])->destination() == MacAddress{{0x01, 0x00, 0x5e, 0, 0, 251}});
  CHECK(v6_of(frames[3]).source() == host_link);
}

TEST_CASE("RFC 6724 5: the source has the destination's scope") {
  RecordingHost host;
  CHECK(host.ip.source_for(peer4) == host4);
  CHECK(host.ip.source_for(peer6) == host6);
  CHECK(host.ip.source_for(peer_link) == host_link);
}

TEST_CASE("a given source is kept") {
  RecordingHost host;
  send(host, {.source = host_link, .destination = peer6});
  CHECK(v6_of(host.wire.take_one()).source() == host_link);
}

TEST_CASE("H10: octets sent, and of them those to groups and broadcasts") {
  RecordingHost host;
  for (const char* to : {"10.77.0.1", "224.0.0.1", "10.77.0.255", "255.255.255.255", "fd00:77::1", "ff02::1"})
    CHECK(send(host, {.source = {}, .destination = addr(to)}, 80) == SendVerdict::sent);
  CHECK(host[stats::Ip::OutTransmits] == 4);
  CHECK(host[stats::Ip::OutOctets] == 400);
  CHECK(host[stats::Ip::OutMcastPkts] == 1);
  CHECK(host[stats::Ip::OutMcastOctets] == 100);
  CHECK(host[stats::Ip::OutBcastPkts] == 2);
  CHECK(host[stats::Ip::OutBcastOctets] == 200);
  CHECK(host[stats::Ip6::OutTransmits] == 2);
  CHECK(host[stats::Ip6::OutOctets] == 240);
  CHECK(host[stats::Ip6::OutMcastPkts] == 1);
  CHECK(host[stats::Ip6::OutMcastOctets] == 120);
  CHECK(send(host, {.source = {}, .destination = addr("192.0.2.1")}, 80) == SendVerdict::no_route);
  CHECK(host[stats::Ip::OutOctets] == 400);
}
