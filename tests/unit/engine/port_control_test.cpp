// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/port_control.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/raw_frame.hpp"

#include <millrace/base/rng.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <vector>

using namespace millrace;
using test::RawFrame;

namespace {

constexpr MacAddress mac{{2, 0, 0, 0, 0, 2}};
constexpr std::uint16_t port_number = 2000;

/// An engine of `lcores` lcores under a manual clock, one free sim port with one queue.
std::unique_ptr<Engine> make_engine(std::size_t lcores, const config::LcoreMask& rps_cpus) {
  Config config;
  config.clock = config::ClockSource::manual;
  config.seed = 7;
  config.eal.pool_packets = 2047;
  config.lcores.resize(lcores);
  config.ports.push_back({.name = "net0", .mac = mac, .rps_cpus = rps_cpus});
  config.stacks.push_back(
      {.name = "host", .interfaces = {{.port = "net0", .name = "eth0", .addresses = {{IpAddress::v4(10, 77, 0, 2), 24}}}}, .routes = {}});
  auto engine = Engine::create(config);
  if (!engine) FAIL(engine.error().message);
  return std::move(*engine);
}

PortControl control(Engine& engine) {
  auto port = engine.port("net0");
  if (!port) FAIL(port.error().message);
  return *port;
}

/// UDP sockets on every lcore that note, for each flow, what number came when, and on which lcore.
struct Sink {
  explicit Sink(Engine& engine) {
    const auto bound = engine.on_each_lcore([this](Sockets& sockets) -> Result<void> {
      Result<UdpSocket*> socket = sockets.bind_udp({IpAddress::v4(10, 77, 0, 2), port_number});
      if (!socket) return tl::unexpected(socket.error());
      (*socket)->on_readable([this, lcore = sockets.lcore()](UdpSocket& readable) {
        std::array<std::uint8_t, 64> bytes;
        Endpoint from;
        while (readable.receive_from(bytes, from) > 0) {
          flows[from.port].push_back(bytes[0]);
          lcores.push_back(lcore);
        }
      });
      return {};
    });
    if (!bound) FAIL(bound.error().message);
  }
  std::map<std::uint16_t, std::vector<std::uint8_t>> flows;
  std::vector<std::uint16_t> lcores;
};

}  // namespace

TEST_CASE("B7: a queue moves between lcores under load: nothing is lost, no flow is reordered, the new lcore polls") {
  constexpr std::uint16_t flows = 16;
  constexpr int rounds = 200;
  for (const char* mask : {"0", "7"}) {
    auto engine = make_engine(3, *config::parse_lcore_mask(mask));
    PortControl port = control(*engine);
    Sink sink(*engine);
    Rng rng(1);
    std::uint16_t now_on = 0;
    for (int round = 0; round < rounds; ++round) {
      for (std::uint16_t flow = 0; flow < flows; ++flow)
        engine->inject("net0", RawFrame{.payload = 8,
                                        .first_byte = static_cast<std::uint8_t>(round),
                                        .source_port = static_cast<std::uint16_t>(1000 + flow),
                                        .destination_port = port_number,
                                        .destination = mac}
                                   .bytes());
      // Lcores run unevenly, so that worker rings are full of what the old owner handed over when the queue moves.
      engine->run_once(now_on);
      if (rng.below(3) == 0) engine->run_once(static_cast<std::uint16_t>(rng.below(3)));
      now_on = static_cast<std::uint16_t>(rng.below(3));
      REQUIRE(port.set_smp_affinity(0, config::LcoreMask().set(now_on)));
      CHECK(port.smp_affinity(0) == config::LcoreMask().set(now_on));
      const std::uint64_t before = engine->stats().find("port", "rx_packets")->by_lcore[now_on];
      engine->inject("net0", RawFrame{.payload = 8, .source_port = 999, .destination_port = port_number, .destination = mac}.bytes());
      engine->run_once(now_on);
      CHECK(engine->stats().find("port", "rx_packets")->by_lcore[now_on] > before);  // the next poll is the new lcore's
    }
    for (int i = 0; i < 10; ++i) engine->run_once();
    CHECK(sink.flows[999].size() == rounds);
    for (std::uint16_t flow = 0; flow < flows; ++flow) {
      const auto& seen = sink.flows[static_cast<std::uint16_t>(1000 + flow)];
      REQUIRE(seen.size() == rounds);
      for (int round = 0; round < rounds; ++round) REQUIRE(seen[static_cast<std::size_t>(round)] == static_cast<std::uint8_t>(round));
    }
    CHECK(engine->stats().total("softnet", "poll_wrong_lcore") == 0);
  }
}

