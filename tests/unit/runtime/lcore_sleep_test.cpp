// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/unit/runtime/bare_lcore.hpp"
#include "tests/unit/runtime/fake_queue.hpp"

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

TEST_CASE("B5: rx_frames 32 ends a hold-off of 10 s though the lcore has nothing to do and sleeps") {
  runtime::MonotonicClock clock;
  test::TestPool pool;
  test::FakeQueue queue;
  test::BareLcore bare(clock);
  bare.lcore.env().pool = &*pool;
  auto made = std::make_unique<runtime::RxPoller>(
      runtime::RxPoller::Wiring{.queue = queue,
                                .receive = *bare.lcore.parts.receive,
                                .arrival = {.mac = test::RawFrame{}.destination, .ifindex = 1, .napi_id = 0x10001},
                                .mode = runtime::RxMode::interrupt,
                                .coalesce = {.rx_usecs = 10s, .rx_frames = 32}},
      gro::Config{});
  CHECK(made->interrupt().can_count_frames());
  bare.lcore.adopt(std::move(made));
  bare.lcore.run_once();  // empty, held off
  std::atomic<bool> stop{false};
  std::thread thread([&] { bare.lcore.run(stop); });
  const auto& softnet = bare.lcore.stats().softnet;
  const auto sleeps_again = [&] {
    const auto before = softnet[stats::Softnet::idle_sleeps];
    const Instant begin = clock.now();
    while (softnet[stats::Softnet::idle_sleeps] < before + 200) std::this_thread::yield();
    CHECK(clock.now() - begin < 10s);  // 200 looks: 5 us apart, not as long as it may sleep otherwise
  };
  sleeps_again();
  queue.arrive(31);
  sleeps_again();
  CHECK(softnet[stats::Softnet::processed] == 0);
  const Instant last = clock.now();
  queue.arrive(1);
  while (softnet[stats::Softnet::processed] < 32 && clock.now() < last + 9s) std::this_thread::yield();
  CHECK(softnet[stats::Softnet::processed] == 32);
  CHECK(softnet[stats::Softnet::coalesce_frames] == 1);
  CHECK(softnet[stats::Softnet::coalesce_timer] == 0);
  stop.store(true);
  bare.waker.wake_if_asleep();
  thread.join();
  bare.lcore.shut_down();
}
