// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/rss.hpp>

#include <millrace/engine/port_control.hpp>

#include <millrace/base/log.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/raw_frame.hpp"
#include "tests/support/two_engines.hpp"
#include "tests/unit/engine/steering_world.hpp"

#include <algorithm>
#include <cerrno>

using namespace millrace;
using test::RawFrame;

namespace {

constexpr MacAddress mac{{2, 0, 0, 0, 0, 2}};

Config config_with(std::size_t lcores, const config::Rss& rss) {
  Config config;
  config.clock = config::ClockSource::manual;
  config.seed = 7;
  config.eal.pool_packets = 2047;
  config.lcores.resize(lcores);
  const auto queues = static_cast<std::uint16_t>(lcores);
  config.ports.push_back({.name = "net0", .mac = mac, .rx_queues = queues, .tx_queues = queues, .rss = rss});
  return config;
}

struct World {
  explicit World(const Config& config) {
    auto made = Engine::create(config);
    if (!made) FAIL(made.error().message);
    engine = std::move(*made);
  }
  PortControl port() { return *engine->port("net0"); }

  /// How many of 1000 flows each lcore received, its queue being its own.
  std::vector<std::uint64_t> spread(std::uint8_t proto = 17, bool back = false) {
    const auto before = engine->stats().find("port", "rx_packets")->by_lcore;
    for (std::uint16_t flow = 0; flow < 1000; ++flow) {
      const auto port = static_cast<std::uint16_t>(1000 + flow);
      RawFrame frame{.proto = proto, .payload = 8, .source_port = port, .destination = mac};
      if (back) frame = {.proto = proto, .payload = 8, .source_port = 2000, .destination_port = port, .destination = mac, .source_host = 2, .destination_host = 1};
      engine->inject("net0", frame.bytes());
      if (flow % 100 == 99)
        for (int pass = 0; pass < 3; ++pass) engine->run_once();
    }
    auto after = engine->stats().find("port", "rx_packets")->by_lcore;
    for (std::size_t i = 0; i < after.size(); ++i) after[i] -= before[i];
    return after;
  }
  std::unique_ptr<Engine> engine;
};

/// A device that agrees to everything and does as it likes.
struct Stubborn final : port::Port {
  wire::Rss own;
  bool refuses = false;
  const port::Info& info() const override { return info_; }
  port::RxQueue& rx_queue(std::uint16_t) override { std::abort(); }
  port::TxQueue& tx_queue(std::uint16_t) override { std::abort(); }
  port::LinkState link() const override { return {}; }
  std::optional<wire::Rss> rss() const override { return own; }
  Result<void> set_rss(const wire::Rss& wanted) override {
    if (refuses) return failure(EINVAL, "no");
    own.reta = wanted.reta;
    own.reta[0] = 1;
    return {};
  }

 private:
  port::Info info_;
};

}  // namespace

TEST_CASE("F2: weights 3 1 give the queues about 75% and 25% of the flows, equal shares half; live and at start") {
  World world(config_with(2, {.weights = {3, 1}}));
  const auto weighted = world.spread();
  CHECK(weighted[0] + weighted[1] == 1000);
  CHECK(weighted[0] > 700);
  CHECK(weighted[0] < 800);
  REQUIRE(world.port().set_rss({.equal = 2}));
  const auto equal = world.spread();
  CHECK(equal[0] > 450);
  CHECK(equal[0] < 550);
  REQUIRE(world.port().set_rss({.weights = {0, 1}}));
  CHECK(world.spread() == std::vector<std::uint64_t>{0, 1000});
  const auto rss = world.port().rss();
  REQUIRE(rss);
  CHECK(rss->reta == std::vector<std::uint16_t>(128, 1));
}

TEST_CASE("F3: udp4 by 2-tuple or 4-tuple changes the spread of UDP, not of TCP; live") {
  World world(config_with(4, {}));
  const auto udp = world.spread();
  CHECK(*std::min_element(udp.begin(), udp.end()) > 200);
  REQUIRE(world.port().set_rss({.fields = wire::RssFields{.udp4 = false}}));
  const auto two_tuple = world.spread();
  CHECK(*std::max_element(two_tuple.begin(), two_tuple.end()) == 1000);
  const auto tcp = world.spread(6);
  CHECK(*std::min_element(tcp.begin(), tcp.end()) > 200);
}

TEST_CASE("F1: with the symmetric key both directions of every flow come to one queue") {
  World world(config_with(4, {.symmetric = true}));
  const auto rss = world.port().rss();
  REQUIRE(rss);
  CHECK(rss->key == wire::symmetric_rss_key(40));
  CHECK(world.spread(17, false) == world.spread(17, true));
  REQUIRE(world.port().set_rss({.key = {wire::microsoft_key.begin(), wire::microsoft_key.end()}}));
  CHECK(world.spread(17, false) != world.spread(17, true));
}

