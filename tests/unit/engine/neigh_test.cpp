// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/neigh.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include <cerrno>

using namespace millrace;
using namespace millrace::test;

namespace {

const IpAddress peer = *IpAddress::parse("10.77.0.1");
const IpAddress peer6 = *IpAddress::parse("fd00:77::1");
constexpr MacAddress mac{{2, 0, 0, 0, 0, 9}};

std::vector<std::string> texts(const Engine& engine) {
  std::vector<std::string> lines;
  for (const Neigh& row : engine.neigh_show()) lines.push_back(row.to_text());
  return lines;
}

}  // namespace

TEST_CASE("I1: ip neigh add, show, replace and del on an engine that runs, the same on every lcore") {
  auto config = host_config(2, 2);
  config.clock = config::ClockSource::tsc;
  auto engine = Engine::create(config);
  REQUIRE(engine);
  REQUIRE((*engine)->start());
  Engine& e = **engine;
  CHECK(e.neigh_add({.address = peer, .dev = "eth0", .lladdr = mac}));
  CHECK(e.neigh_add({.address = peer6, .dev = "eth0", .lladdr = mac, .state = Nud::reachable}));
  CHECK(texts(e) == std::vector<std::string>{"10.77.0.1 dev eth0 lladdr 02:00:00:00:00:09 PERMANENT",
                                             "fd00:77::1 dev eth0 lladdr 02:00:00:00:00:09 REACHABLE"});
  CHECK(e.neigh_add({.address = peer, .dev = "eth0", .lladdr = mac}).error().code == EEXIST);
  CHECK(e.neigh_replace({.address = peer, .dev = "eth0", .lladdr = MacAddress{{2, 0, 0, 0, 0, 8}}, .state = Nud::stale}));
  CHECK(texts(e)[0] == "10.77.0.1 dev eth0 lladdr 02:00:00:00:00:08 STALE");
  CHECK(e.neigh_del(peer, "eth0"));
  CHECK(e.neigh_del(peer, "eth0").error().code == ENOENT);
  CHECK(e.neigh_show().size() == 1);
  e.stop();
}

TEST_CASE("I1: a frame to a neighbour that was added goes without a question; stale is asked about, reachable ages") {
  auto engine = Engine::create(host_config(2));
  REQUIRE(engine);
  Engine& e = **engine;
  REQUIRE(e.neigh_add({.address = peer, .dev = "eth0", .lladdr = mac, .state = Nud::stale}));
  auto socket = TwoEngines::sockets(e).bind_udp(endpoint("10.77.0.2:0"));
  REQUIRE(socket);
  CHECK((*socket)->send_to(bytes("x"), {peer, 7}) == 1);
  while (e.run_once()) {
  }
  const auto frame = e.take("p0");
  REQUIRE(frame.size() > 14);
  CHECK(std::equal(mac.bytes.begin(), mac.bytes.end(), frame.begin()));
  CHECK(e.take("p0").empty());
  CHECK(e.neigh_show()[0].state == Nud::delay);
  REQUIRE(e.neigh_replace({.address = peer, .dev = "eth0", .lladdr = mac, .state = Nud::reachable}));
  CHECK(e.neigh_show()[0].state == Nud::reachable);
  REQUIRE(e.neigh_replace({.address = peer, .dev = "eth0", .lladdr = mac, .state = Nud::stale}));
  CHECK(e.neigh_show()[0].state == Nud::stale);
  REQUIRE(e.neigh_replace({.address = peer, .dev = "eth0", .lladdr = mac, .state = Nud::reachable}));
  const Instant later = e.now() + std::chrono::seconds(60);
  while (e.step(later)) {
  }
  CHECK(e.neigh_show()[0].state == Nud::stale);
  CHECK(to_string(Nud::incomplete) == "INCOMPLETE");
}

TEST_CASE("I1: what cannot be a neighbour is refused with what would be") {
  auto engine = Engine::create(host_config(2));
  REQUIRE(engine);
  Engine& e = **engine;
  CHECK(e.neigh_add({.address = *IpAddress::parse("224.0.0.1"), .dev = "eth0", .lladdr = mac}).error().code == EINVAL);
  CHECK(e.neigh_add({.address = peer, .dev = "eth0"}).error().code == EINVAL);
  CHECK(e.neigh_add({.address = peer, .dev = "eth0", .lladdr = mac, .state = Nud::failed}).error().code == EINVAL);
  CHECK(e.neigh_add({.address = peer, .dev = "eth1", .lladdr = mac}).error().code == ENODEV);
  CHECK(e.neigh_add({.address = peer, .dev = "lo", .lladdr = mac}).error().code == ENODEV);
  CHECK(e.neigh_del(peer, "eth0", 1).error().code == ENODEV);
  CHECK(e.neigh_show(1).empty());
}
