// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/port_control.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/raw_frame.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace millrace;
using test::RawFrame;

namespace {

constexpr MacAddress mac{{2, 0, 0, 0, 0, 2}};
constexpr MacAddress other_mac{{2, 0, 0, 0, 0, 3}};

/// Two lcores; port net0 with two queues, both on lcore 0, whose rps_cpus lead to lcore 1; net1 without a stack.
std::unique_ptr<Engine> make_engine(std::uint32_t netdev_max_backlog = 1000) {
  Config config;
  config.clock = config::ClockSource::manual;
  config.seed = 7;
  config.eal.pool_packets = 2047;
  config.sysctl.netdev_max_backlog = netdev_max_backlog;
  config.lcores.resize(2);
  config.ports.push_back({.name = "net0", .mac = mac, .rx_queues = 2, .tx_queues = 2, .rps_cpus = config::LcoreMask(2), .rx_lcores = {0, 0}});
  config.ports.push_back({.name = "net1", .mac = other_mac});
  config.stacks.push_back(
      {.name = "host", .interfaces = {{.port = "net0", .name = "eth0", .addresses = {{IpAddress::v4(10, 77, 0, 2), 24}}}}, .routes = {}});
  auto engine = Engine::create(config);
  if (!engine) FAIL(engine.error().message);
  return std::move(*engine);
}

std::vector<std::uint8_t> frame(std::uint16_t flow, std::size_t payload = 100, const MacAddress& to = mac) {
  return RawFrame{.payload = payload, .source_port = static_cast<std::uint16_t>(1000 + flow), .destination_port = 2000, .destination = to}.bytes();
}

std::map<std::string, std::uint64_t> ethtool(Engine& engine, const char* port) {
  std::map<std::string, std::uint64_t> by_name;
  for (const auto& [name, value] : engine.port(port)->ethtool_statistics()) CHECK(by_name.emplace(name, value).second);
  return by_name;
}
std::map<std::string, std::uint64_t> sysfs(Engine& engine, const char* port) {
  const NamedValues all = engine.port(port)->statistics();
  return {all.begin(), all.end()};
}

std::vector<std::vector<std::uint32_t>> softnet_stat(const Engine& engine) {
  std::vector<std::vector<std::uint32_t>> rows;
  std::istringstream text(engine.proc_net_softnet_stat());
  for (std::string line; std::getline(text, line);) {
    CHECK(line.size() == 15 * 9 - 1);
    std::istringstream in(line);
    rows.emplace_back();
    for (std::uint32_t value; in >> std::hex >> value;) rows.back().push_back(value);
  }
  return rows;
}

}  // namespace

TEST_CASE("P1: softnet_stat of a scripted run: 15 columns of %08x, a row for each lcore, every value as the script makes it") {
  auto engine = make_engine(9);  // a backlog of 9 admits 10
  for (std::uint16_t i = 0; i < 25; ++i) engine->inject("net0", frame(i));
  for (std::uint16_t i = 0; i < 3; ++i) engine->inject("net1", frame(i, 100, other_mac));
  engine->run_once(0);  // 10 of 25 wait for lcore 1, 15 find its backlog full; the 3 of net1 stay here
  const auto zeros = [](std::vector<std::uint32_t> row) { return std::vector<std::uint32_t>(row.begin() + 3, row.begin() + 9) == std::vector<std::uint32_t>(6, 0); };
  auto rows = softnet_stat(*engine);
  REQUIRE(rows.size() == 2);
  for (const auto& row : rows) {
    REQUIRE(row.size() == 15);
    CHECK(zeros(row));
  }
  const auto pick = [&](std::size_t lcore) {
    const auto& r = rows[lcore];  // processed dropped squeeze rps flow_limit backlog cpu input process
    return std::vector<std::uint32_t>{r[0], r[1], r[2], r[9], r[10], r[11], r[12], r[13], r[14]};
  };
  CHECK(pick(0) == std::vector<std::uint32_t>{3, 15, 0, 0, 0, 0, 0, 0, 0});
  CHECK(pick(1) == std::vector<std::uint32_t>{0, 0, 0, 0, 0, 10, 1, 10, 0});
  engine->run_once(1);
  rows = softnet_stat(*engine);
  CHECK(pick(0) == std::vector<std::uint32_t>{3, 15, 0, 0, 0, 0, 0, 0, 0});
  CHECK(pick(1) == std::vector<std::uint32_t>{10, 0, 0, 1, 0, 0, 1, 0, 0});
}

