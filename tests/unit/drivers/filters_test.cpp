// SPDX-License-Identifier: BSD-3-Clause
// Devices that filter are tried in tests/devmodel/filter_cases.cpp; here is what does not.
#include "drivers/ethdev/filters.hpp"

#include "drivers/ethdev/ethdev_port.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

#include <array>
#include <cerrno>

using namespace millrace;

namespace {

constexpr MacAddress group{{1, 0, 0x5e, 0, 0, 0xfb}};
constexpr MacAddress own{{2, 0, 0, 0, 0, 1}};

std::unique_ptr<port::Port> opened(test::TestPool& pool, const char* name, const char* args = "") {
  auto port = ethdev::open({.name = name, .args = args, .pools = {&*pool}});
  if (!port) FAIL(port.error().message);
  return std::move(*port);
}

}  // namespace

TEST_CASE("what filters nothing refuses each filter, though its driver agrees to it") {
  test::TestPool pool;
  for (const auto& [name, args] : {std::pair{"net_ring_filters", ""}, {"net_null1", "no-rx=1"}}) {
    INFO(name);
    const auto port = opened(pool, name, args);
    for (const Result<void>& done : {port->set_promiscuous(true), port->set_allmulticast(false), port->set_multicast(std::array{group}), port->set_vlan(5, true)}) {
      REQUIRE_FALSE(done);
      CHECK(done.error().code == EOPNOTSUPP);
      CHECK(done.error().message.find(std::string("port '") + name + "'") != std::string::npos);
    }
  }
}

TEST_CASE("a group has to be one, and a VLAN's number 1..4094, whatever the device can") {
  test::TestPool pool;
  const auto port = opened(pool, "net_ring_filters");
  const auto no_group = port->set_multicast(std::array{group, own});
  REQUIRE_FALSE(no_group);
  CHECK(no_group.error().code == EINVAL);
  CHECK(no_group.error().message.find("02:00:00:00:00:01 is no group's address") != std::string::npos);
  for (const std::uint16_t id : {0, 4095, 65535}) {
    const auto no_vlan = port->set_vlan(id, true);
    REQUIRE_FALSE(no_vlan);
    CHECK(no_vlan.error().code == EINVAL);
    CHECK(no_vlan.error().message.find("vlan " + std::to_string(id) + " must be 1..4094") != std::string::npos);
  }
}

TEST_CASE("what filters nothing has any host's address that is asked for") {
  test::TestPool pool;
  const auto port = ethdev::open({.name = "net_ring_filters", .mac = own, .pools = {&*pool}});
  REQUIRE(port);
  CHECK((*port)->info().mac == own);
  for (const MacAddress& no_host : {group, MacAddress{}}) {
    const auto refused = ethdev::open({.name = "net_null1", .args = "no-rx=1", .mac = no_host, .pools = {&*pool}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == EINVAL);
    CHECK(refused.error().message.find("mac " + no_host.to_string() + " is no host's address") != std::string::npos);
  }
}
