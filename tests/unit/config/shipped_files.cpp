// SPDX-License-Identifier: BSD-3-Clause
// The files in config/ and doc/config.md, held against what the loader really knows. MILLRACE_ROOT is the source tree.
#include <millrace/config/loader.hpp>

#include "tests/support/catch.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

using namespace millrace;
using namespace millrace::config;

namespace {

const std::string root = MILLRACE_ROOT;

std::string read(const std::string& path) {
  std::ifstream in(root + "/" + path);
  REQUIRE(in);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The keys of a section, as the loader names them when it meets one that it does not know.
std::vector<std::string> keys_of(const std::string& before, const std::string& after) {
  const Loaded loaded = parse_yaml(before + "{qqqqqqqqqqqqqqqq: 1}" + after, "t");
  REQUIRE(!loaded);
  std::string message;
  for (const Problem& p : loaded.error())
    if (p.key.find("qqqq") != std::string::npos) message = p.message;
  const std::string lead = "is no known key; must be ";
  REQUIRE(message.find(lead) == 0);
  std::string list = message.substr(lead.size());
  if (const auto at = list.find(" or "); at != std::string::npos) list.replace(at, 4, ", ");
  std::vector<std::string> keys;
  std::istringstream in(list);
  for (std::string key; std::getline(in, key, ',');) keys.push_back(key.substr(key.find_first_not_of(' ')));
  return keys;
}

std::vector<std::string> all_keys() {
  const std::pair<const char*, const char*> sections[] = {
      {"", ""},
      {"eal: ", ""},
      {"lcores: [", "]"},
      {"ports: [", "]"},
      {"stacks: [", "]"},
      {"capture: ", ""},
      {"stacks: [{interfaces: [", "]}]"},
      {"stacks: [{routes: [", "]}]"},
  };
  std::vector<std::string> keys;
  for (const auto& [before, after] : sections)
    for (std::string& key : keys_of(before, after)) keys.push_back(std::move(key));
  return keys;
}

/// default.yaml with its examples switched on: they are the comments that begin with two blanks or more.
std::string with_examples(const std::string& text) {
  std::string out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("#  ", 0) == 0) line = line.substr(1);
    if (line == "ports: []" || line == "stacks: []" || line == "lcores: 1") line = line.substr(0, line.find(' '));
    out += line + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("config/default.yaml loads and is the built-in default") {
  const Loaded loaded = load_yaml(root + "/config/default.yaml");
  INFO((loaded ? "" : to_string(loaded.error())));
  REQUIRE(loaded);
  CHECK(*loaded == Config{});
}

TEST_CASE("config/default.yaml holds every key, and its examples load") {
  const std::string text = with_examples(read("config/default.yaml"));
  const std::size_t device = text.find("    device: \"\"");
  REQUIRE(device != std::string::npos);
  const Loaded loaded = parse_yaml(text, "examples");
  INFO((loaded ? "" : to_string(loaded.error())));
  REQUIRE(loaded);
  CHECK(loaded->lcores.size() == 2);
  REQUIRE(loaded->ports.size() == 1);
  Port port{.name = "net0"};
  port.mac = MacAddress::parse("02:00:00:00:00:01");
  port.rx_lcores = {0};
  port.rss = {.symmetric = true, .fields = wire::RssFields{}, .equal = 1};
  port.xps_cpus = {LcoreMask(3)};
  CHECK(loaded->ports[0] == port);
  for (const std::string& key : all_keys()) {
    CAPTURE(key);
    const bool found =
        text.find("\n" + key + ":") != std::string::npos || text.find(" " + key + ":") != std::string::npos;
    CHECK(found);
  }
  for (const SysctlKey& key : sysctl_keys()) {
    CAPTURE(key.name);
    CHECK(text.find("\n  " + std::string(key.name) + ": ") != std::string::npos);
  }
}

TEST_CASE("config/demo.yaml is what the demo needs") {
  const Loaded loaded = load_yaml(root + "/config/demo.yaml");
  INFO((loaded ? "" : to_string(loaded.error())));
  REQUIRE(loaded);
  CHECK(loaded->lcores.size() == 2);
  REQUIRE(loaded->ports.size() == 1);
  CHECK(loaded->ports[0].driver == PortDriver::tap);
  CHECK(loaded->ports[0].rps_cpus == LcoreMask(3));
  CHECK(loaded->stacks.at(0).interfaces.at(0).addresses ==
        std::vector<IpPrefix>{*IpPrefix::parse("10.77.0.2/24"), *IpPrefix::parse("fd00:77::2/64")});
  CHECK(loaded->capture.enabled);
  CHECK(loaded->capture.max_bytes == 64 << 20);
}

TEST_CASE("doc/config.md has a row for every key, the tunables' as sysctl.def has them") {
  const std::string doc = read("doc/config.md");
  for (const std::string& key : all_keys()) {
    CAPTURE(key);
    const bool found =
        doc.find("\n| `" + key + "` |") != std::string::npos || doc.find("\n## " + key + "\n") != std::string::npos;
    CHECK(found);
  }
  for (const SysctlKey& key : sysctl_keys()) {
    std::string value = get_sysctl(Sysctl{}, key.name).value();
    std::replace(value.begin(), value.end(), '\t', ' ');
    const std::string row =
        "| `" + std::string(key.name) + "` | " + value + " | " + key.valid() + " | " + std::string(key.help) + " |";
    CAPTURE(row);
    CHECK(doc.find("\n" + row + "\n") != std::string::npos);
  }
}
