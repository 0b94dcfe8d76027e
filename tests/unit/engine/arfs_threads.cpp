// SPDX-License-Identifier: BSD-3-Clause
// F9 and X18 with threads: three lcores run while the readers of 8 flows move between them 2,000 times; flow rules come,
// change and go, now and then a queue moves or ntuple is switched. No frame may be lost, no flow reordered. For
// ThreadSanitizer.
#include <millrace/engine/engine.hpp>
#include <millrace/engine/port_control.hpp>

#include "tests/support/raw_frame.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

using namespace millrace;

namespace {

constexpr std::uint16_t lcores = 3;
constexpr std::uint16_t flows = 8;
constexpr int moves = 2000;
constexpr std::uint16_t first_port = 2000;
constexpr MacAddress mac{{2, 0, 0, 0, 0, 2}};
constexpr IpAddress here = IpAddress::v4(10, 77, 0, 2);
constexpr IpAddress there = IpAddress::v4(10, 77, 0, 1);

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "arfs_threads: %s\n", what.c_str());
  std::_Exit(1);
}

std::mutex mutex;
std::array<std::vector<std::uint8_t>, flows> seen;
std::atomic<int> total{0};
std::array<std::array<UdpSocket*, flows>, lcores> sockets;

void take_all(std::uint16_t flow, UdpSocket& socket) {
  std::array<std::uint8_t, 64> bytes;
  Endpoint from;
  while (socket.receive_from(bytes, from) > 0) {
    const std::lock_guard lock(mutex);
    seen[flow].push_back(bytes[0]);
    total.fetch_add(1);
  }
}

std::unique_ptr<Engine> make_engine() {
  Config config;
  config.seed = 7;
  config.eal.pool_packets = 2047;
  config.lcores.resize(lcores);
  config.ports.push_back({.name = "net0", .mac = mac, .rx_queues = lcores, .tx_queues = lcores, .rps_flow_cnt = 16, .ntuple = true});
  config.stacks.push_back({.name = "host", .interfaces = {{.port = "net0", .name = "eth0", .addresses = {{here, 24}}}}, .routes = {}});
  config.sysctl.rps_sock_flow_entries = 1024;
  auto engine = Engine::create(config);
  if (!engine) fail(engine.error().message);
  return std::move(*engine);
}

void make_sockets(Engine& engine) {
  const auto made = engine.on_each_lcore([](Sockets& on) -> Result<void> {
    for (std::uint16_t flow = 0; flow < flows; ++flow) {
      auto socket = on.bind_udp({here, static_cast<std::uint16_t>(first_port + flow)});
      if (!socket) return tl::unexpected(socket.error());
      if ((*socket)->connect({there, 1000}) != 0) return failure(EINVAL, "connect");
      (*socket)->on_readable([flow](UdpSocket& readable) { take_all(flow, readable); });
      sockets[on.lcore()][flow] = *socket;
    }
    return {};
  });
  if (!made) fail(made.error().message);
}

void wait_for(const Engine& engine, int packets) {
  for (int i = 0; i < 60'000 && total.load() < packets; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (total.load() != packets) fail(std::to_string(packets - total.load()) + " of " + std::to_string(packets) + " packets lost\n" + engine.stats().to_text());
}

}  // namespace

int main() {
  auto engine = make_engine();
  make_sockets(*engine);
  if (const auto started = engine->start(); !started) fail(started.error().message);
  PortControl port = *engine->port("net0");
  std::array<std::uint8_t, flows> numbers{};
  int sent = 0;
  for (int move = 0; move < moves; ++move) {
    const auto moved = static_cast<std::uint16_t>(move * 5 % flows);
    const auto to = static_cast<std::uint16_t>(move / 3 % lcores);
    if (!engine->post(to, [moved, to](Sockets&) { take_all(moved, *sockets[to][moved]); })) fail("an inbox is full");
    for (int i = 0; i < 3; ++i)
      for (std::uint16_t flow = 0; flow < flows; ++flow, ++sent)
        engine->inject("net0", test::RawFrame{.payload = 8,
                                              .first_byte = numbers[flow]++,
                                              .source_port = 1000,
                                              .destination_port = static_cast<std::uint16_t>(first_port + flow),
                                              .destination = mac}
                                   .bytes());
    const auto queue = static_cast<std::uint16_t>(move % lcores);
    if (move % 100 == 50 && !port.set_smp_affinity(queue, config::LcoreMask().set(static_cast<std::size_t>(move / 100 % lcores)))) fail("a move was refused");
    if (move % 100 == 60 && !port.set_smp_affinity(static_cast<std::uint16_t>((move - 10) % lcores), config::LcoreMask().set(static_cast<std::size_t>((move - 10) % lcores)))) fail("a move was refused");
    if (move % 400 == 399 && !(port.set_ntuple(false) && port.set_ntuple(true))) fail("ntuple was refused");
    if (move % 10 == 9) wait_for(*engine, sent);  // sockets and rings are bounded
  }
  wait_for(*engine, sent);
  engine->stop();
  for (std::uint16_t flow = 0; flow < flows; ++flow)
    for (std::size_t i = 0; i < seen[flow].size(); ++i)
      if (seen[flow][i] != static_cast<std::uint8_t>(i)) fail("flow " + std::to_string(flow) + " overtook itself at packet " + std::to_string(i));
  const Stats stats = engine->stats();
  if (stats.total("steer", "arfs_added") < 100) fail("there were " + std::to_string(stats.total("steer", "arfs_added")) + " rules only");
  if (stats.total("softnet", "poll_wrong_lcore") != 0) fail("a queue was polled by the wrong lcore");
  std::printf("arfs_threads: %d frames, %llu rules, %llu packets parked: none overtook its flow\n", sent,
              static_cast<unsigned long long>(stats.total("steer", "arfs_added")), static_cast<unsigned long long>(stats.total("steer", "arfs_waits")));
  return 0;
}
