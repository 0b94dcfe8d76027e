// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/engine.hpp>

#include <millrace/base/log.hpp>
#include <millrace/wire/checksum.hpp>
#include <millrace/wire/toeplitz.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"
#include "tests/unit/engine/steering_world.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <set>
#include <thread>

using namespace millrace;
using test::host_config;

namespace {

Error refusal(const Config& config, const std::map<std::string, LinkEnd>& links = {}) {
  auto engine = Engine::create(config, links);
  REQUIRE_FALSE(engine.has_value());
  return engine.error();
}

bool says(const Error& error, const char* what) { return error.message.find(what) != std::string::npos; }

}  // namespace

TEST_CASE("H13: the lcores of a host share the limits of its ICMP errors, to one destination and to all") {
  const auto counted = [](test::TwoEngines& world, const char* name) { return world.b->stats().total("icmp", name); };
  const auto scan = [](test::TwoEngines& world) {
    for (std::uint16_t port = 1; port <= 300; ++port) {
      auto socket = test::TwoEngines::sockets(*world.a).bind_udp(test::endpoint("10.77.0.1:0"));
      REQUIRE(socket);
      REQUIRE((*socket)->send_to(test::bytes("?"), {IpAddress::v4(10, 77, 0, 2), port}) == 1);
      (*socket)->close();
      if (port % 50 == 1) world.settle();
    }
    world.settle();
    const auto refused = world.b->stats().find("udp", "NoPorts")->by_lcore;
    REQUIRE(refused.size() == 2);
    for (const std::uint64_t of_lcore : refused) REQUIRE(of_lcore > 100);
  };
  test::TwoEngines one({.lcores_b = 2});
  scan(one);
  CHECK(counted(one, "OutDestUnreachs") == 6);
  CHECK(counted(one, "OutRateLimitHost") == 294);
  test::TwoEngines all({.lcores_b = 2, .adjust_b = [](Config& config) { config.sysctl.icmp_ratelimit = 0; }});
  scan(all);
  CHECK(counted(all, "OutDestUnreachs") > 30);  // 50 credits, of which a message costs one on average
  CHECK(counted(all, "OutDestUnreachs") < 70);
  CHECK(counted(all, "OutRateLimitGlobal") == 300 - counted(all, "OutDestUnreachs"));
  CHECK(all.b->proc_net_snmp().find(" " + std::to_string(counted(all, "OutRateLimitGlobal")) + " 0 ") != std::string::npos);
}

TEST_CASE("everything that is wrong with a configuration is told at once") {
  Config config = host_config(2);
  config.lcores.clear();
  config.ports[0].mtu = 20;
  config.stacks[0].interfaces[0].port = "p9";
  const Error error = refusal(config, {{"nowhere", make_link(1).first}, {"p0", {}}});
  CHECK(error.code == EINVAL);
  for (const char* part : {"lcores", "ports[0].mtu: 20", "p9", "links: nowhere", "links: p0"}) CHECK(says(error, part));
  CHECK(std::count(error.message.begin(), error.message.end(), '\n') >= 4);
}

TEST_CASE("the variants that this CPU and MILLRACE_SIMD led to are told at start") {
  std::string said;
  set_log_sink([&](LogLevel, std::string_view message) { said += std::string(message) + '\n'; });
  set_log_level(LogLevel::info);
  REQUIRE(Engine::create(host_config(2)));
  set_log_level(LogLevel::warn);
  set_log_sink({});
  CHECK(said.find(std::string("toeplitz ") + name(wire::best_toeplitz_variant())) != std::string::npos);
  CHECK(said.find(std::string("checksum ") + wire::checksum_variant()) != std::string::npos);
  CHECK(said.find("gro ") != std::string::npos);
}

TEST_CASE("an lcore on a CPU that the process may not use is refused by name") {
  Config config = host_config(2, 2);
  config.lcores[1].cpu = 1000;
  const Error error = refusal(config);
  CHECK(error.code == EINVAL);
  CHECK(says(error, "lcores[1].cpu"));
  CHECK(says(error, "1000"));
}

TEST_CASE("a port that cannot be opened is named; nothing stays behind") {
  Config config = host_config(2);
  config.ports.push_back({.name = "p1", .driver = config::PortDriver::vdev, .device = "net_nonsense0"});
  const Error error = refusal(config);
  CHECK(says(error, "port 'p1'"));
  CHECK(says(error, "net_nonsense0"));
  config.ports.pop_back();
  CHECK(Engine::create(config).has_value());
}

TEST_CASE("pools that do not fit are refused, with what to change") {
  Config config = host_config(2);
  config.eal.pool_packets = 4194304;
  config.eal.memory_mb = 65536;  // what EAL, which is up already, does not have
  const Error error = refusal(config);
  CHECK(error.code == ENOMEM);
  CHECK(says(error, "pool"));
}

TEST_CASE("several engines of one process do not meet in names, addresses or counters") {
  auto a = Engine::create(host_config(1, 2));
  auto b = Engine::create(host_config(2));
  REQUIRE((a && b));
  CHECK((*a)->lcores() == 2);
  CHECK((*b)->lcores() == 1);
  (*a)->inject("p0", std::vector<std::uint8_t>(60));
  (*a)->run_once();
  CHECK((*a)->stats().total("port", "rx_packets") == 1);
  CHECK((*b)->stats().total("port", "rx_packets") == 0);
}

