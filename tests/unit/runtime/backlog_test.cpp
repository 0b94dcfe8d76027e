// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/unit/runtime/two_lcores.hpp"

using namespace millrace;

TEST_CASE("F14, F15: the backlog delivers up to its weight a poll, in order, and completes when it is empty") {
  test::TwoLcores lcores;
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
  pkt::PacketList up;
  for (int n = 0; n < 100; ++n) up.push_back(lcores.a.packet({}));
  lcores.a.receive.steer(up);
  poll::NapiList list;
  CHECK(lcores.b.backlog.has_work());
  REQUIRE(lcores.b.backlog.schedule(list));
  CHECK(lcores.b.backlog.poll(lcores.b.lcore.env, 64) == 64);
  CHECK(lcores.b.backlog.is_scheduled());
  CHECK(lcores.b.backlog.poll(lcores.b.lcore.env, 64) == 36);
  CHECK_FALSE(lcores.b.backlog.is_scheduled());
  CHECK_FALSE(lcores.b.backlog.has_work());
  CHECK(lcores.b.lcore.stats.steer[stats::Steer::backlog_head] == 100);
  CHECK(lcores.b.lcore.stats.softnet[stats::Softnet::processed] == 100);
}

TEST_CASE("F11: sources take turns, so that a full ring does not starve another") {
  test::LcoreEnv target(2);
  runtime::WorkerRings rings(3, 256);
  std::array<runtime::Waker, 3> wakers;
  std::array<runtime::Waker*, 3> list{&wakers[0], &wakers[1], &wakers[2]};
  steer::Directory directory{{nullptr, nullptr, nullptr}};
  steer::Toeplitz toeplitz;
  steer::Steer steer(directory, toeplitz);
  std::array<socket::Stack*, 3> stacks{};
  runtime::SoftnetLimits limits;
  runtime::Receive receive(target.env, limits, steer, {.rings = rings, .wakers = list, .by_ifindex = stacks, .capture = {}});
  runtime::Backlog backlog(receive, rings, 2, 64);
  const auto give = [&](std::uint16_t source, int count) {
    for (int i = 0; i < count; ++i) {
      pkt::Packet refused = rings.enqueue(source, 2, target.pool.packet(std::array<std::uint8_t, 1>{}));
      REQUIRE_FALSE(refused);
    }
  };
  give(0, 200);
  give(1, 10);
  CHECK(backlog.poll(target.env, 64) == 64);
  // 210 were waiting; had source 0 been taken alone, all ten of source 1 would still be there.
  std::array<pkt::Mbuf*, 16> left;
  CHECK(rings.dequeue(1, 2, left.data(), left.size()) == 0);
}
