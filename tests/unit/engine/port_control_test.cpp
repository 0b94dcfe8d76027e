// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/port_control.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/raw_frame.hpp"
#include "tests/support/two_engines.hpp"
#include "tests/unit/engine/steering_world.hpp"
#include "tests/unit/gro/frame.hpp"

#include <millrace/base/rng.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <vector>

using namespace millrace;
using test::RawFrame;
using test::SteeringWorld;

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

TEST_CASE("an in-memory port lets every frame in, and says so when it is asked to choose") {
  auto engine = make_engine(1, {});
  PortControl port = control(*engine);
  const std::array groups{MacAddress{{1, 0, 0x5e, 0, 0, 0xfb}}};
  for (const Result<void>& set : {port.set_promiscuous(true), port.set_allmulticast(false), port.set_multicast(groups)}) {
    REQUIRE_FALSE(set);
    CHECK(set.error().code == EOPNOTSUPP);
    CHECK(set.error().message.find("'net0' filters nothing") != std::string::npos);
  }
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
  const std::string text = test::pattern(1 << 22);
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
  INFO(hosts.a->stats().to_text() << hosts.b->stats().to_text());
  CHECK(hosts.a->stats().total("tcp", "RetransSegs") == 0);
}

TEST_CASE("F4: mask f spreads flows over 4 workers, each flow on one, in order; set and read back while it runs") {
  SteeringWorld w(4);
  w.listen();
  constexpr std::uint16_t flows = 64;
  std::uint8_t number = 0;
  const auto send = [&](int rounds) {
    for (; rounds > 0; --rounds, ++number) {
      for (std::uint16_t flow = 0; flow < flows; ++flow) w.inject(static_cast<std::uint16_t>(1000 + flow), number);
      w.engine->run_once(0);
    }
  };
  send(5);
  w.run();
  for (const auto& [flow, seen] : w.arrived)
    for (const auto& datagram : seen) REQUIRE(datagram.lcore == 0);  // off: all stay

  CHECK(w.port().rps_cpus(0).none());
  REQUIRE(w.port().set_rps_cpus(0, config::LcoreMask(0xf)));
  CHECK(w.port().rps_cpus(0) == config::LcoreMask(0xf));
  send(20);
  w.run();
  std::array<int, 4> on{};
  for (std::uint16_t flow = 0; flow < flows; ++flow) {
    const auto& seen = w.arrived[static_cast<std::uint16_t>(1000 + flow)];
    REQUIRE(seen.size() == 25);
    ++on[seen[5].lcore];
    for (std::size_t i = 0; i < seen.size(); ++i) {
      REQUIRE(seen[i].number == i);
      if (i >= 5) REQUIRE(seen[i].lcore == seen[5].lcore);
    }
  }
  CAPTURE(on[0], on[1], on[2], on[3]);
  for (const int count : on) CHECK(count >= 8);

  CHECK(w.port().set_rps_cpus(0, config::LcoreMask(0x10)).error().message.find("names absent lcores; there are 4") != std::string::npos);
  CHECK(w.port().set_rps_cpus(1, config::LcoreMask(1)).error().message == "rx queue 1: the port has 1");
  CHECK(w.port().rps_cpus(0) == config::LcoreMask(0xf));
}

TEST_CASE("F4, X18: the mask changes while packets wait on worker rings: no flow is reordered") {
  SteeringWorld w(4);
  w.listen();
  Rng rng(3);
  constexpr int rounds = 250;
  for (int round = 0; round < rounds; ++round) {
    for (std::uint16_t flow = 0; flow < 16; ++flow) w.inject(static_cast<std::uint16_t>(1000 + flow), static_cast<std::uint8_t>(round));
    w.engine->run_once(0);
    if (rng.below(3) == 0) w.engine->run_once(static_cast<std::uint16_t>(1 + rng.below(3)));
    REQUIRE(w.port().set_rps_cpus(0, config::LcoreMask(rng.below(16))));
  }
  w.run();
  for (const auto& [flow, seen] : w.arrived) {
    REQUIRE(seen.size() == rounds);
    for (std::size_t i = 0; i < seen.size(); ++i) REQUIRE(seen[i].number == i);
  }
}

TEST_CASE("F13: 64 packets for one worker in a pass are one wake-up of it: received_rps goes up by 1") {
  SteeringWorld w(2, [](Config& c) {
    c.ports[0].rps_cpus = config::LcoreMask(2);
    c.ports[0].rx_queues = 2;
    c.ports[0].rx_lcores = {0, 0};
  });
  for (std::uint16_t flow = 0; flow < 64; ++flow) w.inject(static_cast<std::uint16_t>(1000 + flow));
  w.engine->run_once(0);
  CHECK(w.count("steer", "enqueued") == 64);
  w.run();
  CHECK(w.count("softnet", "received_rps", 1) == 1);
  CHECK(w.count("softnet", "received_rps", 0) == 0);
  CHECK(w.count("steer", "backlog_head", 1) == 64);
  w.inject(1000);
  w.run();
  CHECK(w.count("softnet", "received_rps", 1) == 2);
}

