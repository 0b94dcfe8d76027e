// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/steer/rps_map.hpp>

#include "tests/support/catch.hpp"

#include <cerrno>
#include <vector>

using namespace millrace;
using steer::LcoreId;
using steer::RpsMap;

namespace {

std::vector<LcoreId> lcores(const RpsMap& map) { return {map.lcores().begin(), map.lcores().end()}; }

}  // namespace

TEST_CASE("rps_cpus is read and written as Linux does") {
  struct Case {
    const char* text;
    std::vector<LcoreId> lcores;
    const char* written;
  };
  const Case cases[] = {
      {"0", {}, "0"},
      {"00000000,00000000", {}, "0"},
      {"3", {0, 1}, "3"},
      {"f\n", {0, 1, 2, 3}, "f"},
      {"0000000F", {0, 1, 2, 3}, "f"},
      {"80000000", {31}, "80000000"},
      {"f,00000001", {0, 32, 33, 34, 35}, "f,00000001"},
      {"1,1", {0, 32}, "1,00000001"},
      {"1,0,0,1", {0, 96}, "1,00000000,00000000,00000001"},
      {"80000000,00000000,00000000,00000000", {127}, "80000000,00000000,00000000,00000000"},
      {"0,1,0,0,0", {96}, "1,00000000,00000000,00000000"},
      {"0000000000003", {0, 1}, "3"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    const auto map = RpsMap::parse(c.text);
    REQUIRE(map);
    CHECK(lcores(*map) == c.lcores);
    CHECK(map->empty() == c.lcores.empty());
    CHECK(map->to_string() == c.written);
    const auto again = RpsMap::parse(map->to_string());
    REQUIRE(again);
    CHECK(lcores(*again) == c.lcores);
  }
}

TEST_CASE("what is no mask is refused with a message that names it") {
  struct Case {
    const char* text;
    int code;
  };
  const Case cases[] = {
      {"", EINVAL},
      {"\n", EINVAL},
      {",", EINVAL},
      {"1,,5", EINVAL},
      {",44", EINVAL},
      {"44,", EINVAL},
      {"0x3", EINVAL},
      {"g", EINVAL},
      {"1 2", EINVAL},
      {"-1", EINVAL},
      {"100000000", EOVERFLOW},
      {"1,0,0,0,0", EOVERFLOW},
      {"fffffffff,0", EOVERFLOW},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    const auto map = RpsMap::parse(c.text);
    REQUIRE_FALSE(map);
    CHECK(map.error().code == c.code);
    CHECK(map.error().message.find("rps_cpus \"" + std::string(c.text) + "\"") != std::string::npos);
  }
}
