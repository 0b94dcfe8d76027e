// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/engine/engine.hpp>
#include <millrace/engine/port_control.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/raw_frame.hpp"

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace millrace::test {

/// An engine under a manual clock, its lcores stepped by the test, with free sim ports "net0" (10.77.0.2), "net1"...
struct SteeringWorld {
  static constexpr std::uint16_t port_number = 2000;
  struct Arrived {
    std::uint16_t lcore;
    std::uint8_t number;
  };

  explicit SteeringWorld(std::size_t lcores, const std::function<void(Config&)>& adjust = {}, std::size_t ports = 1) {
    Config config;
    config.clock = config::ClockSource::manual;
    config.seed = 7;
    config.eal.pool_packets = 4095;
    config.lcores.resize(lcores);
    config::Stack stack{.name = "host"};
    for (std::size_t i = 0; i < ports; ++i) {
      const std::string name = "net" + std::to_string(i);
      config.ports.push_back({.name = name, .mac = mac_of(i)});
      const auto host = static_cast<std::uint8_t>(i);
      stack.interfaces.push_back({.port = name, .name = "eth" + std::to_string(i), .addresses = {{IpAddress::v4(10, static_cast<std::uint8_t>(77 + host), 0, 2), 24}}});
    }
    config.stacks.push_back(stack);
    if (adjust) adjust(config);
    auto made = Engine::create(config);
    if (!made) FAIL(made.error().message);
    engine = std::move(*made);
  }
  static MacAddress mac_of(std::size_t port) { return {{2, 0, 0, 0, 0, static_cast<std::uint8_t>(2 + port)}}; }

  /// A datagram of the flow of that source port, numbered.
  void inject(std::uint16_t source_port, std::uint8_t number = 0, std::uint16_t destination_port = port_number) {
    engine->inject("net0", RawFrame{.payload = 8,
                                    .first_byte = number,
                                    .source_port = source_port,
                                    .destination_port = destination_port,
                                    .destination = mac_of(0)}
                               .bytes());
  }
  [[nodiscard]] PortControl port(std::string_view name = "net0") {
    auto found = engine->port(name);
    if (!found) FAIL(found.error().message);
    return *found;
  }
  /// Has a socket on every lcore for 10.77.0.2:2000, which notes what arrives.
  void listen() {
    const auto bound = engine->on_each_lcore([this](Sockets& sockets) -> Result<void> {
      Result<UdpSocket*> socket = sockets.bind_udp({IpAddress::v4(0, 0, 0, 0), port_number});
      if (!socket) return tl::unexpected(socket.error());
      (*socket)->on_readable([this, lcore = sockets.lcore()](UdpSocket& readable) {
        std::array<std::uint8_t, 64> bytes;
        Endpoint from;
        while (readable.receive_from(bytes, from) > 0) arrived[from.port].push_back({lcore, bytes[0]});
      });
      return {};
    });
    if (!bound) FAIL(bound.error().message);
  }
  void run(int passes = 10) {
    for (int i = 0; i < passes; ++i) engine->run_once();
  }
  [[nodiscard]] std::uint64_t count(std::string_view group, std::string_view name) const { return engine->stats().total(group, name); }
  [[nodiscard]] std::uint64_t count(std::string_view group, std::string_view name, std::size_t lcore) const {
    return engine->stats().find(group, name)->by_lcore.at(lcore);
  }

  std::unique_ptr<Engine> engine;
  std::map<std::uint16_t, std::vector<Arrived>> arrived;  ///< by source port
};

}  // namespace millrace::test
