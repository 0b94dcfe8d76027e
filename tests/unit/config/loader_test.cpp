// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/config/loader.hpp>

#include "tests/support/catch.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace millrace;
using namespace millrace::config;

namespace {

/// The problems of a text, one a line, each as Problem::to_string() has it with the file named "t".
std::string problems_of(std::string_view text) {
  const Loaded loaded = parse_yaml(text, "t");
  return loaded ? "none" : to_string(loaded.error());
}

/// A file that is gone with the test.
struct TemporaryFile {
  explicit TemporaryFile(std::string_view text) : path("config_test." + std::to_string(::getpid())) {
    std::ofstream(path) << text;
  }
  ~TemporaryFile() { std::remove(path.c_str()); }
  std::string path;
};

}  // namespace

TEST_CASE("each problem has file, line, key, value and what would be valid") {
  const auto [text, problem] = GENERATE(table<std::string, std::string>({
      {"ports:\n  - name: a\n    mtu: 20\n", "t:3: ports[0].mtu: 20: must be a number in 68..9600\n"},
      {"ports:\n  - name: a\n    mtu: 70000\n", "t:3: ports[0].mtu: 70000: must be a number in 68..9600\n"},
      {"ports:\n  - name: a\n    mtu: big\n", "t:3: ports[0].mtu: big: must be a number in 68..9600\n"},
      {"ports:\n  - name: a\n    mtu: 1500.0\n", "t:3: ports[0].mtu: 1500.0: must be a number in 68..9600\n"},
      {"ports:\n  - name: a\n    mtu:\n", "t:3: ports[0].mtu: has no value; must be a number in 68..9600\n"},
      {"ports:\n  - name: a\n    mtu: [1]\n", "t:3: ports[0].mtu: is a list; must be a number in 68..9600\n"},
      {"ports:\n  - name: a\n    mut: 1500\n", "t:3: ports[0].mut: 1500: is no known key; did you mean mtu?\n"},
      {"ports:\n  - name: a\n    gro: maybe\n", "t:3: ports[0].gro: maybe: must be true or false\n"},
      {"ports:\n  - name: a\n    driver: tpa\n",
       "t:3: ports[0].driver: tpa: must be sim, tap, vdev, ethdev or vlan; did you mean tap?\n"},
      {"ports:\n  - name: a\n    mac: 1:2\n",
       "t:3: ports[0].mac: 1:2: must be an Ethernet address, such as 02:00:00:00:00:01\n"},
      {"ports:\n  - name: a\n    rps_cpus: xyz\n",
       "t:3: ports[0].rps_cpus: xyz: must be a mask of lcores in hex, such as 3 or 0,000000ff\n"},
      {"ports:\n  - name: a\n    rx_lcores: 0\n",
       "t:3: ports[0].rx_lcores: 0: is a single value; must be a list of lcore numbers, or [] for none\n"},
      {"ports:\n  - name: a\n    rx_lcores: [x]\n", "t:3: ports[0].rx_lcores[0]: x: must be a number in 0..127\n"},
      {"ports: tap0\n", "t:1: ports: tap0: is a single value; must be a list of ports, or [] for none\n"},
      {"lcores: 0\n", "t:1: lcores: 0: must be a number in 1..128\n"},
      {"lcores: []\n", "t:1: lcores: 0: there must be 1..128 lcores\n"},
      {"lcores: {}\n", "t:1: lcores: is a map; must be a list of lcores (or their number alone), or [] for none\n"},
      {"seed: -1\n", "t:1: seed: -1: must be a number in 0..18446744073709551615\n"},
      {"clock: hpet\n", "t:1: clock: hpet: must be tsc or manual\n"},
      {"sede: 1\n", "t:1: sede: 1: is no known key; did you mean seed?\n"},
      {"colour: red\n",
       "t:1: colour: red: is no known key; must be eal, lcores, ports, stacks, sysctl, capture, clock or seed\n"},
      {"seed: 1\nclock: tsc\nseed: 2\n", "t:3: seed: 2: stands in line 1 already\n"},
      {"sysctl: {net.core.netdev_buget: 1}\n",
       "t:1: sysctl.net.core.netdev_buget: 1: is no known key; did you mean net.core.netdev_budget?\n"},
      {"sysctl: {kernel.sysrq: 1}\n", "t:1: sysctl.kernel.sysrq: 1: is no known key; must be one of doc/config.md\n"},
      {"sysctl:\n  net.core.dev_weight: 0\n", "t:2: sysctl.net.core.dev_weight: 0: must be 1..65535\n"},
      {"sysctl:\n  net.core.dev_weight:\n", "t:2: sysctl.net.core.dev_weight: must be 1..65535\n"},
      {"sysctl:\n  net.core.dev_weight: {}\n", "t:2: sysctl.net.core.dev_weight: must be 1..65535\n"},
      {"sysctl:\n  net.ipv4.ip_local_port_range: [1, 2, 3]\n",
       "t:2: sysctl.net.ipv4.ip_local_port_range: must be 2 numbers 1..65535, none below the one before it\n"},
      {"stacks: [{name: h, routes: [{via: 10.0.0.1}]}]\n",
       "t:1: stacks[0].routes[0]: has no to: must name the destination, a prefix or default\n"},
      {"stacks: [{name: h, routes: [{to: default, dev: x}]}]\n",
       "t:1: stacks[0].routes[0]: has no via, so that default could be 0.0.0.0/0 or ::/0; write one of them\n"},
      {"stacks: [{name: h, routes: [{to: 10.0.0.1, dev: x}]}]\n",
       "t:1: stacks[0].routes[0].to: 10.0.0.1: must be a prefix, such as 10.0.0.0/8 or fd00::/8, or default\n"
       "t:1: stacks[0].routes[0].dev: x: is not an interface of stack h\n"},
      // Found by validate(), placed by the loader; the last without a line of its own.
      {"ports:\n  - name: a\n    rx_desc: 100\n", "t:3: ports[0].rx_desc: 100: must be a power of two in 32..32768\n"},
      {"lcores: 2\nports:\n  - name: a\n    rps_cpus: f\n",
       "t:4: ports[0].rps_cpus: f: names absent lcores; there are 2 lcores, numbered from 0\n"},
      {"ports:\n  - mtu: 1500\n", "t:2: ports[0].name: must be a name of 1..15 letters, digits and . _ - :\n"},
  }));
  CHECK(problems_of(text) == problem);
}

