// SPDX-License-Identifier: BSD-3-Clause
// F23 with threads: four running lcores send by one tx queue, which one of them owns. What each sends must come out in
// its order. For ThreadSanitizer.
#include <millrace/engine/engine.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

using namespace millrace;

namespace {

constexpr std::uint16_t lcores = 4;
constexpr std::uint32_t each = 3000;
constexpr std::uint32_t batch = 20;
constexpr Endpoint target{IpAddress::v4(10, 77, 0, 1), 9};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "tx_handoff_threads: %s\n", what.c_str());
  std::exit(1);
}

Config config_of(const char* port, std::uint8_t host, std::uint16_t count) {
  Config config;
  config.seed = host;
  config.eal.pool_packets = 4095;
  config.lcores.resize(count);
  config.ports.push_back({.name = port});
  config.stacks.push_back(
      {.name = "host", .interfaces = {{.port = port, .name = "eth0", .addresses = {{IpAddress::v4(10, 77, 0, host), 24}}}}, .routes = {}});
  return config;
}

std::unique_ptr<Engine> make(const Config& config, const LinkEnd& end) {
  auto engine = Engine::create(config, {{config.ports[0].name, end}});
  if (!engine) fail(engine.error().message);
  return std::move(*engine);
}

std::array<std::atomic<std::uint32_t>, lcores> received{};
std::atomic<bool> reordered{false};

void on_readable(UdpSocket& socket) {
  std::array<std::uint8_t, 64> bytes;
  Endpoint from;
  while (socket.receive_from(bytes, from) > 0) {
    const std::uint32_t number = bytes[0] | bytes[1] << 8;
    std::atomic<std::uint32_t>& next = received[from.port - 3000u];
    if (number != next.load()) reordered = true;
    next = number + 1;
  }
}

void send_all(Engine& engine, std::array<UdpSocket*, lcores>& sockets, std::uint32_t first, std::uint32_t count) {
  for (std::uint16_t lcore = 0; lcore < lcores; ++lcore) {
    const auto send = [&sockets, lcore, first, count](Sockets&) {
      for (std::uint32_t i = first; i < first + count; ++i) {
        const std::array<std::uint8_t, 2> number{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8)};
        sockets[lcore]->send_to(number, target);
      }
    };
    while (!engine.post(lcore, send)) std::this_thread::yield();
  }
}

void wait_for(std::uint32_t count) {
  for (int i = 0; i < 60'000; ++i) {
    bool all = true;
    for (const auto& n : received) all &= n.load() >= count;
    if (all || reordered) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  fail("frames were lost");
}

}  // namespace

int main() {
  const auto [end_a, end_b] = make_link(1);
  auto receiver = make(config_of("rx0", 1, 1), end_a);
  auto sender = make(config_of("tx0", 2, lcores), end_b);
  if (!receiver->bind_udp(target, [](UdpSocket& socket) { socket.on_readable(on_readable); })) fail("no receiver");
  std::array<UdpSocket*, lcores> sockets{};
  const auto bound = sender->on_each_lcore([&](Sockets& lcore) -> Result<void> {
    auto socket = lcore.bind_udp({IpAddress::v4(10, 77, 0, 2), static_cast<std::uint16_t>(3000 + lcore.lcore())});
    if (!socket) return tl::unexpected(socket.error());
    sockets[lcore.lcore()] = *socket;
    return {};
  });
  if (!bound) fail(bound.error().message);
  if (!receiver->start() || !sender->start()) fail("no threads");
  // Queues and rings are bounded: no more at once than they hold.
  for (std::uint32_t sent = 0; sent < each; sent += batch) {
    send_all(*sender, sockets, sent, batch);
    wait_for(sent + batch);
    if (reordered) fail("frames of one lcore were reordered");
  }
  sender->stop();
  receiver->stop();
  if (sender->stats().total("steer", "tx_handoff") < 3 * each) fail("frames went another way than over the rings");
  return 0;
}
