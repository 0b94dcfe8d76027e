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
  runtime::HandOver hand_over(rings, 2);
  runtime::Receive receive(
      target.env, limits, steer,
      {.rings = rings, .wakers = list, .by_ifindex = stacks, .hand_over = hand_over});
  runtime::Backlog backlog(receive, rings, 2, 64);
  const auto give = [&](std::uint16_t source, int count) {
    for (int i = 0; i < count; ++i) {
      pkt::Packet refused = rings.enqueue(source, 2, target.pool.packet(std::array<std::uint8_t, 1>{}));
      REQUIRE_FALSE(refused);
    }
    rings.publish(source, 2);
  };
  give(0, 200);
  give(1, 10);
  CHECK(backlog.poll(target.env, 64) == 64);
  // 210 were waiting; had source 0 been taken alone, all ten of source 1 would still be there.
  std::array<pkt::Mbuf*, 16> left;
  CHECK(rings.dequeue(1, 2, left.data(), left.size()) == 0);
}

TEST_CASE("F14: waiting wake-ups go out before the backlog is worked off") {
  test::TwoLcores lcores;
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
  lcores.waker_b.announce();
  pkt::PacketList up;
  up.push_back(lcores.a.packet({}));
  lcores.a.receive.steer(up);
  CHECK(lcores.a.backlog.poll(lcores.a.lcore.env, 64) == 0);
  CHECK(lcores.a.lcore.stats.steer[stats::Steer::wakes] == 1);
  lcores.b.backlog.poll(lcores.b.lcore.env, 64);
}

TEST_CASE("M6: how many packets each run of process_backlog took") {
  test::TwoLcores lcores;
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
  const auto run = [&](int packets, int weight) {
    pkt::PacketList up;
    for (int n = 0; n < packets; ++n) up.push_back(lcores.a.packet({}));
    lcores.a.receive.steer(up);
    CHECK(lcores.b.backlog.poll(lcores.b.lcore.env, weight) == std::min(packets, weight));
  };
  for (const int packets : {0, 1, 2, 3, 4, 7, 8, 16, 63, 64, 200}) run(packets, 256);
  const auto& runs = lcores.b.lcore.stats.backlog_run;
  using enum stats::BacklogRun;
  const std::array<std::uint64_t, 8> expected{1, 1, 2, 2, 1, 1, 1, 2};
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(runs[static_cast<stats::BacklogRun>(i)] == expected[i]);
  CHECK(lcores.b.lcore.stats.steer[stats::Steer::backlog_head] == 368);
}

TEST_CASE("F8: the head counts a packet when it has been delivered, not when it has left the ring") {
  test::TwoLcores lcores;
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
  pkt::PacketList up;
  for (int n = 0; n < 20; ++n) up.push_back(lcores.a.packet({}));
  lcores.a.receive.steer(up);
  CHECK(lcores.rings.queued(0, 1) == runtime::WorkerRings::first_count + 20);
  std::array<pkt::Mbuf*, 5> taken;
  REQUIRE(lcores.rings.dequeue(0, 1, taken.data(), 5) == 5);
  CHECK(lcores.rings.delivered(0, 1) == runtime::WorkerRings::first_count);
  for (pkt::Mbuf* m : taken) pkt::consume(pkt::Packet::adopt(m));
  lcores.rings.add_delivered(0, 1, 5);
  lcores.b.backlog.poll(lcores.b.lcore.env, 10);
  CHECK(lcores.rings.delivered(0, 1) == runtime::WorkerRings::first_count + 15);
  lcores.b.backlog.drain(lcores.b.lcore.env, 0);
  CHECK(lcores.rings.delivered(0, 1) == lcores.rings.queued(0, 1));
}

TEST_CASE("F17: a flush drops an interface's packets and delivers the others in order; the head counts both") {
  test::TwoLcores lcores;
  for (const std::uint16_t ifindex : {1, 2}) lcores.a.steer.set_rps(ifindex, 0, *steer::RpsMap::parse("2"));
  pkt::PacketList up;
  for (int n = 0; n < 100; ++n) {
    up.push_back(lcores.a.packet({}));
    pkt::Packet other = lcores.a.packet({});
    other.meta().ifindex = 2;
    up.push_back(std::move(other));
  }
  lcores.a.receive.steer(up);
  lcores.b.backlog.flush(lcores.b.lcore.env, 2);
  CHECK(lcores.b.lcore.stats.drop[stats::DropReason::port_down] == 100);
  CHECK(lcores.b.delivered() == 100);
  CHECK(lcores.rings.waiting(1) == 0);
  CHECK(lcores.rings.delivered(0, 1) == lcores.rings.queued(0, 1));
}
