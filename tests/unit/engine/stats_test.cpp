// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/stats.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include <nlohmann/json.hpp>
#include <set>

using namespace millrace;

TEST_CASE("totals, text and JSON say the same") {
  Stats stats;
  stats.counters = {{"tcp", "InSegs", "segments", {3, 4}},
                    {"tcp", "OutSegs", "segments", {0, 0}},
                    {"drop", "no_buffer", "none", {1, 0}}};
  CHECK(stats.total("tcp", "InSegs") == 7);
  CHECK(stats.total("tcp", "OutSegs") == 0);
  CHECK(stats.total("udp", "InSegs") == 0);
  CHECK(stats.find("udp", "InSegs") == nullptr);
  REQUIRE(stats.find("drop", "no_buffer") != nullptr);
  CHECK(stats.find("drop", "no_buffer")->by_lcore == std::vector<std::uint64_t>{1, 0});
  CHECK(stats.to_text() == "tcp.InSegs                          7\ndrop.no_buffer                      1\n");
  CHECK(stats.to_json() == R"({"tcp":{"InSegs":[3,4],"OutSegs":[0,0]},"drop":{"no_buffer":[1,0]}})");
  stats.counters = {{"softnet", std::string_view("a_name_that_is_longer_than_the_column"), "", {1}}};
  CHECK(stats.to_text() == "softnet.a_name_that_is_longer_than_the_column 1\n");
}

TEST_CASE("an engine's snapshot has every counter once, by lcore") {
  const auto engine = Engine::create(test::host_config(2, 3));
  REQUIRE(engine.has_value());
  (*engine)->inject("p0", std::vector<std::uint8_t>(60));
  (*engine)->run_once();
  const Stats stats = (*engine)->stats();
  std::set<std::pair<std::string_view, std::string_view>> names;
  for (const Stats::Counter& counter : stats.counters) {
    CHECK(counter.by_lcore.size() == 3);
    CHECK_FALSE(counter.help.empty());
    CHECK(names.emplace(counter.group, counter.name).second);
  }
  CHECK(stats.find("port", "rx_packets")->by_lcore == std::vector<std::uint64_t>{1, 0, 0});
  const auto json = nlohmann::json::parse(stats.to_json());
  CHECK(json["port"]["rx_packets"] == std::vector<int>{1, 0, 0});
  CHECK(json.contains("drop"));
}
