// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/port_control.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/raw_frame.hpp"
#include "tests/support/two_engines.hpp"
#include "tests/unit/gro/frame.hpp"

#include <millrace/base/rng.hpp>

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

TEST_CASE("E2: ethtool -K gro under traffic: off, ten packets go up; on, one; a stream that sees it switched loses nothing") {
  auto engine = make_engine(1, {});
  PortControl port = control(*engine);
  CHECK(port.gro());
  for (const bool on : {true, false, true}) {
    port.set_gro(on);
    CHECK(port.gro() == on);
    const std::uint64_t before = engine->stats().total("softnet", "processed");
    for (std::uint32_t i = 0; i < 10; ++i)
      engine->inject("net0", test::Frame{.seq = 1000 + 1448 * i, .payload = 1448, .id = static_cast<std::uint16_t>(i)}.bytes());
    for (int i = 0; i < 5; ++i) engine->run_once();
    engine->set_clock(engine->now() + std::chrono::milliseconds(1));
    for (int i = 0; i < 5; ++i) engine->run_once();
    CHECK(engine->stats().total("softnet", "processed") - before == (on ? 1 : 10));
  }

  test::TwoEngines hosts;
  auto switched = hosts.b->port("p0");
  REQUIRE(switched);
  const std::string text = test::pattern(1 << 20);
  std::vector<std::unique_ptr<test::Conversation>> accepted;
  accept_into(*hosts.b, test::endpoint("10.77.0.2:80"), accepted);
  test::Conversation client;
  client.join(**test::TwoEngines::sockets(*hosts.a).connect(test::endpoint("10.77.0.2:80")));
  std::size_t written = 0;
  int rounds = 0;
  REQUIRE(hosts.run_until([&] {
    if (++rounds % 2 == 0) switched->set_gro(!switched->gro());
    const std::int64_t taken = client.connected ? client.stream->write(test::bytes(text).subspan(written)) : 0;
    if (taken > 0) written += static_cast<std::size_t>(taken);
    return !accepted.empty() && accepted[0]->received.size() == text.size();
  }));
  CHECK(accepted[0]->received == text);
  CHECK(rounds > 6);
  CHECK(hosts.b->stats().total("gro", "merged") > 0);
  CHECK(hosts.b->stats().total("gro", "normal") > 0);
  CHECK(hosts.a->stats().total("tcp", "RetransSegs") == 0);
}