TEST_CASE("F20: RPS raises the NET_RX runs of the workers") {
  SteeringWorld w(4);
  const auto send = [&] {
    for (int round = 0; round < 100; ++round) {
      for (std::uint16_t flow = 0; flow < 32; ++flow) w.inject(static_cast<std::uint16_t>(1000 + flow));
      w.run(1);
    }
  };
  send();
  std::array<std::uint64_t, 4> before{};
  for (std::size_t lcore = 0; lcore < 4; ++lcore) before[lcore] = w.count("softirq", "NET_RX", lcore);
  CHECK(before[0] >= 100);
  for (std::size_t lcore = 1; lcore < 4; ++lcore) CHECK(before[lcore] <= 1);
  REQUIRE(w.port().set_rps_cpus(0, config::LcoreMask(0xf)));
  send();
  for (std::size_t lcore = 1; lcore < 4; ++lcore) CHECK(w.count("softirq", "NET_RX", lcore) - before[lcore] >= 100);
}

TEST_CASE("F17: a port that goes down takes its packets off the worker rings, counted; other ports' stay in order") {
  SteeringWorld w(2, [](Config& c) {
    for (auto& port : c.ports) port.rps_cpus = config::LcoreMask(2);
  }, 2);
  w.listen();
  const auto send = [&](const std::string& port, std::uint8_t host, std::uint16_t flow, std::uint8_t number) {
    w.engine->inject(port, RawFrame{.payload = 8,
                                    .first_byte = number,
                                    .source_port = flow,
                                    .destination_port = SteeringWorld::port_number,
                                    .destination = SteeringWorld::mac_of(host)}
                               .bytes());
  };
  for (std::uint8_t i = 0; i < 100; ++i) {
    send("net0", 0, 1000, i);
    send("net1", 1, 1500, i);
    w.engine->run_once(0);
  }
  CHECK(w.count("steer", "enqueued") == 200);
  PortControl port = w.port();
  CHECK(port.is_up());
  port.set_up(false);
  port.set_up(false);
  CHECK_FALSE(port.is_up());
  CHECK(w.count("drop", "port_down") == 100);
  CHECK(w.count("steer", "backlog_head", 1) == 200);  // so that the order rule knows that they are gone
  w.inject(1000, 100);
  w.run();
  CHECK(w.arrived[1000].empty());
  REQUIRE(w.arrived[1500].size() == 100);
  for (std::uint8_t i = 0; i < 100; ++i) CHECK(w.arrived[1500][i].number == i);
  REQUIRE(port.set_smp_affinity(0, config::LcoreMask(2)));  // while it is down
  port.set_up(true);
  w.run();
  REQUIRE(w.arrived[1000].size() == 1);  // what the device held meanwhile
  CHECK(w.arrived[1000][0].number == 100);
  CHECK(w.count("port", "rx_packets", 1) == 1);
  CHECK(w.engine->next_deadline() == never);
}

TEST_CASE("F7, L6: the reader moves to lcore 3: the packets follow within one drain, and so does SO_INCOMING_CPU") {
  SteeringWorld w(4, [](Config& c) {
    c.ports[0].rps_cpus = config::LcoreMask(0xf);
    c.ports[0].rps_flow_cnt = 2048;
    c.sysctl.rps_sock_flow_entries = 32768;
  });
  // A socket for the flow on lcores 1 and 3; the application reads now on the one, now on the other.
  std::array<UdpSocket*, 4> sockets{};
  const auto bound = w.engine->on_each_lcore([&](Sockets& here) -> Result<void> {
    if (here.lcore() != 1 && here.lcore() != 3) return {};
    sockets[here.lcore()] = *here.bind_udp({IpAddress::v4(10, 77, 0, 2), 2000});
    CHECK(sockets[here.lcore()]->connect({IpAddress::v4(10, 77, 0, 1), 1000}) == 0);
    return {};
  });
  REQUIRE(bound);
  std::vector<std::uint8_t> numbers;
  const auto read_on = [&](std::uint16_t lcore) {
    std::array<std::uint8_t, 64> bytes;
    Endpoint from;
    int count = 0;
    for (; sockets[lcore]->receive_from(bytes, from) > 0; ++count) numbers.push_back(bytes[0]);
    return count;
  };
  const auto incoming_cpu = [&](std::uint16_t lcore) {
    std::int64_t cpu = 0;
    CHECK(sockets[lcore]->get_option(socket::Option::incoming_cpu, cpu) == 0);
    return cpu;
  };
  CHECK(read_on(1) == 0);
  std::uint8_t number = 0;
  for (int i = 0; i < 5; ++i) w.inject(1000, number++);
  w.run();
  CHECK(read_on(1) == 5);
  CHECK(incoming_cpu(1) == 1);

  // Lcore 1 stands still with packets in its backlog when the reader moves: nothing may overtake them.
  for (int i = 0; i < 3; ++i) w.inject(1000, number++);
  w.engine->run_once(0);
  CHECK(read_on(3) == 0);
  for (int i = 0; i < 3; ++i) w.inject(1000, number++);
  w.engine->run_once(0);
  w.engine->run_once(3);
  CHECK(read_on(3) == 0);
  CHECK(w.count("steer", "rfs_waits") == 3);
  w.engine->run_once(1);  // drained
  CHECK(read_on(1) == 6);
  CHECK(read_on(3) == 0);
  for (int i = 0; i < 3; ++i) w.inject(1000, number++);
  w.run();
  CHECK(read_on(1) == 0);
  CHECK(read_on(3) == 3);
  CHECK(incoming_cpu(3) == 3);
  CHECK(w.count("steer", "rfs_moves") >= 1);
  std::vector<std::uint8_t> expected(number);
  for (std::uint8_t i = 0; i < number; ++i) expected[i] = i;
  CHECK(numbers == expected);
}

