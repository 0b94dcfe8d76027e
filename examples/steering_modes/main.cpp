// SPDX-License-Identifier: BSD-3-Clause
// Which lcore gets which packets: RSS, RPS and RFS side by side. 64 UDP flows come to a host of 4 lcores; the application
// works for flow i on lcore i % 4. Two hosts in one thread, under a clock of their own.
#include <millrace/engine/engine.hpp>

#include <algorithm>
#include <array>
#include <cstdio>

using namespace millrace;

namespace {

constexpr std::size_t lcores = 4;
constexpr std::uint16_t flows = 64;
constexpr int rounds = 50;

struct Mode {
  const char* name;
  const char* how;
  std::uint16_t rx_queues;
  unsigned rps_cpus;
  std::uint32_t rps_flow_cnt;
};

Config host(std::uint8_t number, std::size_t lcore_count, const Mode& mode) {
  Config config;
  config.clock = config::ClockSource::manual;
  config.seed = number;
  config.lcores.resize(lcore_count);
  config.ports.push_back({.name = "p0", .rx_queues = mode.rx_queues, .rps_cpus = config::LcoreMask(mode.rps_cpus), .rps_flow_cnt = mode.rps_flow_cnt});
  config.sysctl.rps_sock_flow_entries = mode.rps_flow_cnt;
  config.stacks.push_back({.name = "host", .interfaces = {{.port = "p0", .name = "eth0", .addresses = {{IpAddress::v4(10, 77, 0, number), 24}}}}});
  return config;
}

struct Seen {
  std::array<int, lcores> by_lcore{};
  int at_its_reader = 0;
  int total = 0;
};

Result<Seen> run(const Mode& mode) {
  auto [here, there] = make_link(1);
  auto sender = Engine::create(host(1, 1, {"", "", 1, 0, 0}), {{"p0", here}});
  auto receiver = Engine::create(host(2, lcores, mode), {{"p0", there}});
  if (!sender || !receiver) return tl::unexpected(sender ? receiver.error() : sender.error());
  Seen seen;
  std::array<std::array<UdpSocket*, flows>, lcores> sockets{};
  std::array<UdpSocket*, flows> senders{};

  // A socket for every flow on every lcore, as a server has them. For RFS to know its flow each is connected.
  const Result<void> bound = (*receiver)->on_each_lcore([&](Sockets& on) -> Result<void> {
    for (std::uint16_t flow = 0; flow < flows; ++flow) {
      auto socket = on.bind_udp({IpAddress::v4(10, 77, 0, 2), static_cast<std::uint16_t>(2000 + flow)});
      if (!socket) return tl::unexpected(socket.error());
      sockets[on.lcore()][flow] = *socket;
      (*socket)->on_readable([&seen, flow, lcore = on.lcore()](UdpSocket&) {
        ++seen.by_lcore[lcore];
        ++seen.total;
        seen.at_its_reader += lcore == flow % lcores;
      });
      if (mode.rps_flow_cnt != 0) (*socket)->connect({IpAddress::v4(10, 77, 0, 1), static_cast<std::uint16_t>(1000 + flow)});
    }
    return {};
  });
  if (!bound) return tl::unexpected(bound.error());
  const Result<void> made = (*sender)->on_each_lcore([&](Sockets& on) -> Result<void> {
    for (std::uint16_t flow = 0; flow < flows; ++flow) {
      auto socket = on.bind_udp({IpAddress::v4(10, 77, 0, 1), static_cast<std::uint16_t>(1000 + flow)});
      if (!socket) return tl::unexpected(socket.error());
      senders[flow] = *socket;
    }
    return {};
  });
  if (!made) return tl::unexpected(made.error());

  for (int round = 0; round < rounds; ++round) {
    for (std::uint16_t flow = 0; flow < flows; ++flow) {
      const std::array<std::uint8_t, 64> payload{};
      senders[flow]->send_to(payload, {IpAddress::v4(10, 77, 0, 2), static_cast<std::uint16_t>(2000 + flow)});
    }
    const Instant until = (*sender)->now() + std::chrono::milliseconds(1);
    while ((*sender)->now() < until) {
      for (bool sent = true, received = true; sent || received;) {
        sent = (*sender)->run_once();
        received = (*receiver)->run_once();
      }
      const Instant next = std::max((*sender)->now(), std::min({(*sender)->next_deadline(), (*receiver)->next_deadline(), until}));
      (*sender)->set_clock(next);
      (*receiver)->set_clock(next);
    }
    // The application reads on the lcores where it works.
    for (std::uint16_t flow = 0; flow < flows; ++flow) {
      std::array<std::uint8_t, 64> payload;
      Endpoint from;
      while (sockets[flow % lcores][flow]->receive_from(payload, from) >= 0) {
      }
    }
  }
  return seen;
}

}  // namespace

int main() {
  constexpr Mode modes[] = {{"none", "1 rx queue", 1, 0, 0},
                            {"RSS", "4 rx queues", 4, 0, 0},
                            {"RPS", "1 rx queue, rps_cpus f", 1, 0xf, 0},
                            {"RFS", "the same, rps_flow_cnt 16384", 1, 0xf, 16384}};
  std::printf("%-5s %-29s %29s  %s\n", "mode", "", "packets on lcore 0, 1, 2, 3", "on the lcore that reads");
  for (const Mode& mode : modes) {
    const Result<Seen> seen = run(mode);
    if (!seen) return std::fprintf(stderr, "%s\n", seen.error().message.c_str()), 1;
    std::printf("%-5s %-29s", mode.name, mode.how);
    for (const int count : seen->by_lcore) std::printf(" %6d", count);
    std::printf(" %15.0f%%\n", 100.0 * seen->at_its_reader / std::max(1, seen->total));
  }
}
