// SPDX-License-Identifier: BSD-3-Clause
// A program of somebody else's, who has nothing but the installed Millrace. Exits with 0 when what it uses works.
#include <millrace/base/rng.hpp>
#include <millrace/base/spsc_ring.hpp>
#include <millrace/engine/engine.hpp>
#include <millrace/wire/address.hpp>

#include <iostream>

namespace {

bool check(const char* what, bool holds) {
  std::cout << what << (holds ? " ok\n" : " FAILED\n");
  return holds;
}

bool addresses() {
  const auto endpoint = millrace::Endpoint::parse("[fd00:77::2]:80");
  return endpoint && endpoint->port == 80 && endpoint->to_string() == "[fd00:77::2]:80";
}

bool rings() {
  millrace::SpscRing<int> ring(4);
  int out = 0;
  return ring.enqueue(7) && ring.dequeue(&out, 1) == 1 && out == 7 && ring.empty();
}

bool seeds() { return millrace::Rng(1).next() == millrace::Rng(1).next(); }

// A host under a manual clock answers an ARP request.
bool engine() {
  millrace::Config config;
  config.clock = millrace::config::ClockSource::manual;
  config.seed = 1;
  config.ports.push_back({.name = "p0"});
  config.stacks.push_back({.name = "host", .interfaces = {{.port = "p0", .name = "eth0", .addresses = {*millrace::IpPrefix::parse("10.77.0.2/24")}}}});
  auto made = millrace::Engine::create(config);
  if (!made) return std::cerr << made.error().message << "\n", false;
  const std::vector<std::uint8_t> request = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1,
                                             2,    0,    0,    0,    0,    1,    10, 77, 0, 1, 0, 0, 0, 0, 0, 0, 10, 77, 0, 2};
  (*made)->inject("p0", request);
  (*made)->run_once();
  return (*made)->take("p0").size() >= request.size() && (*made)->stats().total("port", "tx_packets") == 1;
}

}  // namespace

int main() {
  const bool all = check("addresses", addresses()) & check("rings", rings()) & check("seeds", seeds()) & check("engine", engine());
  return all ? 0 : 1;
}