TEST_CASE("each rx queue is polled by its lcore, and routes lead where the configuration says") {
  Config config = host_config(2, 2);
  config.ports[0].rx_queues = 2;
  config.ports[0].tx_queues = 2;
  config.ports[0].rps_cpus.reset();
  config.ports.push_back({.name = "p1"});
  config.stacks[0].interfaces.push_back({"p1", "eth1", {*IpPrefix::parse("10.78.0.2/24")}});
  config.stacks[0].routes.push_back({*IpPrefix::parse("10.99.0.0/16"), IpAddress::parse("10.78.0.1"), ""});
  auto engine = Engine::create(config);
  if (!engine) FAIL(engine.error().message);
  auto socket = test::TwoEngines::sockets(**engine, 1).bind_udp(test::endpoint("0.0.0.0:0"));
  REQUIRE(socket.has_value());
  CHECK((*socket)->send_to(test::bytes("x"), test::endpoint("10.99.1.1:7")) == 1);
  (*engine)->run_once();
  (*engine)->run_once();  // p1 has one tx queue, lcore 0's: the frame was handed over
  CHECK((*engine)->take("p0").empty());
  const std::vector<std::uint8_t> request = (*engine)->take("p1");
  REQUIRE(request.size() >= 42);
  CHECK(request[41] == 1);  // ARP for the gateway 10.78.0.1
  CHECK((*engine)->stats().total("steer", "tx_handoff") == 1);
}

TEST_CASE("stacks of one engine are hosts of their own") {
  auto [here, there] = make_link(3);
  Config config = host_config(1);
  config.ports.push_back({.name = "p1"});
  config.stacks.push_back(
      {.name = "other", .interfaces = {{"p1", "eth0", {*IpPrefix::parse("10.77.0.2/24")}}}, .routes = {}});
  auto engine = Engine::create(config, {{"p0", here}, {"p1", there}});
  if (!engine) FAIL(engine.error().message);
  int accepted = 0;
  REQUIRE((*engine)->on_each_lcore(
      [&](Sockets& s) { return s.listen(test::endpoint("10.77.0.2:80"), 1, [&](Stream&) { ++accepted; }); }, 1));
  bool connected = false;
  REQUIRE((*engine)->on_each_lcore([&](Sockets& s) {
    (*s.connect(test::endpoint("10.77.0.2:80")))->on_connected([&](Stream&) { connected = true; });
    return Result<void>{};
  }));
  for (int i = 0; i < 20; ++i) (*engine)->run_once();
  CHECK(connected);
  CHECK(accepted == 1);
}

TEST_CASE("D16: a threaded port's queues are polled by threads made for them, and by no other") {
  test::SteeringWorld w(1, [](Config& c) {
    c.clock = config::ClockSource::tsc;
    c.ports[0].rx_queues = 2;
    c.ports[0].threaded = true;
  });
  REQUIRE(w.engine->lcores() == 3);
  CHECK(w.port().smp_affinity(0) == config::LcoreMask(2));
  CHECK(w.port().smp_affinity(1) == config::LcoreMask(4));
  std::mutex mutex;
  std::map<std::uint16_t, std::set<std::thread::id>> threads;
  std::atomic<int> read{0};
  const auto note = [&](std::uint16_t lcore) {
    const std::lock_guard lock(mutex);
    threads[lcore].insert(std::this_thread::get_id());
  };
  const auto bound = w.engine->on_each_lcore([&](Sockets& sockets) -> Result<void> {
    Result<UdpSocket*> socket = sockets.bind_udp({IpAddress::v4(0, 0, 0, 0), test::SteeringWorld::port_number});
    if (!socket) return tl::unexpected(socket.error());
    (*socket)->on_readable([&, lcore = sockets.lcore()](UdpSocket& readable) {
      std::array<std::uint8_t, 64> bytes;
      Endpoint from;
      for (note(lcore); readable.receive_from(bytes, from) > 0;) read.fetch_add(1);
    });
    return {};
  });
  REQUIRE(bound);
  REQUIRE(w.engine->start());
  w.engine->post(0, [&](Sockets&) { note(0); });
  for (std::uint16_t flow = 0; flow < 64; ++flow) w.inject(static_cast<std::uint16_t>(1000 + flow));
  const auto noted = [&] {
    const std::lock_guard lock(mutex);
    return threads.size();
  };
  while (read.load() < 64 || noted() < 3) std::this_thread::yield();
  w.engine->stop();
  std::set<std::thread::id> all{std::this_thread::get_id()};
  for (const auto& [lcore, ids] : threads) {
    CHECK(ids.size() == 1);
    all.insert(ids.begin(), ids.end());
  }
  CHECK(all.size() == 4);
  CHECK(w.count("softnet", "polls", 0) == 0);
  CHECK(w.count("softnet", "processed", 0) == 0);
  CHECK(w.count("softnet", "processed") == 64);
}

TEST_CASE("D16: threaded excludes rx_lcores, and its lcores count against the limit") {
  Config config;
  config.ports.push_back({.name = "p0", .rx_lcores = {0}, .threaded = true});
  const auto both = Engine::create(config);
  REQUIRE_FALSE(both);
  CHECK(both.error().message.find("must be absent, since threaded") != std::string::npos);
  config.ports[0].rx_lcores.clear();
  config.ports[0].rx_queues = 16;
  config.lcores.resize(120);
  config.eal.pool_packets = 1023;
  config.eal.memory_mb = 1024;
  const auto many = Engine::create(config);
  REQUIRE_FALSE(many);
  CHECK(many.error().message.find("lcores") != std::string::npos);
}
