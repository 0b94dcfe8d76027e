// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/group/groups.hpp>

#include <millrace/wire/ethernet.hpp>

#include "tests/unit/stack/group/listening_host.hpp"

using namespace millrace;
using namespace millrace::test;
using group::Filter;

TEST_CASE("H11: reports go to the group's MAC, from an address of ours or none, and are counted") {
  ListeningHost host;
  host.join(group4);
  host.join(group6);
  const auto frames = host.wire.take();
  REQUIRE(frames.size() == 2);
  CHECK(wire::EthernetView::parse(frames[0])->destination() == MacAddress{{1, 0, 0x5e, 0, 0, 22}});
  CHECK(wire::Ipv4View::parse(behind(frames[0], 14))->source() == host4);
  CHECK(wire::EthernetView::parse(frames[1])->destination() == MacAddress{{0x33, 0x33, 0, 0, 0, 0x16}});
  CHECK(wire::Ipv6View::parse(behind(frames[1], 14))->source() == host_link);
  CHECK(host[stats::Ip::OutMcastPkts] == 1);
  CHECK(host[stats::Ip::OutMcastOctets] == 24 + 16);
  CHECK(host[stats::Ip6::OutMcastPkts] == 1);
  CHECK(host[stats::Icmp6::OutMsgs] == 1);
  host.interface.addresses.clear();
  host.join(addr("239.7.7.7"));
  CHECK(wire::Ipv4View::parse(behind(host.wire.take_one(), 14))->source() == addr("0.0.0.0"));
}

TEST_CASE("H11: records that do not fit one report go in several") {
  ListeningHost host;
  for (int n = 0; n < 200; ++n) host.join(IpAddress::v4(239, 1, 1, static_cast<std::uint8_t>(n)));
  host.advance(20s);
  (void)host.wire.take();
  host.igmp_query(10);
  host.advance(1s);
  std::size_t records = 0;
  const auto all = host.told();
  for (const Told& told : all) records += told.records.size();
  CHECK(all.size() == 2);
  CHECK(records == 200);
}
