// SPDX-License-Identifier: BSD-3-Clause
// Two lcores look routes up while a third thread changes them, ASan and TSan watching: H4, O6.
#include <millrace/base/rng.hpp>
#include <millrace/runtime/rcu.hpp>
#include <millrace/stack/ip/routes.hpp>

#include "tests/support/catch.hpp"

#include <array>
#include <atomic>
#include <thread>

using namespace millrace;

namespace {

constexpr std::uint16_t readers = 2;
constexpr int changes = 20000;

IpPrefix random_prefix(Rng& rng) {
  const bool v4 = rng.chance(0.5);
  IpAddress a = v4 ? IpAddress::v4(10, 0, 0, 0) : *IpAddress::parse("fd00::");
  for (std::size_t i = v4 ? 13 : 1; i < 16; ++i) a.bytes[i] = static_cast<std::uint8_t>(rng.below(3));
  return ip::network_of({a, static_cast<std::uint8_t>((v4 ? 8 : 9) + rng.below(v4 ? 25 : 120))});
}

// A route's interface says how long its prefix is, and its gateway repeats it: a reader sees whether the two are of one.
ip::Route route_to(const IpPrefix& prefix) {
  return {.prefix = prefix, .to = {.ifindex = prefix.length, .gateway = IpAddress::v4(10, 0, 0, prefix.length)}};
}

}  // namespace

TEST_CASE("H4, O6: readers find whole routes, and the default route never fails them, while routes come and go") {
  runtime::Rcu rcu(readers);
  ip::Routes routes(&rcu);
  REQUIRE(routes.add(route_to(*IpPrefix::parse("0.0.0.0/0"))) == ip::Routes::Change::done);
  REQUIRE(routes.add(route_to(*IpPrefix::parse("::/0"))) == ip::Routes::Change::done);
  std::atomic<bool> stop{false};
  std::array<std::uint64_t, readers> wrong{}, lookups{};
  std::array<std::thread, readers> threads;
  for (std::uint16_t id = 0; id < readers; ++id) {
    threads[id] = std::thread([&, id] {
      Rng rng(id);
      rcu.online(id);
      while (!stop.load(std::memory_order_relaxed)) {
        for (int i = 0; i < 32; ++i) {
          const ip::NextHop* const hop = routes.lookup(random_prefix(rng).address);
          wrong[id] += hop == nullptr || hop->gateway != IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(hop->ifindex));
          ++lookups[id];
        }
        rcu.quiescent(id);
      }
      rcu.offline(id);
    });
  }
  Rng rng(7);
  std::vector<IpPrefix> there;
  for (int i = 0; i < changes; ++i) {
    if (there.size() < 50 || rng.chance(0.5)) {
      const IpPrefix prefix = random_prefix(rng);
      if (routes.add(route_to(prefix)) == ip::Routes::Change::done) there.push_back(prefix);
    } else {
      const auto which = there.begin() + rng.below(static_cast<std::uint32_t>(there.size()));
      CHECK(routes.remove(*which) == ip::Routes::Change::done);
      there.erase(which);
    }
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::array<std::uint64_t, readers>{});
  CHECK(lookups[0] + lookups[1] > 0);
}
