// SPDX-License-Identifier: BSD-3-Clause
// The ethdev port over DPDK's ring driver: a device that the application made, and one made by name.
#include "drivers/ethdev/ethdev_port.hpp"

#include "tests/interop/port_host.hpp"
#include "tests/support/catch.hpp"

#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>

using namespace millrace;
using test::Host;
using test::RawFrame;

namespace {

/// Two ethdevs that an application made of crossed rings; what it has to take down again itself.
struct RingPair {
  std::array<rte_ring*, 2> rings;
  std::array<std::uint16_t, 2> ids;

  RingPair() {
    rings = {rte_ring_create("a_to_b", 256, -1, RING_F_SP_ENQ | RING_F_SC_DEQ),
             rte_ring_create("b_to_a", 256, -1, RING_F_SP_ENQ | RING_F_SC_DEQ)};
    ids[0] = static_cast<std::uint16_t>(rte_eth_from_rings("ring_a", &rings[1], 1, &rings[0], 1, 0));
    ids[1] = static_cast<std::uint16_t>(rte_eth_from_rings("ring_b", &rings[0], 1, &rings[1], 1, 0));
  }
  ~RingPair() {
    for (const std::uint16_t id : ids) rte_eth_dev_close(id);
    for (rte_ring* ring : rings) rte_ring_free(ring);
  }
};

std::unique_ptr<port::Port> open_port(const ethdev::Options& options) {
  auto port = ethdev::open(options);
  if (!port) FAIL(port.error().message);
  return std::move(*port);
}

}  // namespace

TEST_CASE("two ports over an application's own rings carry packets both ways and leave its devices") {
  Host alice;
  Host bob;
  RingPair rings;
  const auto exists = [](const char* name) {
    std::uint16_t id = 0;
    return rte_eth_dev_get_port_by_name(name, &id) == 0;
  };
  REQUIRE(exists("net_ring_ring_a"));
  {
    auto a = open_port({.name = "net_ring_ring_a", .pools = {&*alice.pool}});
    auto b = open_port({.name = "net_ring_ring_b", .ifindex = 2, .pools = {&*bob.pool}});
    CHECK(a->info().driver == "net_ring");
    CHECK(a->link().up);
    for (std::size_t n = 0; n < 200; ++n) {
      const RawFrame frame{.v6 = n % 2 == 0, .proto = static_cast<std::uint8_t>(n % 3 == 0 ? 6 : 17), .payload = n};
      alice.send(*a, alice.unfinished(frame, n % 5, 1 + n % 11));
      pkt::Packet got = bob.receive(*b);
      REQUIRE(got);
      CHECK(test::bytes_of(got) == frame.bytes());
      CHECK(got.meta().ifindex == 2);
      // The sender's flags came along with the buffer and must not be taken for a verdict.
      CHECK(got.meta().checksum == pkt::ChecksumVerdict::unknown);
      CHECK(got.meta().tx_checksum == pkt::ChecksumRequest::none);
      bob.send(*b, std::move(got));
      pkt::Packet back = alice.receive(*a);
      REQUIRE(back);
      CHECK(test::bytes_of(back) == frame.bytes());
      pkt::consume(std::move(back));
    }
    CHECK(alice.stats->port[stats::Port::tx_csum_software] == 200);
  }
  CHECK(exists("net_ring_ring_a"));
}

TEST_CASE("stale verdict flags of another port are not believed") {
  Host host;
  auto port = open_port({.name = "net_ring0", .pools = {&*host.pool}});
  pkt::Packet packet = host.pool.packet(RawFrame{}.bytes());
  packet.mbuf().ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  host.send(*port, std::move(packet));
  pkt::Packet got = host.receive(*port);
  REQUIRE(got);
  CHECK(got.meta().checksum == pkt::ChecksumVerdict::unknown);
  pkt::consume(std::move(got));
}

TEST_CASE("a ring made by name loops back, takes a burst in part, and is gone after close") {
  Host host(4095);
  std::uint16_t id = 0;
  {
    auto port = open_port({.name = "net_ring0", .rx_queues = 2, .tx_queues = 2, .pools = {&*host.pool}});
    std::uint32_t taken = 0;
    pkt::Burst burst;
    // The driver's ring holds 1023.
    while (taken < 1100) {
      while (!burst.full())
        burst.push(host.pool.packet(RawFrame{.source_port = static_cast<std::uint16_t>(taken + burst.size())}.bytes()));
      const std::uint16_t sent = port->tx_queue(1).transmit(host.env, burst);
      taken += sent;
      if (sent < pkt::Burst::capacity) break;
    }
    CHECK(taken < 1100);
    CHECK(burst.size() == pkt::Burst::capacity - taken % pkt::Burst::capacity);
    burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
    std::uint16_t next = 0;
    while (next < taken) {
      pkt::Burst got;
      REQUIRE(port->rx_queue(1).receive(host.env, got, 64) > 0);
      got.take_all([&](pkt::Packet p) {
        CHECK((p.data()[34] << 8 | p.data()[35]) == next++);
        CHECK(p.meta().rx_queue == 1);
        pkt::consume(std::move(p));
      });
    }
    CHECK(host.stats->port[stats::Port::tx_bytes] == host.stats->port[stats::Port::rx_bytes]);
  }
  CHECK(rte_eth_dev_get_port_by_name("net_ring0", &id) != 0);
}

TEST_CASE("errors name the port, the value and the remedy") {
  Host host;
  const auto unknown = ethdev::open({.name = "net_nonsense0", .pools = {&*host.pool}});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().message.find("net_nonsense0") != std::string::npos);
  const auto no_pool = ethdev::open({.name = "net_ring0"});
  REQUIRE_FALSE(no_pool);
  CHECK(no_pool.error().message.find("pool") != std::string::npos);
  const auto no_queue = ethdev::open({.name = "net_ring0", .rx_queues = 0, .pools = {&*host.pool}});
  CHECK_FALSE(no_queue);
}
