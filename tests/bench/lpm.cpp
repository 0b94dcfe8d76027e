// SPDX-License-Identifier: BSD-3-Clause
// LPM: the longest prefix for 32 random addresses at a time, beside bulk lookups of rte_fib and rte_fib6, with as many routes
// as a host, a site and a provider have. Called by main.
#include "tests/bench/bench.hpp"
#include "tests/bench/timing.hpp"

#include <millrace/base/rng.hpp>
#include <millrace/stack/ip/routes.hpp>

#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_ip.h>

#include <array>
#include <memory>
#include <vector>

namespace millrace::bench {
namespace {

constexpr std::size_t burst = 32;
constexpr std::size_t bursts = 256;
constexpr std::uint64_t no_hop = 0;
constexpr std::uint32_t tbl8s = 32767;

struct FreeFib {
  void operator()(rte_fib* fib) const { rte_fib_free(fib); }
  void operator()(rte_fib6* fib) const { rte_fib6_free(fib); }
};

/// The same routes in both, and addresses of which nine of ten have one.
class Race {
 public:
  Race(bool v4, std::size_t routes) : v4_(v4) {
    make_peer();
    if (!is_there()) return;
    for (std::size_t i = 0; i < routes; ++i) add(random_prefix(routes));
    for (std::size_t i = 0; i < burst * bursts; ++i) {
      IpAddress a = rng_.chance(0.9) ? prefixes_[rng_.below(static_cast<std::uint32_t>(prefixes_.size()))].address : random_prefix(routes).address;
      a.bytes[15] = static_cast<std::uint8_t>(rng_.next());
      addresses_.push_back(a);
      numbers_.push_back(a.v4_number());
    }
  }

  [[nodiscard]] bool is_there() const { return fib4_ != nullptr || fib6_ != nullptr; }
  void ours() {
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
      const ip::NextHop* const hop = routes_.lookup(addresses_[i]);
      found_[i % burst] = hop != nullptr ? hop->ifindex : no_hop;
      keep(found_[i % burst]);
    }
  }
  void peers() {
    for (std::size_t b = 0; b < bursts; ++b) {
      look_up_peer(b);
      keep(found_[0]);
    }
  }
  /// Whether both find the same.
  [[nodiscard]] bool agree() {
    for (std::size_t b = 0; b < bursts; ++b) {
      look_up_peer(b);
      for (std::size_t i = 0; i < burst; ++i) {
        const ip::NextHop* const hop = routes_.lookup(addresses_[b * burst + i]);
        if (found_[i] != (hop != nullptr ? hop->ifindex : no_hop)) return false;
      }
    }
    return true;
  }

 private:
  void make_peer() {
    if (v4_) {
      rte_fib_conf conf{};
      conf.type = RTE_FIB_DIR24_8;
      conf.default_nh = no_hop;
      conf.max_routes = 1 << 18;
      conf.dir24_8 = {RTE_FIB_DIR24_8_2B, tbl8s};
      fib4_.reset(rte_fib_create("bench_fib", -1, &conf));
    } else {
      rte_fib6_conf conf{};
      conf.type = RTE_FIB6_TRIE;
      conf.default_nh = no_hop;
      conf.max_routes = 1 << 18;
      conf.trie = {RTE_FIB6_TRIE_2B, tbl8s};
      fib6_.reset(rte_fib6_create("bench_fib6", -1, &conf));
    }
  }
  // As in the tables of the Internet: most of /24 and /48, the others shorter.
  IpPrefix random_prefix(std::size_t routes) {
    const std::uint32_t spread = routes < 100 ? 4 : 16384;
    IpAddress a = v4_ ? IpAddress::v4(static_cast<std::uint8_t>(1 + rng_.below(routes < 100 ? 2 : 222)), 0, 0, 0) : *IpAddress::parse("2001::");
    const std::uint32_t place = rng_.below(spread) << 2 | rng_.below(4);
    store_be32(&a.bytes[v4_ ? 12 : 2], v4_ ? a.v4_number() | place << 8 : place << 8);
    const std::uint8_t longest = v4_ ? 24 : 48;
    return ip::network_of({a, static_cast<std::uint8_t>(rng_.chance(0.6) ? longest : longest - 1 - rng_.below(8))});
  }
  void add(const IpPrefix& prefix) {
    const auto ifindex = static_cast<std::uint16_t>(1 + rng_.below(200));
    if (routes_.add({.prefix = prefix, .to = {.ifindex = ifindex}}) != ip::Routes::Change::done) return;
    const int added = v4_ ? rte_fib_add(fib4_.get(), prefix.address.v4_number(), prefix.length, ifindex) : rte_fib6_add(fib6_.get(), prefix.address.bytes.data(), prefix.length, ifindex);
    if (added == 0) {
      prefixes_.push_back(prefix);
    } else {
      static_cast<void>(routes_.remove(prefix));
    }
  }
  void look_up_peer(std::size_t b) {
    if (v4_) {
      rte_fib_lookup_bulk(fib4_.get(), &numbers_[b * burst], found_.data(), burst);
    } else {
      rte_fib6_lookup_bulk(fib6_.get(), reinterpret_cast<std::uint8_t(*)[RTE_FIB6_IPV6_ADDR_SIZE]>(addresses_[b * burst].bytes.data()), found_.data(), burst);
    }
  }

  bool v4_;
  Rng rng_{9};
  ip::Routes routes_;
  std::unique_ptr<rte_fib, FreeFib> fib4_;
  std::unique_ptr<rte_fib6, FreeFib> fib6_;
  std::vector<IpPrefix> prefixes_;
  std::vector<IpAddress> addresses_;
  std::vector<std::uint32_t> numbers_;
  std::array<std::uint64_t, burst> found_{};
};

void run_case(Bench& bench, bool v4, std::size_t routes) {
  Figure figure{.id = "LPM", .name = std::string("ip:") + (v4 ? "4" : "6") + ",routes:" + std::to_string(routes), .peer_name = v4 ? "rte_fib" : "rte_fib6"};
  Race race(v4, routes);
  if (!race.is_there()) {
    figure.skip = "EAL's memory has no room for the peer's table";
    return bench.report.figure(std::move(figure));
  }
  if (!race.agree()) return bench.report.failure("LPM", figure.name, "the two find different routes");
  bench.load.look();
  const Plan plan{.sections = 10, .units = static_cast<double>(burst * bursts)};
  bench.report.comparison(std::move(figure), compare(bench.control, plan, {.run = [&] { race.ours(); }}, {.run = [&] { race.peers(); }}));
}

}  // namespace

void run_lpm(Bench& bench) {
  for (const bool v4 : {true, false})
    for (const std::size_t routes : {8u, 1000u, 100000u}) run_case(bench, v4, routes);
}

}  // namespace millrace::bench
