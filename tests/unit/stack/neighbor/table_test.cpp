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

IpAddress on_link(int n) { return IpAddress::v4(10, 77, 0, static_cast<std::uint8_t>(n)); }

void send(ScriptedHost& host, const IpAddress& to) {
  host.ip.send(host.pool.packet(counting(8)), {.source = {}, .destination = to, .proto = 253});
}

}  // namespace

TEST_CASE("permanent entries never make room") {
  ScriptedHost host({.entries = 2});
  for (int n : {10, 11}) REQUIRE(host.ip.neighbors().add_permanent(host.interface, on_link(n), peer_mac));
  send(host, on_link(12));
  CHECK(host.drops(DropReason::neighbor_table_full) == 1);
  CHECK(host[stats::Neighbor::table_fulls] == 1);
  CHECK_FALSE(host.ip.neighbors().add_permanent(host.interface, on_link(12), peer_mac));
  CHECK(host.wire.take().empty());
  send(host, on_link(10));
  CHECK(wire::EthernetView::parse(host.wire.take_one())->destination() == peer_mac);
}

TEST_CASE("a permanent entry asks nothing, sends what waited, and no message changes it") {
  ScriptedHost host;
  send(host, peer4);
  (void)host.wire.take();
  REQUIRE(host.ip.neighbors().add_permanent(host.interface, peer4, peer_mac));
  CHECK(behind(host.wire.take_one(), 34) == counting(8));
  host.receives(arp_frame(arp_reply(MacAddress{{2, 0, 0, 0, 0, 9}})));
  host.advance(1h);
  CHECK(host.state_of(peer4) == State::permanent);
  CHECK(host.ip.neighbors().find(host.interface, peer4)->mac == peer_mac);
  CHECK(host.wire.take().empty());
}

TEST_CASE("a removed entry drops what waits and stops its timer") {
  ScriptedHost host;
  send(host, peer4);
  (void)host.wire.take();
  CHECK(host.ip.neighbors().remove(host.interface, peer4));
  CHECK_FALSE(host.ip.neighbors().remove(host.interface, peer4));
  CHECK(host.drops(DropReason::neighbor_removed) == 1);
  CHECK(host.wheel.next_expiry() == never);
  host.advance(10s);
  CHECK(host.wire.take().empty());
  CHECK(host.ip.neighbors().size() == 0);
}

TEST_CASE("packets that still wait at the end are dropped with a reason") {
  stats::LcoreStats* stats = nullptr;
  ScriptedHost host;
  stats = &host.stats;
  {
    neighbor::Interface other{
        .ifindex = 2, .name = "eth1", .mac = host_mac, .addresses = {{addr("192.0.2.2"), 24}}, .output = &host.wire};
    ip::Stack second(host.env);
    REQUIRE(second.add_interface(other));
    second.send(host.pool.packet(counting(8)), {.source = {}, .destination = addr("192.0.2.1"), .proto = 253});
  }
  CHECK(stats->drop[DropReason::shutdown] == 1);
}

TEST_CASE("rows come in order of address whatever the hash") {
  ScriptedHost host;
  for (int n : {30, 10, 20}) REQUIRE(host.ip.neighbors().add_permanent(host.interface, on_link(n), peer_mac));
  const auto rows = host.ip.neighbors().rows();
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].address == on_link(10));
  CHECK(rows[2].address == on_link(30));
}

TEST_CASE("a thousand neighbours stay distinct") {
  ScriptedHost host;
  host.interface.addresses[0].length = 16;
  for (int n = 0; n < 1000; ++n)
    REQUIRE(host.ip.neighbors().add_permanent(
        host.interface, IpAddress::v4(10, 77, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)),
        MacAddress{{2, 1, 0, 0, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)}}));
  for (const auto& row : host.ip.neighbors().rows()) {
    CHECK(row.mac.bytes[4] == row.address.bytes[14]);
    CHECK(row.mac.bytes[5] == row.address.bytes[15]);
  }
  CHECK(host.ip.neighbors().size() == 1000);
}
