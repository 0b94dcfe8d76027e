// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/ip/routes.hpp>

#include <millrace/base/rng.hpp>

#include "tests/support/catch.hpp"

using namespace millrace;

namespace {

IpAddress random_address(Rng& rng, bool v4) {
  // Few bits vary, so that prefixes overlap often.
  if (v4)
    return IpAddress::v4(10, static_cast<std::uint8_t>(rng.below(4)), static_cast<std::uint8_t>(rng.below(4)),
                         static_cast<std::uint8_t>(rng.next()));
  IpAddress a = *IpAddress::parse("fd00::");
  for (std::size_t i : {3u, 7u, 15u}) a.bytes[i] = static_cast<std::uint8_t>(rng.below(4));
  return a;
}

}  // namespace

TEST_CASE("receive_path H4: the longest prefix wins, as a linear search over unsorted routes says") {
  Rng rng(11);
  neighbor::Interface interface;
  ip::Routes routes;
  std::vector<ip::Route> plain;
  while (plain.size() < 200) {
    const bool v4 = rng.chance(0.5);
    const IpPrefix prefix{random_address(rng, v4), static_cast<std::uint8_t>(rng.below(v4 ? 33 : 129))};
    if (routes.add({prefix, std::nullopt, &interface}))
      plain.push_back({ip::network_of(prefix), std::nullopt, &interface});
  }
  for (int i = 0; i < 20000; ++i) {
    const IpAddress a = random_address(rng, rng.chance(0.5));
    const ip::Route* best = nullptr;
    for (const ip::Route& r : plain)
      if (r.prefix.address.is_v4() == a.is_v4() && r.prefix.contains(a) &&
          (best == nullptr || r.prefix.length > best->prefix.length))
        best = &r;
    const ip::Route* found = routes.lookup(a);
    REQUIRE((found != nullptr) == (best != nullptr));
    if (found != nullptr) REQUIRE(found->prefix == best->prefix);
  }
}

TEST_CASE("host bits are cleared, and one prefix has one route") {
  CHECK(ip::network_of(*IpPrefix::parse("10.77.5.9/20")).to_string() == "10.77.0.0/20");
  CHECK(ip::network_of(*IpPrefix::parse("fd00:77::ffff/113")).to_string() == "fd00:77::8000/113");
  CHECK(ip::network_of(*IpPrefix::parse("10.1.2.3/0")).to_string() == "0.0.0.0/0");
  ip::Routes routes;
  CHECK(routes.add({*IpPrefix::parse("10.77.0.1/24"), std::nullopt, nullptr}));
  CHECK_FALSE(routes.add({*IpPrefix::parse("10.77.0.2/24"), std::nullopt, nullptr}));
}

TEST_CASE("the table is bounded") {
  ip::Routes routes;
  for (std::size_t i = 0; i < ip::Routes::capacity; ++i)
    REQUIRE(routes.add({{IpAddress::v4(10, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 0), 24},
                        std::nullopt,
                        nullptr}));
  CHECK_FALSE(routes.add({{IpAddress::v4(11, 0, 0, 0), 24}, std::nullopt, nullptr}));
}

TEST_CASE("a default route of one family does not serve the other") {
  ip::Routes routes;
  REQUIRE(routes.add({*IpPrefix::parse("::/0"), std::nullopt, nullptr}));
  CHECK(routes.lookup(IpAddress::v4(10, 0, 0, 1)) == nullptr);
  CHECK(routes.lookup(*IpAddress::parse("fd00::1")) != nullptr);
}
