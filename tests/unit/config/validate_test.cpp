// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/config/good_config.hpp"

using namespace millrace;
using namespace millrace::config;

TEST_CASE("a good configuration and the default have no problem") {
  CHECK(validate(good()).empty());
  CHECK(validate(Config{}).empty());
}

TEST_CASE("eal, lcores, sysctl and capture: each impossible value is the one problem") {
  const Broken cases[] = {
      {"memory",
       [](Config& c) {
         c.eal.memory_mb = 15;
         c.eal.pool_packets = 255;
       },
       "eal.memory_mb", "16..1048576"},
      {"pools", [](Config& c) { c.eal.pool_packets = 65536; }, "eal.memory_mb", "304 MiB"},
      {"log level", [](Config& c) { c.eal.log_level = "loud"; }, "eal.log_level", "emergency, alert"},
      {"data room", [](Config& c) { c.eal.data_room = 100; }, "eal.data_room", "512..16384"},
      {"empty argument",
       [](Config& c) {
         c.eal.args = {"-a", ""};
       },
       "eal.args[1]", "empty"},
      {"one CPU twice", [](Config& c) { c.lcores[0].cpu = c.lcores[1].cpu = 3; }, "lcores[1].cpu",
       "lcores[0].cpu already"},
      {"no such CPU", [](Config& c) { c.lcores[0].cpu = 5000; }, "lcores[0].cpu", "0..4095"},
      {"budget", [](Config& c) { c.sysctl.netdev_budget = 0; }, "sysctl.net.core.netdev_budget", "1..1000000"},
      {"falling list",
       [](Config& c) {
         c.sysctl.tcp_wmem = {9000, 8000, 9000};
       },
       "sysctl.net.ipv4.tcp_wmem", "none below"},
      {"word", [](Config& c) { c.sysctl.gro_compat = 2; }, "sysctl.gro.compat", "none or linux"},
      {"capture file", [](Config& c) { c.capture.file.clear(); }, "capture.file", "must name a file"},
      {"capture port", [](Config& c) { c.capture.ports = {"tap9"}; }, "capture.ports[0]", "is not a port"},
      {"capture port twice",
       [](Config& c) {
         c.capture.ports = {"tap0", "tap0"};
       },
       "capture.ports[1]", "already"},
      {"capture limit", [](Config& c) { c.capture.max_bytes = 10; }, "capture.max_bytes", "4096.."},
      {"huge limit", [](Config& c) { c.capture.max_bytes = ~0ULL; }, "capture.max_bytes", "4096.."},
      {"snaplen", [](Config& c) { c.capture.snaplen = 1 << 20; }, "capture.snaplen", "0..262144"},
      {"buffer", [](Config& c) { c.capture.buffer_bytes = 65536; }, "capture.buffer_bytes", "262144.."},
  };
  for (const Broken& broken : cases) check(broken);
}

TEST_CASE("H6, E17: where packets are forwarded no port may have LRO") {
  for (const bool v4 : {true, false}) {
    Config c = good();
    c.ports[1].lro = true;
    CHECK(validate(c).empty());
    (v4 ? c.sysctl.ip_forward : c.sysctl.ip6_forwarding) = 1;
    REQUIRE(validate(c).size() == 1);
    CHECK(validate(c)[0].key == "ports[1].lro");
    c.ports[1].lro = false;
    CHECK(validate(c).empty());
  }
}

TEST_CASE("lcores must be there") {
  Config c;
  c.lcores.clear();
  REQUIRE(validate(c).size() == 1);
  CHECK(validate(c)[0].key == "lcores");
}

TEST_CASE("all problems are found at once") {
  Config c = good();
  c.eal.log_level = "loud";
  c.ports[1].mtu = 1;
  c.stacks[0].interfaces[1].port = "gone";
  c.sysctl.dev_weight = 0;
  c.capture.ports = {"gone"};
  CHECK(validate(c).size() == 5);
}