TEST_CASE("F7: rps_flow_cnt is set and read back, rounded up to a power of two; 0 is off") {
  SteeringWorld w(2);
  CHECK(w.port().rps_flow_cnt(0) == 0);
  REQUIRE(w.port().set_rps_flow_cnt(0, 2000));
  CHECK(w.port().rps_flow_cnt(0) == 2048);
  REQUIRE(w.port().set_rps_cpus(0, config::LcoreMask(3)));
  CHECK(w.port().rps_flow_cnt(0) == 2048);
  REQUIRE(w.port().set_rps_flow_cnt(0, 0));
  CHECK(w.port().rps_flow_cnt(0) == 0);
  CHECK(w.port().rps_cpus(0) == config::LcoreMask(3));
  CHECK(w.port().set_rps_flow_cnt(0, 1 << 21).error().message.find("must be 0..1048576") != std::string::npos);
  CHECK_FALSE(w.port().set_rps_flow_cnt(1, 1));
}

TEST_CASE("F19: without steering one lcore has all; RPS spreads; RFS spreads so that each flow comes to the lcore that reads it") {
  constexpr std::uint16_t flows = 32;
  struct Seen {
    std::array<int, 4> by_lcore{};
    int at_its_reader = 0;
  };
  // The application works for flow i on lcore i % 4, and reads there after each round.
  const auto run = [](unsigned rps_cpus, std::uint32_t rfs) {
    SteeringWorld w(4, [&](Config& c) {
      c.ports[0].rps_cpus = config::LcoreMask(rps_cpus);
      c.ports[0].rps_flow_cnt = rfs;
      c.sysctl.rps_sock_flow_entries = rfs;
    });
    Seen seen;
    std::array<std::array<UdpSocket*, flows>, 4> sockets{};
    const auto bound = w.engine->on_each_lcore([&](Sockets& on) -> Result<void> {
      for (std::uint16_t flow = 0; flow < flows; ++flow) {
        UdpSocket& socket = **on.bind_udp({IpAddress::v4(10, 77, 0, 2), static_cast<std::uint16_t>(2000 + flow)});
        socket.on_readable([&seen, flow, lcore = on.lcore()](UdpSocket&) {
          ++seen.by_lcore[lcore];
          seen.at_its_reader += lcore == flow % 4;
        });
        if (rfs != 0) socket.connect({IpAddress::v4(10, 77, 0, 1), 1000});
        sockets[on.lcore()][flow] = &socket;
      }
      return {};
    });
    REQUIRE(bound);
    for (int round = 0; round < 10; ++round) {
      for (std::uint16_t flow = 0; flow < flows; ++flow) w.inject(1000, 0, static_cast<std::uint16_t>(2000 + flow));
      w.run();
      if (round == 0) seen = {};
      for (std::uint16_t flow = 0; flow < flows; ++flow) {
        std::array<std::uint8_t, 64> bytes;
        Endpoint from;
        while (sockets[flow % 4][flow]->receive_from(bytes, from) > 0) continue;
      }
    }
    return seen;
  };
  constexpr int total = 9 * flows;
  CHECK(run(0, 0).by_lcore == std::array<int, 4>{total, 0, 0, 0});
  const Seen rps = run(0xf, 0);
  for (const int count : rps.by_lcore) CHECK(count >= total / 16);
  CHECK(rps.at_its_reader < total / 2);
  const Seen rfs = run(0xf, 1024);
  CHECK(rfs.by_lcore == std::array<int, 4>{total / 4, total / 4, total / 4, total / 4});
  CHECK(rfs.at_its_reader == total);
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
