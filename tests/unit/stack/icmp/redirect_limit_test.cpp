// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/icmp/redirect_limit.hpp>

#include "tests/support/catch.hpp"

using namespace millrace;

TEST_CASE("H6: a sender that does not listen is told nine times, each time after twice the pause, and again after 20 s of silence") {
  icmp::RedirectLimit limit;
  std::vector<std::int64_t> told;
  const Instant begin = Instant{} + 1h;
  Instant now = begin;
  for (; now < begin + 60s; now += 1ms)
    if (limit.allow(7, now)) told.push_back((now - begin) / Duration(1ms));
  CHECK(told == std::vector<std::int64_t>{0, 41, 122, 283, 604, 1245, 2526, 5087, 10208});
  CHECK(limit.allow(8, now));  // another sender
  CHECK_FALSE(limit.allow(7, now));
  now += 20481ms;
  CHECK(limit.allow(7, now));
}
