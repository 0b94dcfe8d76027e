// SPDX-License-Identifier: BSD-3-Clause
// Ports that begin anew, on a device that invents its packets; what hangs or is pulled out is shown on device models
// (tests/devmodel).
#include <millrace/engine/port_control.hpp>

#include "tests/support/catch.hpp"

#include <cerrno>
#include <map>
#include <string>

using namespace millrace;

namespace {

std::unique_ptr<Engine> make_engine() {
  Config config;
  config.clock = config::ClockSource::manual;
  config.eal.pool_packets = 4095;
  config.lcores.resize(1);
  config.ports.push_back({.name = "null0", .driver = config::PortDriver::vdev, .device = "net_null_w,size=64", .rx_mode = config::RxMode::poll});
  config.ports.push_back({.name = "sim0"});
  auto engine = Engine::create(config);
  if (!engine) FAIL(engine.error().message);
  return std::move(*engine);
}

std::map<std::string, std::uint64_t> ethtool(Engine& engine, const char* port) {
  const auto all = engine.port(port)->ethtool_statistics();
  return {all.begin(), all.end()};
}

}  // namespace

TEST_CASE("A14, ethtool --reset: the device begins anew, its queues are polled on, and what was counted stays") {
  const auto engine = make_engine();
  static_cast<void>(engine->run_once());
  const std::uint64_t before = ethtool(*engine, "null0")["rx_packets"];
  CHECK(before != 0);
  CHECK_FALSE(ethtool(*engine, "null0").contains("resets"));
  for (std::uint64_t n = 1; n < 4; ++n) {
    REQUIRE(engine->port("null0")->reset());
    CHECK(engine->port("null0")->is_up());
    auto counters = ethtool(*engine, "null0");
    CHECK(counters["resets"] == n);
    CHECK(counters["reset_asked"] == n);
    CHECK(counters["rx_packets"] >= before);
    static_cast<void>(engine->run_once());
    CHECK(ethtool(*engine, "null0")["rx_packets"] > counters["rx_packets"]);
  }
}

TEST_CASE("ethtool --reset: a port that is down stays so, one without a device is refused") {
  const auto engine = make_engine();
  engine->port("null0")->set_up(false);
  REQUIRE(engine->port("null0")->reset());
  CHECK_FALSE(engine->port("null0")->is_up());
  engine->port("null0")->set_up(true);
  static_cast<void>(engine->run_once());
  CHECK(ethtool(*engine, "null0")["rx_packets"] != 0);
  const auto refused = engine->port("sim0")->reset();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == EOPNOTSUPP);
  CHECK(refused.error().message == "port 'sim0': it has no device to reset");
}
