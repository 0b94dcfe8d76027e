// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/lcore.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"
#include "tests/unit/runtime/bare_lcore.hpp"

#include <atomic>
#include <future>
#include <thread>

using namespace millrace;

namespace {

using Bare = test::BareLcore;
using Flood = test::FloodNapi;

}  // namespace

TEST_CASE("a pass makes posted calls, fires due timers, and says whether there was work") {
  runtime::ManualClock clock;
  Bare bare(clock);
  CHECK_FALSE(bare.lcore.run_once());
  int calls = 0;
  bare.lcore.inbox().post([&] { ++calls; });
  CHECK(bare.lcore.run_once());
  CHECK(calls == 1);
  int fired = 0;
  timer::Timer timer([](void* count, Instant) { ++*static_cast<int*>(count); }, &fired);
  bare.lcore.env().wheel->arm(timer, clock.peek() + 5ms);
  CHECK(bare.lcore.next_deadline() == clock.peek() + 5ms);
  CHECK_FALSE(bare.lcore.run_once());
  clock.advance(5ms);
  CHECK(bare.lcore.run_once());
  CHECK(fired == 1);
  CHECK(bare.lcore.next_deadline() == never);
}

TEST_CASE("C4, D6: one flooded queue is 64 packets a pass and 10 passes an entry, then the caller has its turn") {
  runtime::ManualClock clock;
  Bare bare(clock);
  Flood flood;
  bare.lcore.softnet().schedule(flood);
  CHECK(bare.lcore.run_once());
  CHECK(flood.polls == 10);
  CHECK(bare.count(stats::Softnet::processed) == 640);
  CHECK(bare.count(stats::Softnet::event_runs) == 1);
  CHECK(bare.count(stats::Softnet::deferred_wakeups) == 1);
  CHECK(bare.lcore.softirq().is_deferred());
}

TEST_CASE("C4: passes of 3 ms each are one pass an entry") {
  runtime::ManualClock clock;
  Bare bare(clock);
  Flood flood;
  flood.on_poll = [&] { clock.advance(3ms); };
  bare.lcore.softnet().schedule(flood);
  bare.lcore.run_once();
  CHECK(flood.polls == 1);
}

TEST_CASE("C4: work posted to the lcore (need_resched) ends the restarts") {
  runtime::ManualClock clock;
  Bare bare(clock);
  Flood flood;
  flood.on_poll = [&] {
    if (flood.polls == 3) bare.lcore.inbox().post([] {});
  };
  bare.lcore.softnet().schedule(flood);
  bare.lcore.run_once();
  CHECK(flood.polls == 3);
}

TEST_CASE("C5: under a flood the application has its turn once for each deferred run of at most 10 passes") {
  runtime::ManualClock clock;
  Bare bare(clock);
  Flood flood;
  bare.lcore.softnet().schedule(flood);
  int tasks = 0;
  std::function<void()> again = [&] {
    ++tasks;
    bare.lcore.inbox().post(again);
  };
  bare.lcore.inbox().post(again);
  for (int pass = 0; pass < 100; ++pass) bare.lcore.run_once();
  CHECK(tasks == 100);
  CHECK(flood.polls >= 100);  // and the stack has its own: at least one pass for each turn of the application
  CHECK(bare.count(stats::Softnet::deferred_runs) >= 99);

  // An application that asks for nothing leaves the stack ten passes a turn.
  Bare quiet(clock);
  Flood alone;
  quiet.lcore.softnet().schedule(alone);
  for (int pass = 0; pass < 10; ++pass) quiet.lcore.run_once();
  CHECK(alone.polls == 100);
}

