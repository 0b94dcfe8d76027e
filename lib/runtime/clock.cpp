// SPDX-License-Identifier: BSD-3-Clause
// The one place that reads a real clock. Called by Lcore.
#include <millrace/runtime/clock.hpp>

#include <time.h>

namespace millrace::runtime {

Instant MonotonicClock::now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return Instant(std::chrono::seconds(t.tv_sec) + Duration(t.tv_nsec));
}

}  // namespace millrace::runtime