TEST_CASE("B7, D18: whatever lcores a queue has been on, freed buffers find their pools again") {
  auto engine = make_engine(3, *config::parse_lcore_mask("7"));
  PortControl port = control(*engine);
  Sink sink(*engine);
  for (std::uint16_t i = 0; i < 300; ++i) {
    engine->inject("net0", RawFrame{.source_port = static_cast<std::uint16_t>(1000 + i), .destination_port = port_number, .destination = mac}.bytes());
    if (i % 10 == 0) REQUIRE(port.set_smp_affinity(0, config::LcoreMask().set(i / 10 % 3u)));
    if (i % 2 == 0) engine->run_once();
  }
  for (int i = 0; i < 20; ++i) engine->run_once();
  const Stats stats = engine->stats();
  CHECK(sink.lcores.size() == 300);
  CHECK(stats.total("steer", "enqueued") > 100);
  // Only what RPS put on another lcore was freed away from home, and all of it came back.
  CHECK(stats.total("pool", "home_returned") == stats.total("steer", "enqueued"));
  CHECK(stats.total("pool", "home_collected") == stats.total("pool", "home_returned"));
  CHECK(stats.total("pool", "home_ring_full") == 0);
  CHECK(engine->packets_in_use() == 0);
}

TEST_CASE("B7: a mask chooses its lowest lcore; queues and lcores that are not there are refused") {
  auto engine = make_engine(2, {});
  PortControl port = control(*engine);
  REQUIRE(port.set_smp_affinity(0, config::LcoreMask(2)));
  CHECK(port.smp_affinity(0) == config::LcoreMask(2));
  CHECK(port.set_smp_affinity(0, config::LcoreMask(4)).error().message.find("there are 2") != std::string::npos);
  CHECK_FALSE(port.set_smp_affinity(0, config::LcoreMask()));
  CHECK_FALSE(port.set_smp_affinity(1, config::LcoreMask(1)));
  CHECK_FALSE(engine->port("net9"));
}

TEST_CASE("D16: a queue's poller has an lcore of its own, which delivers nothing itself") {
  auto engine = make_engine(2, *config::parse_lcore_mask("1"));  // rps_cpus: lcore 0 has the sockets' work
  PortControl port = control(*engine);
  REQUIRE(port.set_smp_affinity(0, config::LcoreMask(2)));
  Sink sink(*engine);
  for (std::uint16_t i = 0; i < 100; ++i)
    engine->inject("net0", RawFrame{.source_port = static_cast<std::uint16_t>(1000 + i), .destination_port = port_number, .destination = mac}.bytes());
  for (int i = 0; i < 20; ++i) engine->run_once();
  CHECK(engine->stats().find("port", "rx_packets")->by_lcore == std::vector<std::uint64_t>{0, 100});
  CHECK(sink.lcores == std::vector<std::uint16_t>(100, 0));
}

TEST_CASE("B5: ethtool -C is refused where interrupts are not what drives the port") {
  auto engine = make_engine(1, {});
  PortControl port = control(*engine);
  const Result<void> set = port.set_coalesce({.rx_usecs = 50});
  REQUIRE_FALSE(set);
  CHECK(set.error().message.find("rx_mode interrupt") != std::string::npos);
  CHECK(port.coalesce(0) == config::Coalesce{});
  CHECK(engine->proc_interrupts() == "           CPU0       \n");
  CHECK(engine->proc_softirqs().find("NET_RX") != std::string::npos);
}

namespace {

constexpr std::uint16_t senders = 4;
constexpr IpAddress here = IpAddress::v4(10, 77, 0, 2);
constexpr IpAddress there = IpAddress::v4(10, 77, 0, 1);

/// Four lcores, each with one UDP socket, that send from one port to the test.
struct Senders {
  explicit Senders(std::uint16_t tx_queues, std::vector<config::LcoreMask> xps_cpus = {}) {
    Config config;
    config.clock = config::ClockSource::manual;
    config.seed = 7;
    config.eal.pool_packets = 2047;
    config.lcores.resize(senders);
    config.ports.push_back({.name = "net0", .mac = mac, .tx_queues = tx_queues, .xps_cpus = std::move(xps_cpus)});
    config.stacks.push_back({.name = "host", .interfaces = {{.port = "net0", .name = "eth0", .addresses = {{here, 24}}}}, .routes = {}});
    auto made = Engine::create(config);
    if (!made) FAIL(made.error().message);
    engine = std::move(*made);
    const auto bound = engine->on_each_lcore([this](Sockets& lcore) -> Result<void> {
      Result<UdpSocket*> socket = lcore.bind_udp({here, static_cast<std::uint16_t>(3000 + lcore.lcore())});
      if (!socket) return tl::unexpected(socket.error());
      sockets.push_back(*socket);
      return {};
    });
    if (!bound) FAIL(bound.error().message);
    learn_neighbour();
  }

