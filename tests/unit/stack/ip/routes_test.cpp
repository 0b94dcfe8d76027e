// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/ip/routes.hpp>

#include <millrace/base/rng.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"

#include <algorithm>

using namespace millrace;
using ip::Route;
using ip::Routes;
using Change = ip::Routes::Change;

namespace {

// Few bits vary in most places, so that prefixes overlap often.
IpAddress random_address(Rng& rng, bool v4) {
  if (v4)
    return IpAddress::v4(static_cast<std::uint8_t>(rng.chance(0.1) ? rng.next() : 10), static_cast<std::uint8_t>(rng.below(4)),
                         static_cast<std::uint8_t>(rng.below(4)), static_cast<std::uint8_t>(rng.next()));
  IpAddress a = *IpAddress::parse("fd00::");
  for (std::size_t i : {1u, 3u, 7u, 15u}) a.bytes[i] = static_cast<std::uint8_t>(rng.below(4));
  if (rng.chance(0.2)) a.bytes[rng.below(16)] = static_cast<std::uint8_t>(rng.next());
  return a;
}

Route random_route(Rng& rng) {
  const bool v4 = rng.chance(0.5);
  const IpPrefix prefix{random_address(rng, v4), static_cast<std::uint8_t>(rng.below(v4 ? 33 : 129))};
  return {.prefix = ip::network_of(prefix), .to = {.ifindex = static_cast<std::uint16_t>(1 + rng.below(50))}, .metric = rng.below(3)};
}

/// The oracle: an unsorted list, searched from one end to the other.
struct PlainRoutes {
  std::vector<Route> all;

  bool add(const Route& route) {
    for (const Route& r : all)
      if (r.prefix == route.prefix && r.metric == route.metric) return false;
    all.push_back(route);
    return true;
  }
  const Route* lookup(const IpAddress& a) const {
    const Route* best = nullptr;
    for (const Route& r : all) {
      if (r.prefix.address.is_v4() != a.is_v4() || !r.prefix.contains(a)) continue;
      if (best == nullptr || r.prefix.length > best->prefix.length || (r.prefix.length == best->prefix.length && r.metric < best->metric)) best = &r;
    }
    return best;
  }
};

Route route(std::string_view prefix, std::uint16_t ifindex, std::uint32_t metric = 0) {
  return {.prefix = *IpPrefix::parse(prefix), .to = {.ifindex = ifindex}, .metric = metric};
}

}  // namespace

TEST_CASE("receive_path H4: 100,000 random routes come and go; 100,000 lookups are answered as a linear search answers them") {
  Rng rng(test::seed());
  std::size_t added = 0, looked_up = 0, hits = 0;
  for (int round = 0; round < 250; ++round) {
    Routes routes;
    PlainRoutes plain;
    for (int i = 0; i < 400; ++i) {
      const Route wanted = random_route(rng);
      REQUIRE((routes.add(wanted) == Change::done) == plain.add(wanted));
      ++added;
      if (!rng.chance(0.3)) continue;
      const std::size_t which = rng.below(static_cast<std::uint32_t>(plain.all.size()));
      REQUIRE(routes.remove(plain.all[which]) == Change::done);
      REQUIRE(routes.remove(plain.all[which]) == Change::absent);
      plain.all.erase(plain.all.begin() + static_cast<std::ptrdiff_t>(which));
    }
    REQUIRE(routes.size() == plain.all.size());
    for (int i = 0; i < 400; ++i, ++looked_up) {
      const IpAddress a = random_address(rng, rng.chance(0.5));
      const Route* const best = plain.lookup(a);
      const ip::NextHop* const found = routes.lookup(a);
      REQUIRE((found != nullptr) == (best != nullptr));
      if (found == nullptr) continue;
      REQUIRE(*found == best->to);
      ++hits;
    }
  }
  CHECK(added == 100000);
  CHECK(looked_up == 100000);
  CHECK(hits > looked_up / 2);
}

