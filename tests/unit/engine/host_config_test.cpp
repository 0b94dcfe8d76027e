// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/host_config.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/raw_frame.hpp"
#include "tests/support/two_engines.hpp"

#include <algorithm>

using namespace millrace;
using namespace millrace::test;

namespace {

IpAddress addr(std::string_view text) { return *IpAddress::parse(text); }

void autoconf(Config& config) { config.stacks[0].interfaces[0].autoconf = true; }

AddressState state_of(const Engine& engine, const IpAddress& address) {
  for (const HostAddress& row : engine.addresses())
    if (row.address.address == address) return row.state;
  FAIL(address.to_string() + " is not there");
  return AddressState::duplicate;
}

UdpSocket& joined(Engine& engine, std::uint16_t lcore, const IpAddress& group) {
  auto socket = TwoEngines::sockets(engine, lcore).bind_udp(endpoint("0.0.0.0:5353"));
  if (!socket) FAIL(socket.error().message);
  REQUIRE((*socket)->join_group(group) == 0);
  return **socket;
}

int reads(UdpSocket& socket) {
  std::array<std::uint8_t, 64> into;
  Endpoint from;
  int n = 0;
  while (socket.receive_from(into, from) >= 0) ++n;
  return n;
}

}  // namespace

TEST_CASE("autoconf: addresses are looked for before they are used, on every lcore; of two hosts with one the second does without") {
  TwoEngines world({.lcores_b = 2, .adjust_a = autoconf, .adjust_b = [](Config& config) {
                      autoconf(config);
                      config.stacks[0].interfaces[0].addresses.push_back(*IpPrefix::parse("fd00:77::1/64"));  // a's
                    }});
  CHECK(state_of(*world.a, addr("fd00:77::1")) == AddressState::tentative);
  world.run_for(3s);
  CHECK(state_of(*world.b, addr("fd00:77::2")) == AddressState::preferred);
  const bool a_has = state_of(*world.a, addr("fd00:77::1")) == AddressState::preferred;
  const bool b_has = state_of(*world.b, addr("fd00:77::1")) == AddressState::preferred;
  CHECK_FALSE((a_has && b_has));
  for (const std::uint16_t lcore : {0, 1}) {
    auto socket = TwoEngines::sockets(*world.b, lcore).bind_udp({addr("fd00:77::2"), static_cast<std::uint16_t>(7 + lcore)});
    CHECK(socket);
    auto other = TwoEngines::sockets(*world.b, lcore).bind_udp({addr("fd00:77::1"), static_cast<std::uint16_t>(7 + lcore)});
    CHECK(other.has_value() == b_has);
  }
}

TEST_CASE("without autoconf the addresses are ours at once, and shown so") {
  TwoEngines world;
  CHECK(state_of(*world.a, addr("fd00:77::1")) == AddressState::preferred);
  CHECK(state_of(*world.a, addr("10.77.0.1")) == AddressState::preferred);
  CHECK(world.a->name_servers().empty());
  CHECK(world.a->addresses(1).empty());
}

TEST_CASE("H11: a datagram to a group reaches the sockets on every lcore; the first lcore reports for all") {
  TwoEngines world({.lcores_a = 1, .lcores_b = 2});
  const IpAddress group = addr("239.1.2.3");
  UdpSocket& first = joined(*world.b, 0, group);
  UdpSocket& second = joined(*world.b, 1, group);
  world.run_for(2s);
  const auto groups = world.b->groups();
  const auto row = std::find_if(groups.begin(), groups.end(), [&](const HostGroup& g) { return g.group == group; });
  REQUIRE(row != groups.end());
  CHECK(row->dev == "eth0");
  CHECK(row->users == 2);  // a socket, and another lcore
  auto sender = TwoEngines::sockets(*world.a).bind_udp(endpoint("10.77.0.1:99"));
  REQUIRE(sender);
  for (int i = 0; i < 3; ++i) CHECK((*sender)->send_to(bytes("x"), {group, 5353}) == 1);
  world.run_for(1s);
  CHECK(reads(first) == 3);
  CHECK(reads(second) == 3);
  second.close();
  world.run_for(2s);
  (*sender)->send_to(bytes("x"), {group, 5353});
  world.run_for(1s);
  CHECK(reads(first) == 1);
}

TEST_CASE("H11: what a host sends to a group comes back to its own sockets on every lcore, unless IP_MULTICAST_LOOP is off") {
  TwoEngines world({.lcores_a = 2});
  const IpAddress group = addr("239.1.2.3");
  UdpSocket& first = joined(*world.a, 0, group);
  UdpSocket& second = joined(*world.a, 1, group);
  CHECK(first.send_to(bytes("x"), {group, 5353}) == 1);
  world.run_for(1s);
  CHECK(reads(first) == 1);
  CHECK(reads(second) == 1);
  CHECK(first.set_option(socket::Option::multicast_loop, 0) == 0);
  CHECK(first.send_to(bytes("x"), {group, 5353}) == 1);
  world.run_for(1s);
  CHECK(reads(first) == 0);
  CHECK(reads(second) == 0);
}
