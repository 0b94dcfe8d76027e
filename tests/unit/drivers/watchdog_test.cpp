// SPDX-License-Identifier: BSD-3-Clause
// What the watchdog sees of devices that hang or are gone is shown on their models (tests/devmodel).
#include "drivers/ethdev/watchdog.hpp"

#include "drivers/ethdev/ethdev_port.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

#include <rte_eth_ring.h>
#include <rte_ring.h>

#include <memory>

using namespace millrace;
using namespace std::chrono_literals;

TEST_CASE("a virtual device that takes nothing waits for its peer, and is not at fault") {
  test::TestPool pool;
  rte_ring* ring = rte_ring_create("watchdog", 16, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
  REQUIRE(ring != nullptr);
  REQUIRE(rte_eth_from_rings("watchdog", &ring, 1, &ring, 1, 0) >= 0);
  auto stats = std::make_unique<stats::LcoreStats>();
  Env env;
  env.pool = &*pool;
  env.stats = stats.get();
  env.now = Instant{1s};
  auto opened = ethdev::open({.name = "net_ring_watchdog", .pools = {&*pool}});
  REQUIRE(opened);
  pkt::Burst burst;
  const std::vector<std::uint8_t> frame(60);
  for (int i = 0; i < 20; ++i) burst.push(pool.packet(frame));
  CHECK((*opened)->tx_queue(0).transmit(env, burst) == 15);
  CHECK((*opened)->tx_queue(0).transmit(env, burst) == 0);
  CHECK_FALSE((*opened)->check(env.now + 60s));
  burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
  CHECK((*opened)->rx_queue(0).receive(env, burst, 32) == 15);
  burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
}

TEST_CASE("a port that is reset goes on, and its device's counters do, too") {
  test::TestPool pool;
  auto stats = std::make_unique<stats::LcoreStats>();
  Env env;
  env.pool = &*pool;
  env.stats = stats.get();
  auto opened = ethdev::open({.name = "net_null8", .args = "size=100", .pools = {&*pool}});
  REQUIRE(opened);
  for (unsigned round = 1; round < 4; ++round) {
    pkt::Burst burst;
    CHECK((*opened)->rx_queue(0).receive(env, burst, 10) == 10);
    burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
    CHECK((*opened)->device_stats().rx_packets == 10 * round);
    REQUIRE((*opened)->reset());
    CHECK((*opened)->device_stats().rx_packets == 10 * round);
  }
}
