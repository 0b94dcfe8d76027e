// SPDX-License-Identifier: BSD-3-Clause
// A whole host under a clock that the program sets: asks it who has 10.77.0.2, frame by frame, and prints the answer.
#include <millrace/engine/engine.hpp>

#include <cstdio>
#include <cstring>
#include <vector>

int main() {
  millrace::Config config;
  config.clock = millrace::config::ClockSource::manual;
  config.seed = 1;
  config.ports.push_back({.name = "p0"});
  config.stacks.push_back({.name = "host", .interfaces = {{.port = "p0", .name = "eth0", .addresses = {*millrace::IpPrefix::parse("10.77.0.2/24")}}}});
  auto engine = millrace::Engine::create(config);
  if (!engine) return std::fprintf(stderr, "%s\n", engine.error().message.c_str()), 1;

  // An ARP request, as it stands on the wire: who has 10.77.0.2? Tell 10.77.0.1.
  const std::vector<std::uint8_t> request = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 1, 0x08, 0x06,  // Ethernet
                                             0, 1, 0x08, 0, 6, 4, 0, 1,                                              // ARP request
                                             0x02, 0, 0, 0, 0, 1, 10, 77, 0, 1, 0, 0, 0, 0, 0, 0, 10, 77, 0, 2};
  (*engine)->inject("p0", request);
  (*engine)->run_once();
  const std::vector<std::uint8_t> reply = (*engine)->take("p0");
  if (reply.size() < 42) return std::fprintf(stderr, "no answer\n"), 1;
  std::printf("10.77.0.2 is at %02x:%02x:%02x:%02x:%02x:%02x\n", reply[22], reply[23], reply[24], reply[25], reply[26], reply[27]);

  // Time passes only when we say so: step from deadline to deadline.
  for (int i = 0; i < 100 && (*engine)->next_deadline() != millrace::never; ++i) {
    (*engine)->set_clock(std::max((*engine)->now(), (*engine)->next_deadline()));
    (*engine)->run_once();
  }
  std::printf("nothing is due after %lld s\n", static_cast<long long>((*engine)->now().time_since_epoch() / std::chrono::seconds(1)));
}
