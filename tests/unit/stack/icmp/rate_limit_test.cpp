// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/icmp/rate_limit.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"

using namespace millrace;

namespace {

int to_one(icmp::RateLimit& limit, Instant now, int tries, std::uint64_t hash) {
  int allowed = 0;
  for (int i = 0; i < tries; ++i) allowed += limit.allows(hash, now);
  return allowed;
}

int to_all(icmp::RateLimit& limit, Instant now, int tries, Rng& rng) {
  int allowed = 0;
  for (int i = 0; i < tries && limit.allows(now); ++i) {
    limit.consume(rng);
    ++allowed;
  }
  return allowed;
}

}  // namespace

TEST_CASE("H13, icmp_ratelimit: six at once to one destination, then one a second") {
  icmp::RateLimit limit({});
  Instant now{};
  CHECK(to_one(limit, now, 20, 5) == 6);
  CHECK(to_one(limit, now + 999ms, 5, 5) == 0);
  CHECK(to_one(limit, now + 1s, 5, 5) == 1);
  CHECK(to_one(limit, now + 2s, 5, 5) == 1);
  CHECK(to_one(limit, now + 1h, 20, 5) == 6);
  CHECK(to_one(limit, now, 20, 6) == 6);  // of another it says nothing
}

TEST_CASE("H13, icmp6 ratelimit: of ICMPv6 ten a second to a host route, and twice as many for each 32 bits that the prefix lacks") {
  for (const auto& [bits, pause] : {std::pair{128u, 100ms}, {104u, 100ms}, {96u, 50ms}, {64u, 25ms}}) {
    INFO(bits);
    icmp::RateLimit limit({});
    const auto allowed = [&](Instant now) {
      int count = 0;
      for (int i = 0; i < 20; ++i) count += limit.allows_v6(5, now, bits);
      return count;
    };
    CHECK(allowed(Instant{}) == 6);
    CHECK(allowed(Instant{} + pause - 1us) == 0);
    CHECK(allowed(Instant{} + pause) == 1);
    CHECK(allowed(Instant{} + 4 * pause) == 3);
  }
  icmp::RateLimit limit({});
  CHECK(limit.allows_v6(5, Instant{}, 0));
}

TEST_CASE("icmp_ratelimit 0: no limit for each") {
  icmp::RateLimit limit({.ratelimit = Duration{0}});
  CHECK(to_one(limit, Instant{}, 1000, 5) == 1000);
}

TEST_CASE("H13, icmp_msgs_per_sec: fifty credits at once, then a thousand a second, and a message costs one on average") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  int at_once = 0, later = 0;
  constexpr int runs = 400;
  for (int i = 0; i < runs; ++i) {
    icmp::RateLimit limit({});
    Instant now{};
    at_once += to_all(limit, now, 1000, rng);
    CHECK(to_all(limit, now + 19ms, 1000, rng) == 0);  // HZ/50
    later += to_all(limit, now + 20ms, 1000, rng);
    now += 20ms;
    CHECK(to_all(limit, now + 19ms, 1000, rng) == 0);
  }
  // The last credit may be overdrawn, which the next fill-up makes good.
  CHECK(at_once / runs >= 49);
  CHECK(at_once / runs <= 52);
  CHECK(later / runs >= 18);
  CHECK(later / runs <= 22);
}

TEST_CASE("H13: what nobody is sent costs nothing of the limit for all") {
  icmp::RateLimit limit({});
  for (int i = 0; i < 1000; ++i) CHECK(limit.allows(Instant{}));
}
