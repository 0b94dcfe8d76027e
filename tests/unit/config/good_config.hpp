// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/config/config.hpp>

#include "tests/support/catch.hpp"

#include <functional>
#include <span>
#include <string>

namespace millrace::config {

/// Two lcores, a TAP and an in-memory port, one stack on both.
inline Config good() {
  Config c;
  c.lcores.resize(2);
  c.ports.resize(2);
  c.ports[0] = {
      .name = "tap0", .driver = PortDriver::tap, .iface = "mr0", .mac = MacAddress::parse("02:00:00:00:00:01")};
  c.ports[0].rps_cpus = LcoreMask(3);
  c.ports[1].name = "sim0";
  c.ports[1].rx_queues = 2;
  c.ports[1].rx_lcores = {1, 0};
  Stack stack{.name = "host"};
  stack.interfaces.push_back({"tap0", "eth0", {*IpPrefix::parse("10.77.0.2/24"), *IpPrefix::parse("fd00:77::2/64")}});
  stack.interfaces.push_back({"sim0", "eth1", {*IpPrefix::parse("10.78.0.0/31")}});
  stack.routes.push_back({*IpPrefix::parse("0.0.0.0/0"), IpAddress::parse("10.77.0.1"), ""});
  stack.routes.push_back({*IpPrefix::parse("::/0"), IpAddress::parse("fe80::1"), "eth1"});
  stack.routes.push_back({*IpPrefix::parse("10.99.0.0/16"), std::nullopt, "eth1"});
  c.stacks.push_back(std::move(stack));
  c.capture.enabled = true;
  c.capture.ports = {"tap0"};
  return c;
}

/// One thing made impossible, and the one problem that must come of it.
struct Broken {
  const char* what;
  std::function<void(Config&)> how;
  const char* key;
  const char* message;  ///< a part of it
};

inline void check(const Broken& broken) {
  CAPTURE(broken.what);
  Config c = good();
  broken.how(c);
  const auto problems = validate(c);
  std::string all;
  for (const Problem& p : problems) all += p.to_string() + "\n";
  CAPTURE(all);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].key == broken.key);
  CHECK(problems[0].message.find(broken.message) != std::string::npos);
}

}  // namespace millrace::config
