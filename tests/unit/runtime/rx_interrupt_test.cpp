// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/rx_interrupt.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/runtime/bare_lcore.hpp"
#include "tests/unit/runtime/fake_queue.hpp"

#include <thread>

using namespace millrace;
using runtime::Coalesce;
using runtime::RxMode;
using stats::Softnet;

namespace {

constexpr std::uint32_t napi_id = 0x10001;

/// One lcore with one queue of a fake device; what it delivers ends as a drop with reason no_stack.
struct Rig {
  Rig(runtime::Clock& clock, RxMode mode, const Coalesce& coalesce = {}, std::uint32_t descriptors = 256)
      : queue(descriptors), bare(clock) {
    bare.lcore.env().pool = &*pool;
    auto made = std::make_unique<runtime::RxPoller>(
        runtime::RxPoller::Wiring{.queue = queue,
                                  .receive = *bare.lcore.parts.receive,
                                  .arrival = {.mac = test::RawFrame{}.destination, .ifindex = 1, .napi_id = napi_id},
                                  .mode = mode,
                                  .coalesce = coalesce,
                                  .lcores = 2},
        gro::Config{});
    poller = made.get();
    bare.lcore.adopt(std::move(made));
  }
  ~Rig() { bare.lcore.shut_down(); }
  std::uint64_t delivered() const { return bare.lcore.stats().drop[stats::DropReason::no_stack]; }
  std::uint64_t count(Softnet which) const { return bare.count(which); }
  bool pass() { return bare.lcore.run_once(); }

  test::TestPool pool;
  test::FakeQueue queue;
  test::BareLcore bare;
  runtime::RxPoller* poller;
};

}  // namespace

TEST_CASE("B1: an interrupt masks the queue and schedules its NAPI; no packet is touched") {
  runtime::ManualClock clock;
  Rig rig(clock, RxMode::interrupt);
  rig.pass();  // what came before there was an interrupt is polled; then it is unmasked
  REQUIRE(rig.poller->interrupt().is_armed());
  rig.queue.trace.clear();
  rig.queue.arrive(3);
  CHECK(rig.poller->interrupt().on_event(rig.bare.lcore.env()));
  CHECK(rig.queue.trace == "d");
  CHECK(rig.queue.received == 0);
  CHECK_FALSE(rig.poller->interrupt().on_event(rig.bare.lcore.env()));  // masked: an old edge
  rig.bare.lcore.softnet().schedule(*rig.poller);
  rig.pass();
  CHECK(rig.delivered() == 3);
  CHECK(rig.count(Softnet::interrupts) == 1);
}

