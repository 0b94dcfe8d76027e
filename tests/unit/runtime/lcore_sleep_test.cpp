// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/unit/runtime/bare_lcore.hpp"

#include <thread>

using namespace millrace;

TEST_CASE("X20: an idle lcore sleeps, and a posted call wakes it") {
  runtime::MonotonicClock clock;
  test::BareLcore bare(clock);
  std::atomic<bool> stop{false};
  std::thread thread([&] { bare.lcore.run(stop); });
  std::atomic<int> calls{0};
  for (int i = 0; i < 200; ++i) {
    // Wait until it has gone to sleep since the last call, so that each post meets a sleeper or one about to be.
    const auto sleeps = bare.lcore.stats().softnet[stats::Softnet::idle_sleeps];
    while (bare.lcore.stats().softnet[stats::Softnet::idle_sleeps] == sleeps) std::this_thread::yield();
    bare.lcore.inbox().post([&] { calls.fetch_add(1); });
    while (calls.load() != i + 1) std::this_thread::yield();
  }
  stop.store(true);
  thread.join();
  CHECK(calls == 200);
  CHECK(bare.count(stats::Softnet::idle_wakeups) > 0);
}
