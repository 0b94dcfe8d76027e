// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/vlan/vlan_port.hpp"

#include "drivers/sim/link.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

#include <millrace/base/byte_order.hpp>

#include <numeric>

using namespace millrace;

TEST_CASE("G10: a VLAN's frame gets its tag behind the addresses, and its headers are found where they are now") {
  test::TestPool pool;
  std::vector<std::uint8_t> frame(60);
  std::iota(frame.begin(), frame.end(), std::uint8_t{1});
  pkt::Packet packet = pool.packet(frame);
  packet.meta().l3_offset = 14;
  packet.meta().l4_offset = 34;
  packet.meta().payload_offset = 0;
  vlan::push_tag(packet, 0x123);
  std::vector<std::uint8_t> expected = frame;
  expected.insert(expected.begin() + 12, {0x81, 0x00, 0x01, 0x23});
  CHECK(test::bytes_of(packet) == expected);
  CHECK(packet.meta().l3_offset == 18);
  CHECK(packet.meta().l4_offset == 38);
  CHECK(packet.meta().payload_offset == 0);
  pkt::consume(std::move(packet));
}

TEST_CASE("G10: a VLAN is as the port below, but for its name, MTU and queues; what it sends is counted and goes down at once") {
  test::TestPool pool;
  auto link = std::make_shared<sim::Link>(sim::LinkOptions{});
  auto below = link->open(sim::End::a, {.name = "p", .mac = {{2, 0, 0, 0, 0, 1}}, .ifindex = 1});
  vlan::Port port(*below, {.name = "p.7", .id = 7, .mtu = 1400, .tx_queues = 2});
  CHECK(port.info().name == "p.7");
  CHECK(port.info().mac == below->info().mac);
  CHECK(port.info().mtu == 1400);
  CHECK((port.info().rx_queues == 0 && port.info().tx_queues == 2));
  CHECK(port.link().up == below->link().up);

  stats::LcoreStats stats;
  Env env;
  env.stats = &stats;
  std::vector<std::size_t> lengths;
  int flushed = 0;
  port.attach(1, {.transmit =
                      [&](pkt::Packet frame) {
                        lengths.push_back(frame.length());
                        pkt::consume(std::move(frame));
                      },
                  .flush = [&] { ++flushed; }});
  pkt::Burst burst;
  for (const std::size_t size : {60u, 100u}) burst.push(pool.packet(std::vector<std::uint8_t>(size)));
  pkt::Packet cramped = pool.packet(std::vector<std::uint8_t>(60));
  cramped.prepend(cramped.headroom());
  burst.push(std::move(cramped));
  CHECK(port.tx_queue(1).transmit(env, burst) == 3);
  CHECK(burst.empty());
  CHECK(lengths == std::vector<std::size_t>{64, 104});
  CHECK(flushed == 1);
  CHECK(port.tx_queue(1).counted.packets.value() == 2);
  CHECK(port.tx_queue(1).counted.bytes.value() == 168);
  CHECK(port.tx_queue(1).counted.drops.value() == 1);
}
