// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/routing.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/proc_net_readers.hpp"
#include "tests/support/two_engines.hpp"

#include <cerrno>

using namespace millrace;
using namespace millrace::test;

namespace {

IpPrefix prefix(std::string_view text) { return *IpPrefix::parse(text); }

int code(const Result<void>& result) { return result ? 0 : result.error().code; }

std::vector<std::string> line_of(const std::string& text, const std::string& destination) {
  for (const std::string& line : lines_of(text))
    if (auto words = words_of(line); words[1] == destination) return words;
  return {};
}

// What UDP says of a datagram to there, on one lcore.
int send(Engine& engine, std::string_view to, std::uint16_t lcore = 0) {
  auto socket = TwoEngines::sockets(engine, lcore).bind_udp(endpoint("0.0.0.0:0"));
  REQUIRE(socket);
  const auto sent = (*socket)->send_to(bytes("text"), endpoint(to));
  (*socket)->close();
  return sent < 0 ? static_cast<int>(-sent) : 0;
}

}  // namespace

TEST_CASE("H4: routes come and go while the engine runs, for all of its lcores") {
  TwoEngines world({.lcores_a = 3});
  Engine& engine = *world.a;
  for (std::uint16_t lcore = 0; lcore < 3; ++lcore) CHECK(send(engine, "192.0.2.1:9", lcore) == ENETUNREACH);
  REQUIRE(engine.add_route({.to = prefix("192.0.2.0/24"), .via = IpAddress::parse("10.77.0.2")}));
  for (std::uint16_t lcore = 0; lcore < 3; ++lcore) CHECK(send(engine, "192.0.2.1:9", lcore) == 0);
  CHECK(code(engine.add_route({.to = prefix("192.0.2.0/24"), .via = IpAddress::parse("10.77.0.2")})) == EEXIST);
  REQUIRE(engine.add_route({.to = prefix("192.0.2.128/25"), .type = config::RouteType::prohibit}));
  REQUIRE(engine.add_route({.to = prefix("192.0.2.64/26"), .type = config::RouteType::unreachable}));
  REQUIRE(engine.add_route({.to = prefix("192.0.2.32/27"), .type = config::RouteType::blackhole}));
  CHECK(send(engine, "192.0.2.129:9", 2) == EACCES);
  CHECK(send(engine, "192.0.2.65:9", 1) == EHOSTUNREACH);
  CHECK(send(engine, "192.0.2.33:9") == EINVAL);
  CHECK(send(engine, "192.0.2.1:9") == 0);
  REQUIRE(engine.remove_route({.to = prefix("192.0.2.0/24")}));
  for (std::uint16_t lcore = 0; lcore < 3; ++lcore) CHECK(send(engine, "192.0.2.1:9", lcore) == ENETUNREACH);
  CHECK(code(engine.remove_route({.to = prefix("192.0.2.0/24")})) == ESRCH);
}

TEST_CASE("H4: connect() of TCP says what the type of its route says, or that there is none") {
  TwoEngines world;
  Engine& engine = *world.a;
  REQUIRE(engine.add_route({.to = prefix("192.0.2.128/25"), .type = config::RouteType::prohibit}));
  REQUIRE(engine.add_route({.to = prefix("192.0.2.64/26"), .type = config::RouteType::unreachable}));
  REQUIRE(engine.add_route({.to = prefix("192.0.2.32/27"), .type = config::RouteType::blackhole}));
  REQUIRE(engine.add_route({.to = prefix("2001:db8::/64"), .type = config::RouteType::unreachable}));
  const auto told = [&](std::string_view to) { return TwoEngines::sockets(engine).connect(endpoint(to)).error(); };
  CHECK(told("192.0.2.129:80").code == EACCES);
  CHECK(told("192.0.2.65:80").code == EHOSTUNREACH);
  CHECK(told("192.0.2.33:80").code == EINVAL);
  CHECK(told("192.0.2.33:80").message == "tcp connect to 192.0.2.33:80: its route is of type blackhole");
  CHECK(told("[2001:db8::1]:80").code == EHOSTUNREACH);
  CHECK(engine.stats().total("ip", "OutNoRoutes") == 0);
  CHECK(told("192.0.2.1:80").code == ENETUNREACH);
  CHECK(told("[2001:db8:1::1]:80").code == ENETUNREACH);
  CHECK(engine.stats().total("ip", "OutNoRoutes") == 1);
  CHECK(engine.stats().total("ip6", "OutNoRoutes") == 1);
}

