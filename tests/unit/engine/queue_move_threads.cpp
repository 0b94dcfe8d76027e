// SPDX-License-Identifier: BSD-3-Clause
// B7, F4, F12 and O6 with threads: a queue moves 300 times between three running lcores while frames come in, rps_cpus changes
// with it, and the worker rings grow; the RFS table and RSS are replaced (O6). No frame may be lost, no flow reordered. For ThreadSanitizer.
#include <millrace/engine/engine.hpp>
#include <millrace/engine/port_control.hpp>

#include "tests/support/raw_frame.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

using namespace millrace;

namespace {

constexpr std::uint16_t lcores = 3;
constexpr std::uint16_t flows = 8;
constexpr int moves = 300;
constexpr int per_move = 5;
constexpr MacAddress mac{{2, 0, 0, 0, 0, 2}};
constexpr std::uint16_t port_number = 2000;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "queue_move_threads: %s\n", what.c_str());
  std::exit(1);
}

std::mutex mutex;
std::map<std::uint16_t, std::vector<std::uint32_t>> seen;
std::atomic<int> total{0};

void on_readable(UdpSocket& socket) {
  std::array<std::uint8_t, 64> bytes;
  Endpoint from;
  while (socket.receive_from(bytes, from) > 0) {
    const std::lock_guard lock(mutex);
    seen[from.port].push_back(bytes[0]);
    total.fetch_add(1);
  }
}

std::unique_ptr<Engine> make_engine() {
  Config config;
  config.seed = 7;
  config.eal.pool_packets = 2047;
  config.lcores.resize(lcores);
  config.ports.push_back({.name = "net0", .mac = mac, .rps_cpus = config::LcoreMask(7), .rps_flow_cnt = 64});
  config.stacks.push_back(
      {.name = "host", .interfaces = {{.port = "net0", .name = "eth0", .addresses = {{IpAddress::v4(10, 77, 0, 2), 24}}}}, .routes = {}});
  auto engine = Engine::create(config);
  if (!engine) fail(engine.error().message);
  return std::move(*engine);
}

void wait_for(int packets) {
  for (int i = 0; i < 60'000 && total.load() < packets; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (total.load() != packets) fail(std::to_string(packets - total.load()) + " of " + std::to_string(packets) + " packets lost");
}

}  // namespace

int main() {
  auto engine = make_engine();
  if (const auto bound = engine->bind_udp({IpAddress::v4(10, 77, 0, 2), port_number},
                                          [](UdpSocket& socket) { socket.on_readable(on_readable); });
      !bound)
    fail(bound.error().message);
  if (const auto started = engine->start(); !started) fail(started.error().message);
  PortControl port = *engine->port("net0");
  int sent = 0;
  for (int move = 0; move < moves; ++move) {
    for (int i = 0; i < per_move; ++i)
      for (std::uint16_t flow = 0; flow < flows; ++flow, ++sent)
        engine->inject("net0", test::RawFrame{.payload = 8,
                                              .first_byte = static_cast<std::uint8_t>(move * per_move + i),
                                              .source_port = static_cast<std::uint16_t>(1000 + flow),
                                              .destination_port = port_number,
                                              .destination = mac}
                                   .bytes());
    if (!port.set_smp_affinity(0, config::LcoreMask().set(static_cast<std::size_t>(move % lcores)))) fail("a move was refused");
    if (move % 3 == 1 && !port.set_rps_cpus(0, config::LcoreMask(1u << (move % 3) | 4u))) fail("a mask was refused");
    if (move % 7 == 3 && !engine->set_sysctl("net.core.rps_sock_flow_entries", std::to_string(move % 3 * 1024))) fail("a table was refused");
    if (move % 20 == 11 && !port.set_rss({.key = wire::symmetric_rss_key(40)})) fail("a key was refused");
    if (move % 50 == 25 && !engine->set_sysctl("net.core.netdev_max_backlog", std::to_string(1000 + 20 * move))) fail("a backlog was refused");
    if (move % 10 == 9) wait_for(sent);  // sockets and rings are bounded
  }
  wait_for(sent);
  engine->stop();
  for (std::uint16_t flow = 0; flow < flows; ++flow) {
    const auto& numbers = seen[static_cast<std::uint16_t>(1000 + flow)];
    for (std::size_t i = 0; i < numbers.size(); ++i)
      if (numbers[i] != static_cast<std::uint8_t>(i)) fail("flow " + std::to_string(flow) + " was reordered");
  }
  if (engine->stats().total("softnet", "poll_wrong_lcore") != 0) fail("a queue was polled by the wrong lcore");
  return 0;
}
