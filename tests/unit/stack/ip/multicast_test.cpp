// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/ip/stack.hpp>

#include <millrace/wire/ethernet.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/stack/ip/recorder.hpp"

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;

namespace {

const IpAddress group4 = addr("239.1.2.3"), group6 = addr("ff15::7");
constexpr std::uint64_t who = 7;

}  // namespace

TEST_CASE("H11: what is sent to a group arrives where the group was joined, from sources that are wanted, and nowhere else") {
  RecordingHost host;
  const auto arrives = [&](const IpAddress& source, const IpAddress& group) {
    host.receives(ip_frame(test_proto, counting(8), source, group));
    return !std::exchange(host.recorder.datagrams, {}).empty();
  };
  CHECK_FALSE(arrives(peer4, group4));
  CHECK(host.drops(DropReason::group_unwanted) == 1);
  CHECK_FALSE(arrives(peer6, group6));
  REQUIRE(host.ip.join_group(host.interface, group4, who, group::Filter::all()) == 0);
  REQUIRE(host.ip.join_group(host.interface, group6, who, {false, {peer6}}) == 0);
  CHECK(arrives(peer4, group4));
  CHECK(arrives(peer6, group6));
  CHECK_FALSE(arrives(addr("fd00:77::8"), group6));
  CHECK(host[stats::Ip::InMcastPkts] == 1);
  CHECK(host[stats::Ip6::InMcastPkts] == 3);  // before anybody asks who is in
  REQUIRE(host.ip.join_group(host.interface, group4, who, {}) == 0);
  CHECK_FALSE(arrives(peer4, group4));
}

TEST_CASE("H11: a group is sent to without a gateway or a question, by the interface that was chosen") {
  RecordingHost host;
  neighbor::Interface second{.ifindex = 2, .name = "eth1", .mac = host_mac, .addresses = {{addr("192.0.2.2"), 24}}, .output = &host.wire};
  REQUIRE(host.ip.add_interface(second));
  REQUIRE(host.ip.add_route({addr("0.0.0.0"), 0}, peer4, host.interface));
  (void)host.wire.take();
  const auto sent = [&](std::uint16_t ifindex) {
    host.ip.send(host.pool.packet(counting(8)), {.source = {}, .destination = group4, .proto = test_proto, .hop_limit = 1, .ifindex = ifindex});
    return host.wire.take_one();
  };
  CHECK(wire::Ipv4View::parse(behind(sent(0), 14))->source() == host4);
  const Bytes frame = sent(2);
  CHECK(wire::EthernetView::parse(frame)->destination() == MacAddress{{1, 0, 0x5e, 1, 2, 3}});
  CHECK(wire::Ipv4View::parse(behind(frame, 14))->source() == addr("192.0.2.2"));
  CHECK(host[stats::Ip::OutMcastPkts] == 2);
  CHECK(host.ip.group_interface(group4, 2) == &second);
  CHECK(host.ip.group_interface(group4, 9) == nullptr);
  CHECK(host.ip.group_interface(group4, 0) == &host.interface);
}

TEST_CASE("H11: what this host sends to a group that it is in comes back to it, if the sender wants that") {
  struct Door final : ip::Resteer {
    pkt::Packet resteer(pkt::Packet frame) override { return frame; }
    void loop_back(pkt::Packet frame) override { frames.push_back(std::move(frame)); }
    std::vector<pkt::Packet> frames;
  };
  RecordingHost host;
  Door door;
  host.ip.set_resteer(&door);
  REQUIRE(host.ip.join_group(host.interface, group4, who, group::Filter::all()) == 0);
  for (const bool loops : {false, true})
    host.ip.send(host.pool.packet(counting(8)), {.source = {}, .destination = group4, .proto = test_proto, .loops = loops});
  REQUIRE(door.frames.size() == 1);
  pkt::Packet frame = std::move(door.frames[0]);
  frame.meta().type = pkt::PacketType::loopback;
  frame.meta().l3_offset = 14;
  frame.meta().ethertype = wire::ethertype::ipv4;
  host.ip.input(std::move(frame));  // although it comes from our own address
  REQUIRE(host.recorder.datagrams.size() == 1);
  CHECK(host.recorder.datagrams[0].bytes == counting(8));
  host.ip.set_resteer(nullptr);
}