TEST_CASE("receive_path H4: of a prefix's routes the least metric is taken, and the next one when that goes") {
  Routes routes;
  const IpAddress there = IpAddress::v4(192, 0, 2, 1);
  const auto out = [&] { return routes.lookup(there) != nullptr ? routes.lookup(there)->ifindex : 0; };
  CHECK(routes.add(route("192.0.2.0/24", 2, 200)) == Change::done);
  CHECK(routes.add(route("192.0.2.0/24", 1, 100)) == Change::done);
  CHECK(out() == 1);
  CHECK(routes.add(route("192.0.2.0/24", 3, 300)) == Change::done);
  CHECK(out() == 1);
  CHECK(routes.add(route("192.0.2.0/24", 9, 100)) == Change::exists);
  CHECK(routes.remove(*IpPrefix::parse("192.0.2.0/24")) == Change::done);
  CHECK(out() == 2);
  CHECK(routes.remove(*IpPrefix::parse("192.0.2.0/24"), 300) == Change::done);
  CHECK(routes.remove(*IpPrefix::parse("192.0.2.0/24"), 300) == Change::absent);
  CHECK(out() == 2);
  CHECK(routes.remove(*IpPrefix::parse("192.0.2.0/24")) == Change::done);
  CHECK(out() == 0);
  CHECK(routes.remove(*IpPrefix::parse("192.0.2.0/24")) == Change::absent);
}

TEST_CASE("the route of a link comes behind what is there of its metric, and is there once") {
  Routes routes;
  CHECK(routes.append(route("10.77.0.0/24", 1)) == Change::done);
  CHECK(routes.append(route("10.77.0.0/24", 1)) == Change::done);
  CHECK(routes.append(route("10.77.0.0/24", 2)) == Change::done);
  CHECK(routes.size() == 2);
  CHECK(routes.lookup(IpAddress::v4(10, 77, 0, 9))->ifindex == 1);
  CHECK(routes.remove(route("10.77.0.0/24", 1)) == Change::done);
  CHECK(routes.lookup(IpAddress::v4(10, 77, 0, 9))->ifindex == 2);
}

TEST_CASE("host bits are cleared, and routes are listed IPv4 first, by prefix") {
  CHECK(ip::network_of(*IpPrefix::parse("10.77.5.9/20")).to_string() == "10.77.0.0/20");
  CHECK(ip::network_of(*IpPrefix::parse("fd00:77::ffff/113")).to_string() == "fd00:77::8000/113");
  CHECK(ip::network_of(*IpPrefix::parse("10.1.2.3/0")).to_string() == "0.0.0.0/0");
  Routes routes;
  const std::uint32_t before = routes.generation();
  for (const char* prefix : {"fd00::1/64", "::/0", "10.78.0.1/16", "10.77.0.1/24", "0.0.0.0/0"}) CHECK(routes.add(route(prefix, 1)) == Change::done);
  CHECK(routes.add(route("10.77.0.2/24", 1)) == Change::exists);
  CHECK(routes.generation() == before + 5);
  std::vector<std::string> listed;
  for (const Route& r : routes.all()) listed.push_back(r.prefix.to_string());
  CHECK(listed == std::vector<std::string>{"0.0.0.0/0", "10.77.0.0/24", "10.78.0.0/16", "::/0", "fd00::/64"});
}

TEST_CASE("a table of nodes that are used up is full, and stays as it was") {
  Routes routes(nullptr, 3);
  CHECK(routes.add(route("10.77.0.0/24", 1)) == Change::done);
  CHECK(routes.add(route("11.77.0.0/24", 1)) == Change::full);
  CHECK(routes.size() == 1);
  CHECK(routes.remove(*IpPrefix::parse("11.77.0.0/24")) == Change::absent);
}

TEST_CASE("a default route of one family does not serve the other") {
  Routes routes;
  CHECK(routes.add(route("::/0", 1)) == Change::done);
  CHECK(routes.lookup(IpAddress::v4(10, 0, 0, 1)) == nullptr);
  CHECK(routes.lookup(*IpAddress::parse("fd00::1")) != nullptr);
}
