// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/ethdev/ethdev_port.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

#include <cerrno>
#include <memory>

using namespace millrace;

// What real media do is shown in tests/interop/port_*.cpp; here is a device that invents its packets.
TEST_CASE("an ethdev is a port: packets with a fresh Meta, counters on both sides, link state") {
  test::TestPool pool;
  auto stats = std::make_unique<stats::LcoreStats>();
  Env env;
  env.pool = &*pool;
  env.stats = stats.get();
  env.now = Instant{Duration(77)};
  auto opened = ethdev::open({.name = "net_null1", .args = "size=100", .ifindex = 3, .pools = {&*pool}});
  REQUIRE(opened);
  port::Port& port = **opened;
  CHECK(port.link().up);
  CHECK(port.next_arrival() == never);

  pkt::Burst burst;
  CHECK(port.rx_queue(0).receive(env, burst, 10) == 10);
  CHECK(port.rx_queue(0).receive(env, burst, 64) == 54);
  REQUIRE(burst.full());
  for (std::uint16_t i = 0; i < burst.size(); ++i) {
    CHECK(burst[i].meta.ifindex == 3);
    CHECK(burst[i].meta.rx_time == env.now);
    CHECK(burst[i].meta.gso_segs == 1);
    CHECK(burst[i].meta.gso_size == 0);
    CHECK(burst[i].meta.l3_offset == 0);
    // As an echo would leave it: the next reception of this buffer must not see it.
    burst[i].meta.gso_size = 99;
  }
  CHECK(stats->port[stats::Port::rx_packets] == 64);
  CHECK(stats->port[stats::Port::rx_bytes] == 6400);
  CHECK(port.tx_queue(0).transmit(env, burst) == 64);
  CHECK(burst.empty());
  CHECK(stats->port[stats::Port::tx_packets] == 64);
  CHECK(stats->port[stats::Port::tx_bytes] == 6400);
  CHECK(port.device_stats().rx_packets == 64);
  CHECK(port.device_stats().tx_packets == 64);
}

TEST_CASE("L7: a device that does not stamp is refused when stamps are asked of it") {
  test::TestPool pool;
  CHECK_FALSE((*ethdev::open({.name = "net_null2", .pools = {&*pool}}))->info().offloads.rx_timestamp);
  const auto opened = ethdev::open({.name = "net_null3", .rx_timestamp = true, .pools = {&*pool}});
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == EOPNOTSUPP);
  CHECK(opened.error().message ==
        "port 'net_null3' (net_null): the device does not stamp what it receives; leave rx_timestamp out, and use the stamps of our clock");
}