  /// Every lcore asks for the test's address, and hears the answer.
  void learn_neighbour() {
    for (UdpSocket* socket : sockets) socket->send_to(std::array<std::uint8_t, 1>{}, {there, 9});
    settle();
    bool answered = false;
    for (auto frame = engine->take("net0"); !frame.empty(); frame = engine->take("net0")) {
      if (frame[12] != 8 || frame[13] != 6 || answered) continue;
      answered = true;
      std::vector<std::uint8_t> reply(frame.begin(), frame.begin() + 42);
      std::copy_n(mac.bytes.begin(), 6, reply.begin());
      std::copy_n(peer_mac.bytes.begin(), 6, reply.begin() + 6);
      reply[21] = 2;
      std::copy_n(frame.begin() + 22, 10, reply.begin() + 32);
      std::copy_n(peer_mac.bytes.begin(), 6, reply.begin() + 22);
      std::copy_n(frame.begin() + 38, 4, reply.begin() + 28);
      engine->inject("net0", reply);
    }
    REQUIRE(answered);
    settle();
    taken();
  }
  void settle() {
    for (int pass = 0; pass < 20; ++pass) engine->run_once();
  }
  /// The numbers that came out of each sender, in their order.
  std::map<std::uint16_t, std::vector<std::uint16_t>> taken() {
    std::map<std::uint16_t, std::vector<std::uint16_t>> flows;
    for (auto frame = engine->take("net0"); !frame.empty(); frame = engine->take("net0"))
      if (frame.size() >= 44 && frame[23] == 17) flows[static_cast<std::uint16_t>(frame[34] << 8 | frame[35])].push_back(static_cast<std::uint16_t>(frame[42] << 8 | frame[43]));
    return flows;
  }
  void send(std::uint16_t lcore, std::uint16_t number) {
    const std::array<std::uint8_t, 2> payload{static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
    REQUIRE(sockets[lcore]->send_to(payload, {there, 9}) == 2);
  }
  std::vector<std::uint64_t> sent() const { return engine->stats().find("port", "tx_packets")->by_lcore; }

  static constexpr MacAddress peer_mac{{2, 0, 0, 0, 0, 1}};
  std::unique_ptr<Engine> engine;
  std::vector<UdpSocket*> sockets;
};

}  // namespace

TEST_CASE("F23: 4 lcores on a port with 1 tx queue: what each sends comes out in its order, all by the owner") {
  Senders world(1);
  const auto before = world.sent();
  Rng rng(3);
  std::array<std::uint16_t, senders> next{};
  std::map<std::uint16_t, std::vector<std::uint16_t>> flows;
  for (int round = 0; round < 2000; ++round) {
    const auto lcore = static_cast<std::uint16_t>(rng.below(senders));
    world.send(lcore, next[lcore]++);
    if (rng.below(4) == 0) world.engine->run_once(static_cast<std::uint16_t>(rng.below(senders)));
    if (round % 200 != 199) continue;
    world.settle();
    for (const auto& [flow, numbers] : world.taken()) flows[flow].insert(flows[flow].end(), numbers.begin(), numbers.end());
  }
  REQUIRE(flows.size() == senders);
  for (std::uint16_t lcore = 0; lcore < senders; ++lcore) {
    const auto& numbers = flows.at(static_cast<std::uint16_t>(3000 + lcore));
    REQUIRE(numbers.size() == next[lcore]);
    for (std::size_t i = 0; i < numbers.size(); ++i) REQUIRE(numbers[i] == i);
  }
  const auto after = world.sent();
  CHECK(after[0] - before[0] == 2000);
  for (std::size_t lcore = 1; lcore < senders; ++lcore) CHECK(after[lcore] == before[lcore]);
  const auto handed = world.engine->stats().find("steer", "tx_handoff")->by_lcore;
  CHECK(handed[0] == 0);
  CHECK(handed[1] + handed[2] + handed[3] >= 2000u - next[0]);
}

TEST_CASE("F10: one tx queue a lcore: each sends by its own, nothing is handed over; xps_cpus gives them to others") {
  {
    Senders world(senders);
    const auto before = world.sent();
    for (std::uint16_t lcore = 0; lcore < senders; ++lcore)
      for (std::uint16_t i = 0; i < 10u * (lcore + 1u); ++i) world.send(lcore, i);
    world.settle();
    for (std::uint16_t lcore = 0; lcore < senders; ++lcore) {
      CHECK(world.sent()[lcore] - before[lcore] == 10u * (lcore + 1u));
      CHECK(PortControl(control(*world.engine)).xps_cpus(lcore) == config::LcoreMask().set(lcore));
    }
    CHECK(world.engine->stats().total("steer", "tx_handoff") == 0);
  }
  Senders world(2, {config::LcoreMask(0b0100), config::LcoreMask(0b1011)});
  PortControl port = control(*world.engine);
  CHECK(port.xps_cpus(0) == config::LcoreMask(0b0100));
  CHECK(port.xps_cpus(1) == config::LcoreMask(0b1011));
  const auto before = world.sent();
  for (std::uint16_t lcore = 0; lcore < senders; ++lcore)
    for (std::uint16_t i = 0; i < 10; ++i) world.send(lcore, i);
  world.settle();
  CHECK(world.sent()[2] - before[2] == 10);
  CHECK(world.sent()[0] - before[0] == 30);
}
