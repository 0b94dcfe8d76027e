// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/unit/engine/steering_world.hpp"
#include "tests/unit/gro/own_protocol.hpp"

#include <cerrno>

using namespace millrace;
using namespace millrace::test;
using Key = PacketOffload::Key;

namespace {

void inject(SteeringWorld& world, int packets, std::uint16_t flags = 0) {
  for (int n = 0; n < packets; ++n)
    world.engine->inject("net0", OwnPacket{.flags = flags, .number = static_cast<std::uint32_t>(n), .destination_mac = 2}.bytes());
  world.run();
  world.engine->set_clock(world.engine->now() + 2ms);
  world.run();
}

}  // namespace

TEST_CASE("E15: register_offload() has an engine merge an application's protocol from then on") {
  SteeringWorld world(1);
  inject(world, 10);
  CHECK(world.count("gro", "merged") == 0);
  CHECK(world.count("drop", "unknown_ethertype") == 10);
  REQUIRE(world.engine->register_offload(own_offload(Key::ethertype)));
  inject(world, 10);
  CHECK(world.count("gro", "merged") == 9);
  CHECK(world.count("drop", "unknown_ethertype") == 11);
}

TEST_CASE("E15: a protocol of the application's may take its packets in GRO, on every lcore") {
  SteeringWorld world(2, [](Config& c) { c.ports[0].rx_queues = 2; });
  REQUIRE(world.engine->register_offload(own_offload(Key::ethertype)));
  inject(world, 7, OwnPacket::query);
  CHECK(world.count("gro", "consumed") == 7);
  CHECK(world.count("drop", "unknown_ethertype") == 0);
}

TEST_CASE("E15: what cannot be registered is refused, and changes nothing") {
  SteeringWorld world(1);
  const Result<void> refused = world.engine->register_offload({.key = Key::ip_proto, .type = 6, .gro_receive = own_offload(Key::ip_proto).gro_receive});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == EINVAL);
  CHECK(refused.error().message.find("IP protocol 6") != std::string::npos);
  inject(world, 3);
  CHECK(world.count("gro", "merged") == 0);
}