TEST_CASE("H4: /proc/net/route tells of each route its interface, gateway, flags and metric") {
  TwoEngines world;
  Engine& engine = *world.a;
  REQUIRE(engine.add_route({.to = prefix("192.0.2.0/24"), .via = IpAddress::parse("10.77.0.2"), .metric = 50}));
  REQUIRE(engine.add_route({.to = prefix("198.51.100.0/24"), .type = config::RouteType::unreachable}));
  REQUIRE(engine.add_route({.to = prefix("203.0.113.0/24"), .type = config::RouteType::local}));
  const std::string text = engine.proc_net_route();
  const auto via = line_of(text, "000200C0");
  REQUIRE(via.size() == 11);
  CHECK(via[2] == "02004D0A");
  CHECK(via[3] == "0003");
  CHECK(via[6] == "50");
  const auto rejects = line_of(text, "006433C6");
  REQUIRE(rejects.size() == 11);
  CHECK(rejects[0] == "*");
  CHECK(rejects[3] == "0201");
  CHECK(line_of(text, "007100CB").empty());
}

TEST_CASE("H4: addresses come and go while the engine runs: TCP over one that was added, and EADDRNOTAVAIL behind its removal") {
  TwoEngines world({.lcores_b = 2});
  REQUIRE(world.b->add_address("eth0", prefix("10.77.0.42/24")));
  CHECK(code(world.b->add_address("eth0", prefix("10.77.0.42/24"))) == EEXIST);
  CHECK(code(world.b->add_address("eth7", prefix("10.77.0.43/24"))) == ENODEV);
  CHECK(code(world.b->add_address("eth0", prefix("224.0.0.1/24"))) == EINVAL);
  std::vector<std::unique_ptr<Conversation>> accepted;
  accept_into(*world.b, endpoint("10.77.0.42:80"), accepted);
  Conversation client;
  auto stream = TwoEngines::sockets(*world.a).connect(endpoint("10.77.0.42:80"));
  REQUIRE(stream);
  client.join(**stream);
  CHECK(world.run_until([&] { return client.connected && accepted.size() == 1; }));
  REQUIRE(world.b->remove_address("eth0", prefix("10.77.0.42/24")));
  CHECK(code(world.b->remove_address("eth0", prefix("10.77.0.42/24"))) == EADDRNOTAVAIL);
  for (std::uint16_t lcore = 0; lcore < 2; ++lcore) {
    const auto refused = TwoEngines::sockets(*world.b, lcore).bind_udp(endpoint("10.77.0.42:9"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == EADDRNOTAVAIL);
  }
}

TEST_CASE("H4: what cannot be a route is refused with what to do") {
  TwoEngines world;
  Engine& engine = *world.a;
  CHECK(code(engine.add_route({.to = prefix("192.0.2.0/24")})) == EINVAL);
  CHECK(code(engine.add_route({.to = prefix("192.0.2.0/24"), .dev = "eth9"})) == ENODEV);
  CHECK(code(engine.add_route({.to = prefix("192.0.2.0/24"), .via = IpAddress::parse("fe80::1")})) == EINVAL);
  CHECK(code(engine.add_route({.to = prefix("192.0.2.0/24"), .via = IpAddress::parse("8.8.8.8")})) == ENETUNREACH);
  CHECK(code(engine.add_route({.to = prefix("192.0.2.0/24"), .via = IpAddress::parse("10.77.0.2"), .src = IpAddress::parse("10.77.0.9")})) == EINVAL);
  CHECK(code(engine.add_route({.to = prefix("192.0.2.0/24"), .via = IpAddress::parse("10.77.0.2")}, 3)) == EINVAL);
  CHECK(code(engine.add_route({.to = {IpAddress::v4(192, 0, 2, 0), 33}, .dev = "eth0"})) == EINVAL);
}
