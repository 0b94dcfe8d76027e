// SPDX-License-Identifier: BSD-3-Clause
// Draws a world from a seed: the link's faults, the two hosts, what they say to each other. Called by sim_seeds.
#include "tests/sim/plan.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace millrace::test {
namespace {

/// Small values as often as large ones.
std::uint32_t logarithmic(Rng& rng, std::uint32_t low, std::uint32_t high) {
  const double exponent = static_cast<double>(rng.below(1u << 20)) / (1 << 20);
  return static_cast<std::uint32_t>(low * std::pow(static_cast<double>(high) / low, exponent));
}

template <class T, std::size_t N>
T one_of(Rng& rng, const T (&choices)[N]) {
  return choices[rng.below(N)];
}

double probability(Rng& rng, double most) { return rng.chance(0.2) ? 0 : most * rng.below(1000) / 1000; }

Impairment draw_impairment(Rng& rng) {
  Impairment faults;
  faults.loss = probability(rng, 0.05);
  faults.duplicate = probability(rng, 0.05);
  faults.reorder = probability(rng, 0.05);
  faults.corrupt = probability(rng, 0.02);
  faults.delay = std::chrono::microseconds(logarithmic(rng, 5, 50'000));
  if (rng.chance(0.5)) faults.jitter = Duration(rng.below(static_cast<std::uint32_t>(faults.delay.count())));
  if (rng.chance(0.5)) faults.rate_bps = std::uint64_t{1'000'000} * logarithmic(rng, 10, 10'000);
  faults.limit = logarithmic(rng, 50, 2000);
  return faults;
}

config::Port draw_port(Rng& rng, std::size_t lcores, std::uint16_t mtu) {
  config::Port port;
  port.name = "p0";
  port.mtu = mtu;
  port.rx_queues = port.tx_queues = static_cast<std::uint16_t>(1 + rng.below(static_cast<std::uint32_t>(lcores)));
  for (std::size_t i = 0; i < lcores; ++i) port.rps_cpus.set(i);
  port.gro = rng.chance(0.8);
  return port;
}

// Limits now and then so small that the loop meets them; attempts so many that no run of bad luck ends a connection.
config::Sysctl draw_sysctl(Rng& rng) {
  config::Sysctl sysctl;
  sysctl.netdev_budget = one_of(rng, {300, 300, 64, 9});
  sysctl.netdev_budget_usecs = one_of(rng, {2000, 2000, 20});
  sysctl.dev_weight = one_of(rng, {64, 64, 16, 3});
  sysctl.netdev_max_backlog = one_of(rng, {1000, 1000, 100, 20});
  sysctl.gro_normal_batch = one_of(rng, {8, 8, 1, 64});
  sysctl.gro_poll_hold_us = one_of(rng, {10, 10, 0, 100});
  sysctl.gro_compat = one_of(rng, {config::gro_compat_none, config::gro_compat_none, config::gro_compat_linux});
  sysctl.tcp_rmem[1] = 8192 << rng.below(6);
  sysctl.tcp_wmem[1] = 8192 << rng.below(4);
  sysctl.tcp_wmem[2] = 65536 << rng.below(5);
  sysctl.tcp_timestamps = rng.chance(0.7) ? 1 : 0;
  sysctl.tcp_window_scaling = rng.chance(0.8) ? 1 : 0;
  sysctl.tcp_syn_retries = sysctl.tcp_synack_retries = 20;
  sysctl.neigh_mcast_solicit = 20;
  sysctl.neigh_ucast_solicit = 20;
  sysctl.neigh_base_reachable_time_ms = one_of(rng, {30000, 1000});
  return sysctl;
}

Config draw_host(Rng& rng, std::size_t number, bool v6, std::uint16_t mtu) {
  Config config;
  config.clock = config::ClockSource::manual;
  config.seed = rng.next() | 1;
  config.eal.pool_packets = one_of(rng, {4095u, 4095u, 2047u, 511u});
  config.eal.data_room = one_of<std::uint16_t>(rng, {2048, 2048, 1024, 4096});
  config.lcores.resize(1 + rng.below(4));
  config.ports.push_back(draw_port(rng, config.lcores.size(), mtu));
  config.sysctl = draw_sysctl(rng);
  const auto last = static_cast<std::uint8_t>(number + 1);
  std::uint8_t prefix = 24;
  IpAddress address = IpAddress::v4(10, 77, 0, last);
  if (v6) {
    address = *IpAddress::parse("fd00:77::");
    address.bytes[15] = last;
    prefix = 64;
  }
  config.stacks.push_back({.name = "host",
                           .interfaces = {{.port = "p0", .name = "eth0", .addresses = {{address, prefix}}}},
                           .routes = {}});
  return config;
}

// 64 KiB to 1 MiB each way, over one connection or over several.
void draw_streams(Rng& rng, Plan& plan) {
  plan.streams.resize(one_of(rng, {1u, 1u, 2u, 5u}));
  for (StreamPlan& stream : plan.streams) {
    stream.opener = static_cast<std::uint16_t>(rng.below(2));
    stream.lcore = static_cast<std::uint16_t>(rng.below(static_cast<std::uint32_t>(plan.hosts[stream.opener].lcores.size())));
    stream.opens_after = rng.chance(0.5) ? Duration{0} : Duration(rng.below(100'000'000));
  }
  for (std::size_t host = 0; host < 2; ++host) {
    std::uint32_t left = logarithmic(rng, 64 << 10, 1 << 20);
    for (StreamPlan& stream : plan.streams) {
      stream.bytes[host] = &stream == &plan.streams.back() ? left : rng.below(left);
      left -= stream.bytes[host];
    }
  }
}

void draw_datagrams(Rng& rng, Plan& plan) {
  const std::uint32_t headers = plan.v6 ? 48 : 28;
  for (std::uint16_t host = 0; host < 2; ++host)
    for (std::uint16_t lcore = 0; lcore < plan.hosts[host].lcores.size(); ++lcore)
      plan.datagrams.push_back({host, lcore, rng.below(60), plan.hosts[host].ports[0].mtu - headers});
}

// From a generator of its own, so that the seeds' worlds stay what they are.
void draw_segmentation(std::uint64_t seed, Plan& plan) {
  Rng rng(seed ^ 0x75060);
  for (Config& host : plan.hosts) {
    host.ports[0].tso = rng.chance(0.5);
    host.ports[0].gso_max_segs = one_of<std::uint16_t>(rng, {65535, 65535, 65535, 3, 1});
  }
}

}  // namespace

Plan draw_plan(std::uint64_t seed) {
  Rng rng(seed);
  Plan plan;
  plan.seed = seed;
  plan.v6 = rng.chance(0.5);
  plan.start = Instant(Duration(rng.next() >> 10));  // up to 208 days: 32-bit millisecond clocks wrap on the way
  plan.pass_cost = Duration(one_of(rng, {0, 100, 1000, 5000}));
  plan.pauses = rng.chance(0.5);
  for (Impairment& impairment : plan.impairments) impairment = draw_impairment(rng);
  // RFC 8200 section 5: no link with a smaller MTU carries IPv6.
  const std::uint32_t mtu = rng.chance(0.3) ? 1500 : logarithmic(rng, plan.v6 ? 1280 : 576, 9001);
  for (std::size_t i = 0; i < 2; ++i) plan.hosts[i] = draw_host(rng, i, plan.v6, static_cast<std::uint16_t>(mtu));
  draw_streams(rng, plan);
  draw_datagrams(rng, plan);
  draw_segmentation(seed, plan);
  return plan;
}

IpAddress Plan::address(std::size_t host) const { return hosts[host].stacks[0].interfaces[0].addresses[0].address; }

std::string Plan::to_string() const {
  std::string text;
  const auto add = [&](const char* format, auto... values) {
    char line[256];
    std::snprintf(line, sizeof line, format, values...);
    text += line;
  };
  add("IPv%d, mtu %u, %lld ns a pass\n", v6 ? 6 : 4, hosts[0].ports[0].mtu, static_cast<long long>(pass_cost.count()));
  for (std::size_t i = 0; i < 2; ++i) {
    const Impairment& f = impairments[i];
    add("host %zu: %zu lcores, %u queues, %u x %u bytes each, gro %d, timestamps %d, scaling %d\n", i, hosts[i].lcores.size(),
        hosts[i].ports[0].rx_queues, hosts[i].eal.pool_packets, hosts[i].eal.data_room, hosts[i].ports[0].gro,
        static_cast<int>(hosts[i].sysctl.tcp_timestamps), static_cast<int>(hosts[i].sysctl.tcp_window_scaling));
    add("  sends with loss %.3f duplicate %.3f reorder %.3f corrupt %.3f delay %lld us jitter %lld us rate %llu limit %u\n", f.loss,
        f.duplicate, f.reorder, f.corrupt, static_cast<long long>(f.delay / 1us), static_cast<long long>(f.jitter / 1us),
        static_cast<unsigned long long>(f.rate_bps), f.limit);
  }
  return text;
}

}  // namespace millrace::test