TEST_CASE("F1: what the device makes of a wish is read back, and the difference told item by item") {
  Stubborn device;
  const auto asked = ask_rss(device, {.symmetric = true, .fields = wire::RssFields{.udp4 = false}, .equal = 1});
  REQUIRE(asked);
  const Result<void> done = obeyed(device, *asked);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == EOPNOTSUPP);
  const std::string& text = done.error().message;
  CHECK(text.find("key: asked 6d:5a:6d:5a") != std::string::npos);
  CHECK(text.find("fields udp4: asked sd, the device hashes sdfn") != std::string::npos);
  CHECK(text.find("RETA: 1 of 128 entries") != std::string::npos);
  CHECK(text.find("tcp4") == std::string::npos);

  std::string said;
  set_log_sink([&](LogLevel, std::string_view message) { said = message; });
  CHECK(set_up_rss({.name = "net0", .rss = {.equal = 1}}, device));
  CHECK(said.find("port 'net0': rss: RETA") == 0);
  device.refuses = true;
  device.own.reta[0] = 0;
  said.clear();
  const auto refused = set_up_rss({.name = "net0", .rss = {.weights = {0, 1}}}, device);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "port 'net0': rss: no");
  CHECK(set_up_rss({.name = "net0"}, device));
  CHECK(said.empty());
  set_log_sink({});
}

TEST_CASE("F1: a live wish that the configuration would refuse is refused the same") {
  World world(config_with(2, {}));
  const auto before = world.port().rss();
  const Result<void> refused = world.port().set_rss({.weights = {1, 1, 1}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("ports[0].rss.weights") != std::string::npos);
  CHECK_FALSE(world.port().set_rss({.key = std::vector<std::uint8_t>(16)}));
  CHECK(world.port().rss() == before);
}

namespace {

/// Host a has 4 lcores with a queue each and no rps_cpus; host b listens.
struct Openers {
  Openers() : hosts({.lcores_a = 4, .adjust_a = [](Config& config) {
                       config.ports[0].rx_queues = config.ports[0].tx_queues = 4;
                       config.ports[0].rps_cpus = {};
                     }}) {
    REQUIRE(hosts.b->listen(test::endpoint("10.77.0.2:80"), [](Stream&) {}));
    // The first asks for the neighbour, whose answer goes to every lcore.
    REQUIRE(test::TwoEngines::sockets(*hosts.a).connect(test::endpoint("10.77.0.2:80")));
    hosts.run_for(10ms);
  }
  /// Opens 50 connections from that lcore; returns how many of their packets other lcores received and handed over.
  std::uint64_t open_50(std::uint16_t lcore) {
    const auto before = hosts.a->stats().total("steer", "owner");
    int connected = 0;
    for (int i = 0; i < 50; ++i) {
      auto stream = test::TwoEngines::sockets(*hosts.a, lcore).connect(test::endpoint("10.77.0.2:80"));
      REQUIRE(stream);
      (*stream)->on_connected([&connected](Stream& s) {
        ++connected;
        s.close();
      });
    }
    REQUIRE(hosts.run_until([&] { return connected == 50; }));
    hosts.settle();
    return hosts.a->stats().total("steer", "owner") - before;
  }
  PortControl port() { return *hosts.a->port("p0"); }
  test::TwoEngines hosts;
};

}  // namespace

TEST_CASE("F22: an active open picks a source port whose hash lands on its own lcore: 200 connections, nothing is handed over") {
  Openers world;
  for (std::uint16_t lcore = 0; lcore < 4; ++lcore) CHECK(world.open_50(lcore) == 0);
}

TEST_CASE("F22: what an active open picks follows RSS and the queues as they change; where no port leads here any will do") {
  Openers world;
  CHECK(world.open_50(0) == 0);
  REQUIRE(world.port().set_rss({.key = wire::symmetric_rss_key(40), .weights = {1, 1, 0, 0}}));
  CHECK(world.open_50(0) == 0);
  CHECK(world.open_50(1) == 0);
  CHECK(world.open_50(2) > 50);  // nothing comes to lcore 2: SYN-ACK and FIN of each are handed over
  REQUIRE(world.port().set_smp_affinity(1, config::LcoreMask().set(2)));
  CHECK(world.open_50(2) == 0);
}

TEST_CASE("F22: RSS changes while frames wait in the device and nobody polls: they go up before what comes by the new spread") {
  test::SteeringWorld w(2, [](Config& c) { c.ports[0].rx_queues = 2; });
  w.listen();
  constexpr std::uint16_t flows = 16;
  constexpr std::uint8_t rounds = 100;
  for (std::uint8_t round = 0; round < rounds; ++round) {
    // All flows go to the other queue, whose lcore alone runs: what waits in the old queue nobody would have taken.
    const auto lcore = static_cast<std::uint16_t>(round % 2);
    REQUIRE(w.port().set_rss({.weights = lcore == 0 ? std::vector<std::uint32_t>{1, 0} : std::vector<std::uint32_t>{0, 1}}));
    for (std::uint16_t flow = 0; flow < flows; ++flow) w.inject(static_cast<std::uint16_t>(1000 + flow), round);
    if (round % 3 != 0) w.engine->run_once(lcore);
    for (std::uint16_t flow = 0; flow < flows; ++flow) w.inject(static_cast<std::uint16_t>(1000 + flow), static_cast<std::uint8_t>(100 + round));
  }
  w.run();
  REQUIRE(w.arrived.size() == flows);
  for (const auto& [flow, seen] : w.arrived) {
    REQUIRE(seen.size() == 2u * rounds);
    for (std::size_t i = 0; i < seen.size(); ++i) REQUIRE(seen[i].number == (i % 2 == 0 ? i / 2 : 100 + i / 2));
  }
}