TEST_CASE("P2: ethtool -S: the queues' counters add up to the port's, under stable names; P3: /proc/net/dev and sysfs say the same") {
  auto engine = make_engine();
  constexpr std::uint16_t frames = 200;
  std::uint64_t bytes = 0;
  for (std::uint16_t i = 0; i < frames; ++i) {
    const auto sent = frame(i, 100 + i);
    bytes += sent.size();
    engine->inject("net0", sent);
  }
  for (int i = 0; i < 20; ++i) engine->run_once();
  const auto counted = ethtool(*engine, "net0");
  for (const char* way : {"rx", "tx"})
    for (const char* what : {"packets", "bytes"}) {
      const std::string total = std::string(way) + "_" + what;
      CHECK(counted.at(total) == counted.at(std::string(way) + "_queue_0_" + what) + counted.at(std::string(way) + "_queue_1_" + what));
    }
  CHECK(counted.at("rx_packets") == frames);
  CHECK(counted.at("rx_bytes") == bytes);
  CHECK(counted.at("rx_queue_0_packets") > 0);
  CHECK(counted.at("rx_queue_1_packets") > 0);
  CHECK(counted.at("tx_packets") > 0);  // ARP requests for who sent to the closed port
  CHECK(counted.at("rx_queue_0_drops") + counted.at("rx_queue_1_drops") == 0);
  const auto files = sysfs(*engine, "net0");
  char row[200];
  std::snprintf(row, sizeof row, "  net0: %7llu %7llu    0    0    0     0          0         0 %8llu %7llu    0    0    0     0       0          0\n",
                static_cast<unsigned long long>(counted.at("rx_bytes")), static_cast<unsigned long long>(counted.at("rx_packets")),
                static_cast<unsigned long long>(counted.at("tx_bytes")), static_cast<unsigned long long>(counted.at("tx_packets")));
  CHECK(engine->proc_net_dev().find(row) != std::string::npos);
  for (const char* name : {"rx_packets", "rx_bytes", "tx_packets", "tx_bytes"}) CHECK(files.at(name) == counted.at(name));
}

TEST_CASE("P4: what the core drops is folded into the device's: a full backlog, a port without a stack") {
  auto engine = make_engine(9);
  for (std::uint16_t i = 0; i < 25; ++i) engine->inject("net0", frame(i));
  for (std::uint16_t i = 0; i < 3; ++i) engine->inject("net1", frame(i, 100, other_mac));
  engine->run_once();
  const auto files = sysfs(*engine, "net0");
  CHECK(files.at("rx_packets") == 25);
  CHECK(files.at("rx_dropped") == 15);
  CHECK(files.at("rx_nohandler") == 0);
  CHECK(sysfs(*engine, "net1").at("rx_nohandler") == 3);
  CHECK(sysfs(*engine, "net1").at("rx_dropped") == 0);
  CHECK(engine->proc_net_dev().find("   25    0   15 ") != std::string::npos);
}

TEST_CASE("O4: in the steady state of the data path nobody waits for a lock") {
  Config config;
  config.seed = 7;
  config.eal.pool_packets = 2047;
  config.lcores.resize(2);
  config.ports.push_back({.name = "net0", .mac = mac, .rps_cpus = config::LcoreMask(2)});
  config.stacks.push_back(
      {.name = "host", .interfaces = {{.port = "net0", .name = "eth0", .addresses = {{IpAddress::v4(10, 77, 0, 2), 24}}}}, .routes = {}});
  auto engine = Engine::create(config);
  if (!engine) FAIL(engine.error().message);
  REQUIRE((*engine)->start());
  const auto done = [&] { return (*engine)->stats().find("softnet", "processed")->by_lcore[1]; };
  constexpr std::uint64_t frames = 600;
  for (std::uint64_t i = 0; i < frames; ++i) {
    (*engine)->inject("net0", frame(static_cast<std::uint16_t>(i % 50)));
    while (i - std::min(i, done() + (*engine)->stats().total("drop", "backlog_full")) > 200) std::this_thread::yield();
  }
  for (int i = 0; i < 5000 && done() + (*engine)->stats().total("drop", "backlog_full") < frames; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  (*engine)->stop();
  CHECK(done() + (*engine)->stats().total("drop", "backlog_full") == frames);
  CHECK((*engine)->stats().total("softnet", "lock_contended") == 0);
}
