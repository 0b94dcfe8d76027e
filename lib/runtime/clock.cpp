// SPDX-License-Identifier: BSD-3-Clause
// The one place that reads a real clock. Called by Lcore and StageClock.
#include <millrace/runtime/clock.hpp>

#include <rte_cycles.h>
#include <time.h>

namespace millrace::runtime {

namespace {

Duration read(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return std::chrono::seconds(t.tv_sec) + Duration(t.tv_nsec);
}

}  // namespace

Instant MonotonicClock::now() { return Instant(read(CLOCK_MONOTONIC)); }

Duration MonotonicClock::utc_offset() { return read(CLOCK_REALTIME) - read(CLOCK_MONOTONIC); }

std::uint64_t MonotonicClock::ticks() { return rte_rdtsc(); }

double MonotonicClock::ns_per_tick() const { return 1e9 / static_cast<double>(rte_get_tsc_hz()); }

}  // namespace millrace::runtime