TEST_CASE("all problems come at once, in the order of the file") {
  CHECK(problems_of("seed: x\nports:\n  - name: a\n    mtu: 1\n    rx_desc: 100\n  - name: a\nfoo: 1\nsysctl:\n  "
                    "net.core.dev_weight: -1\n") ==
        "t:1: seed: x: must be a number in 0..18446744073709551615\n"
        "t:4: ports[0].mtu: 1: must be a number in 68..9600\n"
        "t:5: ports[0].rx_desc: 100: must be a power of two in 32..32768\n"
        "t:6: ports[1].name: a: this name stands at ports[0].name already\n"
        "t:7: foo: 1: is no known key; must be eal, lcores, ports, stacks, sysctl, capture, clock or seed\n"
        "t:9: sysctl.net.core.dev_weight: -1: must be 1..65535\n");
}

TEST_CASE("what is no configuration at all gets one clear sentence") {
  const std::string deep = "eal: " + std::string(40, '[') + std::string(40, ']');
  std::string many = "eal: {args: [";
  for (int i = 0; i < 2000; ++i) many += "a,";
  const auto [text, problem] = GENERATE_COPY(table<std::string, std::string>({
      {"", "t: is empty; config/default.yaml shows every key\n"},
      {"# only words\n", "t: is empty; config/default.yaml shows every key\n"},
      {"---\n", "t: is empty; config/default.yaml shows every key\n"},
      {"hello",
       "t:1: hello: is a single value; must be a map; each key must be eal, lcores, ports, stacks, sysctl, capture, "
       "clock or seed\n"},
      {std::string("a: \0b", 5), "t:1: is not text: must be YAML in UTF-8\n"},
      {"seed: 1\n# \xff\xfe\n", "t:2: is not text: must be YAML in UTF-8\n"},
      {"a: \xc0\x80", "t:1: is not text: must be YAML in UTF-8\n"},
      {"a: \xed\xa0\x80", "t:1: is not text: must be YAML in UTF-8\n"},
      {"a: \xf4\x90\x80\x80", "t:1: is not text: must be YAML in UTF-8\n"},
      {"a: \xe2\x82", "t:1: is not text: must be YAML in UTF-8\n"},
      {deep, "t:1: is nested deeper than 16 levels\n"},
      {"seed: &a 1\nlcores: *a\n", "t:1: uses an anchor or alias, which are not followed; write the value out\n"},
      {"&k seed: 1\n", "t:1: uses an anchor or alias, which are not followed; write the value out\n"},
      {"seed: 1\n---\nseed: 2\n", "t:3: begins a second document; one file is one configuration\n"},
      {"? [a]\n: 1\n", "t:1: has a key that is no plain text; a key is a name, such as mtu\n"},
      {many + "a]}", "t:1: eal.args: has 2001 entries; must have at most 1024\n"},
  }));
  CAPTURE(text);
  CHECK(problems_of(text) == problem);
  CHECK(problems_of("seed: 1\n  ports: [\n").find("t:2: is no valid YAML: ") == 0);
  CHECK(problems_of("seed: \"\\") == "t:1: is no valid YAML: unknown escape character: ?\n");
  CHECK(problems_of(std::string(2 << 20, ' ')) == "t: is larger than 1 MiB\n");
}

TEST_CASE("shown values stay in one line and are not long") {
  const std::string euros = [] {
    std::string s;
    for (int i = 0; i < 40; ++i) s += "\xe2\x82\xac";
    return s;
  }();
  CHECK(problems_of("seed: \"a\\nb\"\n") == "t:1: seed: a?b: must be a number in 0..18446744073709551615\n");
  const std::string shown = euros.substr(0, 78) + "...";
  CHECK(problems_of("seed: " + euros + "\n") ==
        "t:1: seed: " + shown + ": must be a number in 0..18446744073709551615\n");
}

TEST_CASE("the number of problems shown is bounded") {
  std::string text = "eal:\n";
  for (int i = 0; i < 500; ++i) text += "  k" + std::to_string(i) + ": 1\n";
  const Loaded loaded = parse_yaml(text, "t");
  REQUIRE(!loaded);
  CHECK(loaded.error().size() == 201);
  CHECK(loaded.error().back().to_string() == "t: and 300 more problems");
}

TEST_CASE("files: read, absent, unreadable, directory") {
  const TemporaryFile file("seed: 7\n");
  REQUIRE(load_yaml(file.path));
  CHECK(load_yaml(file.path)->seed == 7);
  CHECK(to_string(load_yaml("no/such.yaml").error()) == "no/such.yaml: cannot be opened: No such file or directory\n");
  CHECK(to_string(load_yaml(".").error()) == ".: is a directory; must be a YAML file\n");
  if (::geteuid() == 0) return;  // root reads everything
  std::filesystem::permissions(file.path, std::filesystem::perms::none);
  CHECK(to_string(load_yaml(file.path).error()) == file.path + ": cannot be opened: Permission denied\n");
}