TEST_CASE("C6: what an event raised is run in the pass that heard of it") {
  runtime::ManualClock clock;
  Bare bare(clock);
  int fired = 0;
  timer::Timer timer([](void* count, Instant) { ++*static_cast<int*>(count); }, &fired);
  bare.lcore.env().wheel->arm(timer, clock.peek() + 1ms);
  clock.advance(1ms);
  bare.lcore.run_once();
  CHECK(fired == 1);
  int requests = 0;
  bare.lcore.post_control([&] { ++requests; });
  CHECK(bare.lcore.has_work());
  bare.lcore.run_once();
  CHECK(requests == 1);
  CHECK(bare.lcore.stats().softirq_latency[stats::SoftirqLatency::below_1us] == 2);  // event to run
  CHECK(bare.count(stats::Softnet::event_runs) == 2);
  // What another thread raised is heard of as well.
  const std::uint64_t runs = bare.lcore.stats().softirq[stats::Softirq::net_rx];
  bare.lcore.softirq().raise_remote(runtime::Vector::net_rx);
  CHECK(bare.lcore.has_work());
  bare.lcore.run_once();
  CHECK(bare.lcore.stats().softirq[stats::Softirq::net_rx] == runs + 1);
  CHECK(bare.count(stats::Softnet::event_runs) == 3);
}

TEST_CASE("C7: flood and a control request: on, it is served inline and NET_RX waits; off, both run inline") {
  for (const bool older_rule : {false, true}) {
    runtime::ManualClock clock;
    Bare bare(clock, {.softirq = {.defer_when_deferred = older_rule}});
    Flood flood;
    bare.lcore.softnet().schedule(flood);
    bare.lcore.run_once();
    REQUIRE(bare.lcore.softirq().is_deferred());
    const int polls_before = flood.polls;
    int served = 0;
    int polls_when_served = -1;
    bare.lcore.post_control([&] { ++served; });
    flood.on_poll = [&] {
      if (served == 1 && polls_when_served < 0) polls_when_served = flood.polls;
    };
    // Between deferred mode's turns: the end of a call of the application.
    bare.lcore.softirq().bh_disable();
    bare.lcore.softirq().bh_enable();
    CHECK(served == 1);
    CHECK((flood.polls == polls_before) == older_rule);
  }
}

TEST_CASE("C8: each of the three sites counts its own runs") {
  runtime::ManualClock clock;
  Bare event(clock);
  event.lcore.post_control([] {});
  event.lcore.run_once();
  CHECK(event.count(stats::Softnet::event_runs) == 1);
  CHECK(event.count(stats::Softnet::api_exit_runs) == 0);
  CHECK(event.count(stats::Softnet::deferred_runs) == 0);

  Bare api(clock);
  Flood flood;
  flood.on_poll = [&] { flood.disable(); };
  api.lcore.inbox().post([&] { api.lcore.softnet().schedule(flood); });
  api.lcore.run_once();
  CHECK(flood.polls == 1);
  CHECK(api.count(stats::Softnet::event_runs) == 0);
  CHECK(api.count(stats::Softnet::api_exit_runs) == 1);
  CHECK(api.count(stats::Softnet::deferred_runs) == 0);

  Bare deferred(clock, {.softirq = {.force_thread = true}});
  deferred.lcore.post_control([] {});
  deferred.lcore.run_once();
  deferred.lcore.run_once();
  CHECK(deferred.count(stats::Softnet::event_runs) == 0);
  CHECK(deferred.count(stats::Softnet::api_exit_runs) == 0);
  CHECK(deferred.count(stats::Softnet::deferred_runs) == 1);
}

TEST_CASE("B10: softirq.force_thread leaves everything to deferred mode") {
  runtime::ManualClock clock;
  Bare bare(clock, {.softirq = {.force_thread = true}});
  Flood flood;
  bare.lcore.softnet().schedule(flood);
  for (int pass = 0; pass < 11; ++pass) bare.lcore.run_once();
  CHECK(flood.polls == 100);
  CHECK(bare.count(stats::Softnet::event_runs) == 0);
  CHECK(bare.count(stats::Softnet::deferred_runs) == 10);
}

