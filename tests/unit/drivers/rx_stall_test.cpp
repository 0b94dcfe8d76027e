// SPDX-License-Identifier: BSD-3-Clause
// The rule by which rx queues have stalled. What it makes of devices is shown on their models (tests/devmodel).
#include "drivers/ethdev/rx_stall.hpp"

#include "tests/support/catch.hpp"

using namespace millrace;
using ethdev::RxSilence;

namespace {

constexpr Instant at(int second) { return Instant{std::chrono::seconds(second)}; }

/// Looks once a second at a port that misses a frame in each; the second at which that is told.
std::optional<int> told(RxSilence& silence, int from, int to, RxSilence::Look seen = {}) {
  std::optional<int> when;
  for (int second = from; second < to; ++second) {
    ++seen.missed;
    if (silence.look(at(second), seen) && !when) when = second;
  }
  return when;
}

}  // namespace

TEST_CASE("a port that misses all that comes to it has stalled after five seconds, which is told once") {
  RxSilence silence(5s);
  CHECK(told(silence, 0, 100) == 6);
  CHECK_FALSE(told(silence, 100, 200));
}

TEST_CASE("a port that has received a frame since is seen anew") {
  RxSilence silence(5s);
  CHECK(told(silence, 0, 10) == 6);
  CHECK(silence.is_suspect());
  silence.end();
  CHECK_FALSE(silence.is_suspect());
  CHECK(told(silence, 10, 20) == 16);
}

TEST_CASE("a port that misses a frame now and then is told of with the first behind the five seconds") {
  RxSilence silence(5s);
  CHECK_FALSE(silence.look(at(0), {.missed = 7}));
  CHECK_FALSE(silence.look(at(1), {.missed = 8}));
  for (int second = 2; second < 60; ++second) CHECK_FALSE(silence.look(at(second), {.missed = 8}));
  CHECK(silence.look(at(60), {.missed = 9}) == 59s);
}

TEST_CASE("a port to which nothing comes, or whose counter was set back, has not stalled") {
  RxSilence silence(5s);
  for (int second = 0; second < 60; ++second) CHECK_FALSE(silence.look(at(second), {.missed = 1'000'000U - static_cast<unsigned>(second)}));
  CHECK_FALSE(silence.is_suspect());
}

TEST_CASE("while the pool is empty a port has not stalled; five seconds after it has") {
  RxSilence silence(5s);
  for (unsigned second = 0; second < 60; ++second) CHECK_FALSE(silence.look(at(static_cast<int>(second)), {.missed = second, .no_buffer = second}));
  CHECK_FALSE(silence.is_suspect());
  CHECK(told(silence, 60, 80, {.missed = 60, .no_buffer = 59}) == 65);
}

TEST_CASE("while a queue is not polled its port has not stalled; five seconds after it has") {
  RxSilence silence(5s);
  CHECK_FALSE(told(silence, 0, 60, {.is_polled = false}));
  CHECK_FALSE(silence.is_suspect());
  CHECK(told(silence, 60, 80, {.missed = 60}) == 65);
}
