// SPDX-License-Identifier: BSD-3-Clause
// A port begins anew under traffic, while one thread reads its counters and another takes it down and up: A14.
#include <millrace/engine/port_control.hpp>

#include "tests/support/catch.hpp"

#include <atomic>
#include <string>
#include <thread>

using namespace millrace;

TEST_CASE("A14: resets of a port that two lcores poll, beside who reads its statistics and who takes it down") {
  Config config;
  config.eal.pool_packets = 4095;
  config.lcores.resize(2);
  config.ports.push_back({.name = "null0", .driver = config::PortDriver::vdev, .device = "net_null_t,size=64", .rx_queues = 2, .tx_queues = 2, .rx_mode = config::RxMode::poll});
  auto engine = Engine::create(config);
  if (!engine) FAIL(engine.error().message);
  REQUIRE((*engine)->start());
  std::atomic<bool> stop{false};
  const auto until_stopped = [&](auto&& f) {
    return std::thread([&stop, f] {
      while (!stop.load()) f();
    });
  };
  auto port = *(*engine)->port("null0");
  std::thread reader = until_stopped([&] {
    static_cast<void>(port.ethtool_statistics());
    static_cast<void>(port.is_up());
  });
  std::thread other = until_stopped([&] {
    port.set_up(false);
    port.set_gro(!port.gro());
    port.set_up(true);
  });
  int done = 0;
  for (int i = 0; i < 20; ++i) done += port.reset() ? 1 : 0;
  stop = true;
  reader.join();
  other.join();
  CHECK(done == 20);
  std::uint64_t resets = 0;
  for (const auto& [name, value] : port.ethtool_statistics())
    if (name == "resets") resets = value;
  CHECK(resets == 20);
  (*engine)->stop();
}
