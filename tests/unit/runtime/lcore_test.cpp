// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/lcore.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

#include <thread>

using namespace millrace;

namespace {

// An lcore without ports or stacks.
struct Bare {
  explicit Bare(runtime::Clock& clock) : lcore(0, clock, waker, limits, rings) {
    lcore.parts.wheel = std::make_unique<timer::Wheel>(lcore.env().now);
    lcore.env().wheel = lcore.parts.wheel.get();
    lcore.parts.steer = std::make_unique<steer::Steer>(directory, toeplitz);
    lcore.parts.receive = std::make_unique<runtime::Receive>(
        lcore.env(), limits, *lcore.parts.steer, runtime::Receive::Wiring{.rings = rings, .wakers = wakers, .by_ifindex = stacks, .capture = {}});
    lcore.parts.backlog = std::make_unique<runtime::Backlog>(*lcore.parts.receive, rings, 0, 64);
  }
  runtime::Waker waker;
  std::array<runtime::Waker*, 1> wakers{&waker};
  runtime::SoftnetLimits limits;
  runtime::WorkerRings rings{1, 16};
  steer::FlowTable flows{16, 1};
  steer::Directory directory{{&flows}};
  steer::Toeplitz toeplitz;
  std::array<socket::Stack*, 1> stacks{};
  runtime::Lcore lcore;
};

// Raises NET_RX again from every poll, as a queue that is never empty does.
class Flood final : public poll::Napi {
 public:
  Flood() { enable(); }
  int poll(Env& env, int weight) override {
    ++polls;
    env.stats->softnet.add(stats::Softnet::processed, static_cast<std::uint64_t>(weight));
    if (on_poll) on_poll();
    return weight;
  }
  int polls = 0;
  std::function<void()> on_poll;
};

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
  CHECK(bare.lcore.stats().softnet[stats::Softnet::processed] == 640);
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

TEST_CASE("X20: an idle lcore sleeps, and a posted call wakes it") {
  runtime::MonotonicClock clock;
  Bare bare(clock);
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
  CHECK(bare.lcore.stats().softnet[stats::Softnet::idle_wakeups] > 0);
}
