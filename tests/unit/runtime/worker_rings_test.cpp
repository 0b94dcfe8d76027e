// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/worker_rings.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

using namespace millrace;

TEST_CASE("each pair of lcores has its own ring; a full one gives the packet back") {
  test::TestPool pool;
  runtime::WorkerRings rings(3, 4);
  for (std::uint8_t i = 0; i < 4; ++i) CHECK_FALSE(rings.enqueue(0, 2, pool.packet(std::array{i})));
  pkt::Packet refused = rings.enqueue(0, 2, pool.packet(std::array<std::uint8_t, 1>{9}));
  REQUIRE(refused);
  pkt::consume(std::move(refused));
  CHECK_FALSE(rings.enqueue(1, 2, pool.packet(std::array<std::uint8_t, 1>{7})));
  CHECK(rings.queued(0, 2) == runtime::WorkerRings::first_count + 4);
  CHECK(rings.waiting(2) == 0);  // not before they are published
  rings.publish(0, 2);
  rings.publish(1, 2);
  CHECK(rings.waiting(2) == 5);
  CHECK(rings.waiting(0) == 0);

  std::array<pkt::Mbuf*, 8> taken;
  REQUIRE(rings.dequeue(0, 2, taken.data(), 3) == 3);
  for (std::uint8_t i = 0; i < 3; ++i) {
    pkt::Packet packet = pkt::Packet::adopt(taken[i]);
    CHECK(packet.data()[0] == i);
    pkt::consume(std::move(packet));
  }
  CHECK(rings.waiting(2) == 2);
}  // what is still queued goes back to the pool with the rings: TestPool checks
