// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/icmp/rate_limit.hpp>

#include "tests/support/catch.hpp"

using namespace millrace;

namespace {

int burst(icmp::RateLimit& limit, Instant now, int tries, std::uint64_t first_hash, std::uint64_t step) {
  int allowed = 0;
  for (int i = 0; i < tries; ++i) allowed += limit.allow(first_hash + static_cast<std::uint64_t>(i) * step, now);
  return allowed;
}

}  // namespace

TEST_CASE("H13, icmp_ratelimit: six at once to one destination, then one a second") {
  icmp::RateLimit limit({});
  Instant now{};
  CHECK(burst(limit, now, 20, 5, 0) == 6);
  CHECK(burst(limit, now + 999ms, 5, 5, 0) == 0);
  CHECK(burst(limit, now + 1s, 5, 5, 0) == 1);
  CHECK(burst(limit, now + 2s, 5, 5, 0) == 1);
  CHECK(burst(limit, now + 1h, 20, 5, 0) == 6);
}

TEST_CASE("H13, icmp_msgs_per_sec: fifty at once to all, then a thousand a second") {
  icmp::RateLimit limit({});
  Instant now{};
  CHECK(burst(limit, now, 200, 0, 1) == 50);
  CHECK(burst(limit, now + 10ms, 200, 60, 1) == 10);
}

TEST_CASE("one destination's limit does not use up another's, nor the limit for all") {
  icmp::RateLimit limit({});
  Instant now{};
  CHECK(burst(limit, now, 1000, 5, 0) == 6);
  CHECK(burst(limit, now, 44, 10, 1) == 44);
  CHECK(burst(limit, now, 1, 100, 1) == 0);
}