TEST_CASE("B3: at a low rate each packet is an interrupt and goes up in the pass that takes it; under load there are none") {
  runtime::ManualClock clock;
  Rig rig(clock, RxMode::interrupt);
  rig.pass();
  for (std::uint64_t i = 0; i < 1000; ++i) {
    clock.advance(1ms);
    rig.queue.arrive();
    rig.pass();
    REQUIRE(rig.delivered() == i + 1);
  }
  CHECK(rig.queue.irqs == 1000);
  const std::uint64_t before = rig.queue.irqs;
  const std::uint64_t received = rig.queue.received;
  rig.queue.arrive(64);
  rig.queue.on_receive = [&] { rig.queue.arrive(40); };
  for (int i = 0; i < 100; ++i) rig.pass();
  CHECK(rig.queue.received - received >= 64'000);
  CHECK(rig.queue.irqs - before == 1);  // interrupts per packet: 0.00002
  rig.queue.on_receive = nullptr;
}

TEST_CASE("B3: a packet between the last look and the unmasking makes no interrupt and is not lost") {
  runtime::ManualClock clock;
  Rig rig(clock, RxMode::interrupt);
  int late = 1;
  rig.queue.on_arm = [&] {
    if (late-- <= 0) return;
    // It came just before: the device saw the interrupt masked.
    rig.queue.disarm();
    rig.queue.arrive();
    rig.queue.has_interrupt = true;
  };
  rig.pass();
  rig.pass();
  CHECK(rig.delivered() == 1);
  CHECK(rig.queue.irqs == 0);
  CHECK(rig.poller->interrupt().is_armed());
}

TEST_CASE("B3, A9: an interrupt that the device lost is made up for by the watchdog's second look, and only then") {
  runtime::ManualClock clock;
  Rig rig(clock, RxMode::interrupt);
  rig.pass();
  REQUIRE(rig.poller->interrupt().is_armed());
  CHECK_FALSE(rig.poller->misses_interrupt());
  rig.queue.disarm();  // the device, which forgets to tell
  rig.queue.arrive(3);
  CHECK_FALSE(rig.poller->misses_interrupt());
  CHECK(rig.poller->misses_interrupt());
  rig.pass();
  CHECK(rig.delivered() == 3);
  CHECK_FALSE(rig.poller->misses_interrupt());
  CHECK_FALSE(rig.poller->misses_interrupt());
}

TEST_CASE("B3: adaptive: polled at every pass, asleep on its interrupt when idle, woken by the first packet") {
  runtime::MonotonicClock clock;
  Rig rig(clock, RxMode::adaptive);
  std::atomic<bool> stop{false};
  std::thread thread([&] { rig.bare.lcore.run(stop); });
  const auto until = [&](auto&& condition) {
    for (int i = 0; i < 10000 && !condition(); ++i) std::this_thread::sleep_for(1ms);
    REQUIRE(condition());
  };
  for (std::uint64_t i = 0; i < 20; ++i) {
    const std::uint64_t sleeps = rig.count(Softnet::idle_sleeps);
    until([&] { return rig.count(Softnet::idle_sleeps) > sleeps; });
    rig.queue.arrive();
    until([&] { return rig.delivered() == i + 1; });
  }
  CHECK(rig.count(Softnet::interrupts) > 0);
  stop.store(true);
  rig.bare.waker.wake_if_asleep();
  thread.join();
}

TEST_CASE("B3: a queue in poll mode never lets its lcore sleep") {
  runtime::MonotonicClock clock;
  Rig rig(clock, RxMode::poll);
  std::atomic<bool> stop{false};
  std::thread thread([&] { rig.bare.lcore.run(stop); });
  while (rig.count(Softnet::passes) < 20'000) std::this_thread::yield();
  stop.store(true);
  thread.join();
  CHECK(rig.count(Softnet::idle_sleeps) == 0);
  CHECK(rig.count(Softnet::interrupts_armed) == 0);
}

TEST_CASE("B4: an overloaded lcore lets the device drop: what the stack drops is below 1% of all drops") {
  runtime::ManualClock clock;
  Rig rig(clock, RxMode::adaptive);
  for (int i = 0; i < 300; ++i) {
    rig.queue.arrive(2000);
    rig.pass();
  }
  std::uint64_t deep = 0;
  const auto& drops = rig.bare.lcore.stats().drop;
  for (std::size_t reason = 0; reason < stats::CounterBlock<stats::DropReason>::size; ++reason)
    if (static_cast<stats::DropReason>(reason) != stats::DropReason::no_stack) deep += drops[static_cast<stats::DropReason>(reason)];
  CHECK(rig.queue.missed > 500'000);
  CHECK(deep * 100 < rig.queue.missed + deep);
  CHECK(rig.delivered() + rig.queue.missed + static_cast<std::uint64_t>(rig.queue.waiting()) == 600'000);
}

TEST_CASE("B5: rx_usecs 50: at most 20,000 interrupts in a second") {
  runtime::ManualClock clock;
  Rig rig(clock, RxMode::interrupt, {.rx_usecs = 50us});
  rig.pass();
  for (int us = 0; us < 100'000; ++us) {
    clock.advance(1us);
    if (us % 3 == 0) rig.queue.arrive();
    rig.pass();
  }
  clock.advance(100us);
  rig.pass();
  CHECK(rig.queue.irqs <= 2'000);  // in 100 ms
  CHECK(rig.count(Softnet::coalesce_timer) <= 2'001);
  CHECK(rig.delivered() == 33'334);
  // A packet a millisecond: each its own interrupt, and none waits.
  const std::uint64_t before = rig.queue.irqs;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t delivered = rig.delivered();
    for (int step = 0; step < 10; ++step) {
      clock.advance(100us);
      rig.pass();
    }
    rig.queue.arrive();
    rig.pass();
    CHECK(rig.delivered() == delivered + 1);
  }
  CHECK(rig.queue.irqs == before + 100);
}

TEST_CASE("B5: rx_frames 32 ends the hold-off at 32 packets, else the timer does") {
  runtime::ManualClock clock;
  Rig rig(clock, RxMode::interrupt, {.rx_usecs = 100us, .rx_frames = 32});
  rig.pass();  // empty, held off
  for (int i = 0; i < 31; ++i) {
    rig.queue.arrive();
    rig.pass();
  }
  CHECK(rig.delivered() == 0);
  rig.queue.arrive();
  rig.pass();
  CHECK(rig.delivered() == 32);
  CHECK(rig.count(Softnet::coalesce_frames) == 1);
  CHECK(rig.count(Softnet::coalesce_timer) == 0);
  rig.queue.arrive(5);
  clock.advance(99us);
  rig.pass();
  CHECK(rig.delivered() == 32);
  clock.advance(1us);
  rig.pass();
  CHECK(rig.delivered() == 37);
  CHECK(rig.count(Softnet::coalesce_timer) == 1);
}

TEST_CASE("B5, B6: adaptive-rx: the hold-off follows a step in the load, both ways, and is shown") {
  runtime::ManualClock clock;
  Rig rig(clock, RxMode::interrupt, {.adaptive = true});
  const auto load = [&](Duration gap, Duration time) {
    for (Duration passed{0}; passed < time; passed += gap) {
      clock.advance(gap);
      rig.queue.arrive();
      rig.pass();
    }
    return rig.poller->interrupt().current_usecs();
  };
  CHECK(load(500us, 20ms) == 0us);
  CHECK(load(20us, 10ms) == 20us);   // 50,000 a second
  CHECK(load(4us, 10ms) == 50us);    // 250,000
  CHECK(load(1us, 10ms) == 100us);   // a million
  CHECK(load(500us, 20ms) == 0us);
}

TEST_CASE("B9: /proc/interrupts: a line a queue, a column an lcore; the sum is what was injected") {
  runtime::ManualClock clock;
  Rig rig(clock, RxMode::interrupt);
  rig.pass();
  for (int i = 0; i < 7; ++i) {
    rig.queue.arrive();
    rig.pass();
  }
  CHECK(rig.queue.irqs == 7);
  CHECK(rig.poller->interrupt().count(0) + rig.poller->interrupt().count(1) == 7);
  const std::array<runtime::InterruptRow, 1> rows{{{24, "MSI-X", "net0-rx-0", &rig.poller->interrupt()}}};
  CHECK(runtime::to_proc_interrupts(rows, 2) ==
        "           CPU0       CPU1       \n"
        " 24:          7          0  MSI-X  net0-rx-0\n");
}

TEST_CASE("B11: the event of an unknown queue is counted, and nothing else happens") {
  runtime::ManualClock clock;
  Rig rig(clock, RxMode::interrupt);
  rig.pass();
  const int stray = eventfd(1, EFD_NONBLOCK);
  REQUIRE(rig.bare.lcore.events().add(stray, 0x990001));
  rig.pass();
  CHECK(rig.count(Softnet::interrupts_spurious) == 1);
  CHECK(rig.count(Softnet::interrupts) == 0);
  close(stray);
}

TEST_CASE("D12, D14: a deferred completion leaves the interrupt masked until the empty polls are over") {
  runtime::ManualClock clock;
  Rig rig(clock, RxMode::interrupt);
  rig.poller->tunables = {.gro_flush_timeout = 100us, .defer_hard_irqs = 2};
  rig.pass();
  REQUIRE(rig.poller->interrupt().is_armed());
  rig.queue.arrive();
  rig.pass();
  CHECK_FALSE(rig.poller->interrupt().is_armed());
  clock.advance(100us);
  rig.pass();
  CHECK_FALSE(rig.poller->interrupt().is_armed());
  clock.advance(100us);
  rig.pass();
  CHECK(rig.poller->interrupt().is_armed());
  CHECK(rig.count(Softnet::napi_watchdog) == 2);
}