TEST_CASE("C14: application, stack and idle time add up to all of it") {
  runtime::ManualClock clock;
  Bare bare(clock);
  const Instant start = clock.peek();
  Flood flood;
  flood.on_poll = [&] {
    clock.advance(30us);
    flood.disable();
  };
  bare.lcore.inbox().post([&] { clock.advance(20us); });
  bare.lcore.run_once();
  bare.lcore.softnet().schedule(flood);
  bare.lcore.run_once();
  clock.advance(50us);
  bare.lcore.run_once();
  CHECK(bare.count(stats::Softnet::time_app_ns) == 20'000);
  CHECK(bare.count(stats::Softnet::time_softirq_ns) == 30'000);
  CHECK(bare.count(stats::Softnet::time_idle_ns) == 50'000);
  CHECK(clock.peek() - start == 100us);
}

TEST_CASE("C14: what a call of the application has raised is the stack's time, though it runs at the call's end") {
  runtime::ManualClock clock;
  Bare bare(clock);
  Flood flood;
  flood.on_poll = [&] {
    clock.advance(30us);
    flood.disable();
  };
  bare.lcore.inbox().post([&] {
    clock.advance(20us);
    bare.lcore.softnet().schedule(flood);
  });
  bare.lcore.run_once();
  CHECK(bare.count(stats::Softnet::api_exit_runs) == 1);
  CHECK(bare.count(stats::Softnet::time_app_ns) == 20'000);
  CHECK(bare.count(stats::Softnet::time_softirq_ns) == 30'000);
}

TEST_CASE("F18, M3: netif_rx always goes by the backlog, and is delivered when the application's call ends") {
  test::TestPool pool;
  runtime::ManualClock clock;
  Bare bare(clock);
  const std::array<std::uint8_t, 60> frame{};
  bare.lcore.netif_rx(pool.packet(frame));
  CHECK(bare.lcore.stats().drop[stats::DropReason::no_stack] == 1);  // delivered: there is no stack behind it
  CHECK(bare.lcore.stats().steer[stats::Steer::backlog_head] == 1);
  CHECK(bare.count(stats::Softnet::api_exit_runs) == 1);
  CHECK(bare.count(stats::Softnet::received_rps) == 0);  // nobody else woke it
  {
    const runtime::BhSection call(bare.lcore.softirq());
    bare.lcore.netif_rx(pool.packet(frame));
    bare.lcore.netif_rx(pool.packet(frame));
    CHECK(bare.lcore.stats().drop[stats::DropReason::no_stack] == 1);  // not from inside
  }
  CHECK(bare.lcore.stats().drop[stats::DropReason::no_stack] == 3);
  CHECK(bare.count(stats::Softnet::api_exit_runs) == 2);
  CHECK(bare.count(stats::Softnet::polls) == 2);
}

namespace {

/// A flood whose polls another thread may count.
class CountedFlood final : public poll::Napi {
 public:
  int poll(Env&, int weight) override {
    polls.fetch_add(1);
    return weight;
  }
  std::atomic<int> polls{0};
};

}  // namespace

TEST_CASE("D13: under a flood a control thread's disable returns within one poll, and no poll follows") {
  runtime::MonotonicClock clock;
  Bare bare(clock);
  CountedFlood flood;
  flood.enable();
  bare.lcore.softnet().schedule(flood);
  std::atomic<bool> stop{false};
  std::thread thread([&] { bare.lcore.run(stop); });
  while (flood.polls.load() < 1000) std::this_thread::yield();
  flood.request_disable();
  const int asked = flood.polls.load();
  std::promise<bool> let_go;
  REQUIRE(bare.lcore.post_control([&] { let_go.set_value(flood.disable()); }));
  CHECK(let_go.get_future().get());
  const int ended = flood.polls.load();
  CHECK(ended <= asked + 1);
  std::this_thread::sleep_for(5ms);
  CHECK(flood.polls.load() == ended);
  stop.store(true);
  bare.waker.wake_if_asleep();
  thread.join();
  CHECK_FALSE(flood.is_scheduled());
}

TEST_CASE("F12: an lcore's tunables change in the one copy that all its parts read") {
  runtime::ManualClock clock;
  Bare bare(clock);
  runtime::SoftnetLimits limits;
  limits.dev_weight = 128;
  limits.netdev_budget = 500;
  limits.softirq.max_restart = 3;
  bare.lcore.set_limits(limits);
  CHECK(bare.lcore.parts.backlog->weight() == 128);
  CHECK(bare.lcore.softnet().limits.netdev_budget == 500);
  CHECK(bare.lcore.softirq().limits.max_restart == 3);
}
