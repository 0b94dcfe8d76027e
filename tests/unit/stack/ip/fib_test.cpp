// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/ip/fib.hpp>

#include <millrace/base/rng.hpp>
#include <millrace/stack/ip/routes.hpp>

#include "tests/support/catch.hpp"

using namespace millrace;
using ip::Fib;
using ip::NextHop;

namespace {

IpPrefix prefix(std::string_view text) { return *IpPrefix::parse(text); }

NextHop via(std::uint16_t ifindex) { return {.ifindex = ifindex}; }

std::uint16_t out_of(const Fib& fib, std::string_view address) {
  const NextHop* const hop = fib.lookup(*IpAddress::parse(address));
  return hop != nullptr ? hop->ifindex : std::uint16_t{0};
}

/// Whose grace periods end when the test says so.
struct Periods final : GracePeriods {
  std::uint64_t start() override { return ++started; }
  bool is_over(std::uint64_t period) const override { return period <= over; }
  std::uint64_t started = 0;
  std::uint64_t over = 0;
};

}  // namespace

TEST_CASE("receive_path H4: a longer prefix goes before a shorter one, at every length") {
  for (const bool v4 : {true, false}) {
    Fib fib;
    const IpAddress address = v4 ? IpAddress::v4(0xa5, 0x5a, 0xc3, 0x3c) : *IpAddress::parse("a55a:c33c:a55a:c33c:a55a:c33c:a55a:c33c");
    const int longest = v4 ? 32 : 128;
    CHECK(fib.lookup(address) == nullptr);
    for (int length = 0; length <= longest; ++length) {
      REQUIRE(fib.set(ip::network_of({address, static_cast<std::uint8_t>(length)}), via(static_cast<std::uint16_t>(length + 1))));
      CHECK(fib.lookup(address)->ifindex == length + 1);
    }
    CHECK(fib.nodes() == (v4 ? 3 : 15));
    for (int length = longest; length >= 0; --length) {
      CHECK(fib.lookup(address)->ifindex == length + 1);
      fib.clear(ip::network_of({address, static_cast<std::uint8_t>(length)}));
    }
    CHECK(fib.lookup(address) == nullptr);
    CHECK(fib.nodes() == 0);
  }
}

TEST_CASE("receive_path H4: what is not set leads where the shorter prefix does; families do not mix") {
  Fib fib;
  REQUIRE(fib.set(prefix("0.0.0.0/0"), via(1)));
  REQUIRE(fib.set(prefix("10.0.0.0/7"), via(2)));
  REQUIRE(fib.set(prefix("10.77.4.0/22"), via(3)));
  CHECK(out_of(fib, "10.77.7.255") == 3);
  CHECK(out_of(fib, "10.77.8.0") == 2);
  CHECK(out_of(fib, "11.255.255.255") == 2);
  CHECK(out_of(fib, "12.0.0.0") == 1);
  CHECK(out_of(fib, "fd00::1") == 0);
  REQUIRE(fib.set(prefix("10.77.4.0/22"), via(4)));  // replaced
  CHECK(out_of(fib, "10.77.4.0") == 4);
  fib.clear(prefix("10.0.0.0/7"));
  CHECK(out_of(fib, "10.78.0.0") == 1);
  CHECK(out_of(fib, "10.77.4.9") == 4);
}

TEST_CASE("receive_path H4: the table is bounded, and a prefix that does not fit changes nothing") {
  Fib fib(nullptr, 4);
  REQUIRE(fib.set(prefix("10.77.0.0/24"), via(1)));
  CHECK(fib.nodes() == 2);
  CHECK_FALSE(fib.set(prefix("11.77.1.0/25"), via(2)));
  CHECK(out_of(fib, "11.77.1.1") == 0);
  CHECK(fib.nodes() == 2);
  CHECK(fib.set(prefix("10.77.1.0/25"), via(2)));
  CHECK(fib.set(prefix("10.77.0.0/24"), via(3)));  // the nodes are there
}

TEST_CASE("receive_path H4, O6: what readers may still have in their hands is freed behind a grace period, and its number not used before") {
  Periods periods;
  Fib fib(&periods);
  REQUIRE(fib.set(prefix("10.77.0.1/32"), via(1)));
  const NextHop* const old = fib.lookup(*IpAddress::parse("10.77.0.1"));
  fib.clear(prefix("10.77.0.1/32"));
  CHECK(fib.nodes() == 0);
  CHECK(fib.retired() == 4);  // three nodes and the next hop
  CHECK(old->ifindex == 1);
  REQUIRE(fib.set(prefix("10.77.0.1/32"), via(2)));
  CHECK(old->ifindex == 1);
  CHECK(out_of(fib, "10.77.0.1") == 2);
  periods.over = 3;
  REQUIRE(fib.set(prefix("10.77.0.0/24"), via(2)));
  CHECK(fib.retired() == 1);
  periods.over = 4;
  REQUIRE(fib.set(prefix("10.77.1.0/24"), via(2)));
  CHECK(fib.retired() == 0);
}

TEST_CASE("receive_path H4: 4095 next hops; routes that lead to one share it") {
  Fib fib;
  const auto host = [](unsigned n) { return IpPrefix{IpAddress::v4(10, 0, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)), 32}; };
  const auto to = [](unsigned n) { return NextHop{.ifindex = 1, .gateway = IpAddress::v4(192, 0, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n))}; };
  for (unsigned n = 0; n < 4095; ++n) REQUIRE(fib.set(host(n), to(n)));
  CHECK_FALSE(fib.set(host(5000), to(5000)));
  CHECK(fib.set(host(5000), to(7)));
  fib.clear(host(9));
  CHECK(fib.set(host(5001), to(5000)));
  CHECK(fib.lookup(host(5001).address)->gateway == to(5000).gateway);
}

TEST_CASE("how long the prefix is that holds an address, in whole bytes; a default route's is none") {
  ip::Fib fib;
  CHECK(fib.match_bits(*IpAddress::parse("2001:db8::1")) == 0);
  for (const char* prefix : {"::/0", "2001:db8::/32", "2001:db8:0:1::/61", "2001:db8::1/128", "0.0.0.0/0", "10.1.0.0/17"})
    REQUIRE(fib.set(*IpPrefix::parse(prefix), {.ifindex = 1}));
  CHECK(fib.match_bits(*IpAddress::parse("2002::1")) == 0);
  CHECK(fib.match_bits(*IpAddress::parse("2001:db8:1::1")) == 32);
  CHECK(fib.match_bits(*IpAddress::parse("2001:db8:0:1::7")) == 64);
  CHECK(fib.match_bits(*IpAddress::parse("2001:db8::1")) == 128);
  CHECK(fib.match_bits(*IpAddress::parse("10.1.2.3")) == 24);
  CHECK(fib.match_bits(*IpAddress::parse("10.2.2.3")) == 0);
}
