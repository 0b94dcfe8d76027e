// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/unit/runtime/two_lcores.hpp"

using namespace millrace;
using test::RawFrame;

namespace {

void drain(test::TwoLcores& lcores) {
  while (lcores.rings.waiting(1) != 0) lcores.b.backlog.poll(lcores.b.lcore.env, 64);
}

}  // namespace

TEST_CASE("F4: without rps_cpus everything stays on the receiving lcore") {
  test::TwoLcores lcores;
  pkt::PacketList up;
  for (std::uint16_t port = 0; port < 50; ++port) up.push_back(lcores.a.packet({.source_port = port}));
  lcores.a.receive.steer(up);
  CHECK(up.empty());
  CHECK(lcores.a.delivered() == 50);
  CHECK(lcores.rings.waiting(1) == 0);
}

TEST_CASE("F4: with rps_cpus flows are spread, and each stays on one lcore") {
  test::TwoLcores lcores;
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("3"));
  for (std::uint16_t port = 0; port < 64; ++port) {
    const auto before = lcores.a.delivered();
    pkt::PacketList up;
    for (int i = 0; i < 3; ++i) up.push_back(lcores.a.packet({.source_port = port}));
    lcores.a.receive.steer(up);
    const auto here = lcores.a.delivered() - before;
    CHECK((here == 0 || here == 3));
  }
  drain(lcores);
  CHECK(lcores.a.delivered() > 10 * 3);
  CHECK(lcores.b.delivered() > 10 * 3);
  CHECK(lcores.a.delivered() + lcores.b.delivered() == 64 * 3);
}

TEST_CASE("F22: the owner of a flow gets its packets, whatever rps_cpus says") {
  test::TwoLcores lcores;
  const RawFrame frame{.source_port = 1234, .destination_port = 80};
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("1"));
  int owned = 0;
  REQUIRE(lcores.flows_b.insert({.local = IpAddress::v4(10, 77, 0, 2), .remote = IpAddress::v4(10, 77, 0, 1), .local_port = 80,
                                 .remote_port = 1234, .stack = 0, .proto = 17}, &owned));
  pkt::PacketList up;
  up.push_back(lcores.a.packet(frame));
  lcores.a.receive.steer(up);
  CHECK(lcores.rings.waiting(1) == 1);
  CHECK(lcores.a.lcore.stats.steer[stats::Steer::owner] == 1);
  drain(lcores);
  CHECK(lcores.b.delivered() == 1);
}

TEST_CASE("F11, X13: a stopped worker with netdev_max_backlog 1000 gets 1001 packets, the rest is dropped and counted twice") {
  test::TwoLcores lcores;
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
  for (int i = 0; i < 24; ++i) {
    pkt::PacketList up;
    for (int n = 0; n < 50; ++n) up.push_back(lcores.a.packet({}));
    lcores.a.receive.steer(up);
  }
  CHECK(lcores.rings.waiting(1) == 1001);
  CHECK(lcores.a.lcore.stats.softnet[stats::Softnet::dropped] == 199);
  CHECK(lcores.a.lcore.stats.drop[stats::DropReason::backlog_full] == 199);
  drain(lcores);
  CHECK(lcores.b.delivered() == 1001);
}

TEST_CASE("F13: 64 packets for a sleeping worker are one wake-up") {
  test::TwoLcores lcores;
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
  lcores.waker_b.announce();
  pkt::PacketList up;
  for (int n = 0; n < 64; ++n) up.push_back(lcores.a.packet({}));
  lcores.a.receive.steer(up);
  lcores.a.receive.wake_targets();
  lcores.a.receive.wake_targets();
  CHECK(lcores.a.lcore.stats.steer[stats::Steer::wakes] == 1);
  drain(lcores);
}

TEST_CASE("every lcore hears ARP; only the receiving one may answer") {
  test::TwoLcores lcores;
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
  pkt::Packet arp = lcores.a.packet({});
  arp.meta().ethertype = 0x0806;
  pkt::PacketList up;
  up.push_back(std::move(arp));
  lcores.a.receive.steer(up);
  CHECK(lcores.a.delivered() == 1);
  pkt::Mbuf* copy = nullptr;
  REQUIRE(lcores.rings.dequeue(0, 1, &copy, 1) == 1);
  CHECK(copy->meta.is_copy);
  pkt::consume(pkt::Packet::adopt(copy));
}
