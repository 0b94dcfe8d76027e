// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/clock.hpp>

#include "tests/support/catch.hpp"

#include <cstdlib>
#include <ctime>

using namespace millrace;

TEST_CASE("the manual clock moves only when told, or by its charge") {
  runtime::ManualClock clock;
  const Instant begin = clock.now();
  CHECK(clock.now() == begin);
  clock.advance(5ms);
  CHECK(clock.now() == begin + 5ms);
  clock.charge(1us);
  CHECK(clock.now() == begin + 5ms + 1us);
  CHECK(clock.peek() == begin + 5ms + 1us);
  CHECK(clock.now() == begin + 5ms + 2us);
}

TEST_CASE("the manual clock begins at midnight, the monotonic one knows the time of day") {
  runtime::ManualClock manual;
  CHECK(manual.utc_offset() == Duration{0});
  runtime::MonotonicClock clock;
  const auto told = std::chrono::duration_cast<std::chrono::seconds>(clock.now().time_since_epoch() + clock.utc_offset()).count();
  CHECK(std::abs(told - std::time(nullptr)) <= 1);
}

TEST_CASE("the monotonic clock does not run backwards") {
  runtime::MonotonicClock clock;
  Instant last = clock.now();
  for (int i = 0; i < 1000; ++i) {
    const Instant now = clock.now();
    REQUIRE(now >= last);
    last = now;
  }
}
