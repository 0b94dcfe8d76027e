// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/lcore.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/runtime/bare_lcore.hpp"

#include <vector>

using namespace millrace;

namespace {

constexpr socket::BusyPoll for_50_us{.us = 50, .budget = 8};

/// A queue that gives what it is told to, poll by poll, then nothing.
class Scripted final : public poll::Napi {
 public:
  Scripted() { set_id(7); }
  int poll(Env& env, int weight) override {
    weights.push_back(weight);
    times.push_back(env.now);
    const int work = next < script.size() ? script[next++] : 0;
    if (work < weight) complete_done(env, work);
    return work;
  }
  std::vector<int> script;
  std::vector<int> weights;
  std::vector<Instant> times;
  std::size_t next = 0;
};

struct World {
  World() {
    lcore.softnet().add(napi);
    lcore.run_once();  // the schedule of its beginning
    napi.weights.clear();
    napi.times.clear();
  }
  /// Until `packets` have come.
  void busy_poll(int packets, const socket::BusyPoll& wanted = for_50_us, std::uint32_t id = 7) {
    std::pair<World*, std::uint64_t> until{this, counted() + static_cast<std::uint64_t>(packets)};
    lcore.busy_poll(
        id, wanted, [](void* u) {
          const auto& [world, total] = *static_cast<decltype(until)*>(u);
          return world->counted() >= total;
        },
        &until);
  }
  [[nodiscard]] std::uint64_t counted() const { return lcore.stats().tcp_ext[stats::TcpExt::BusyPollRxPackets]; }
  [[nodiscard]] std::uint64_t count(stats::Socket which) const { return lcore.stats().socket[which]; }

  runtime::ManualClock clock;
  test::BareLcore bare{clock};
  runtime::Lcore& lcore = bare.lcore;
  Scripted napi;
};

}  // namespace

TEST_CASE("L5: a busy poll takes packets 8 at a time, and ends when its socket has something") {
  World w;
  w.clock.charge(1us);
  w.napi.script = {0, 0, 3, 1};
  w.busy_poll(1);
  CHECK(w.napi.weights == std::vector<int>{8, 8, 8});
  CHECK(w.counted() == 3);
  CHECK(w.count(stats::Socket::busy_polls) == 3);
  CHECK_FALSE(w.napi.is_scheduled());
  w.busy_poll(1, {.us = 50, .budget = 16});
  CHECK(w.napi.weights.back() == 16);
}

TEST_CASE("L5: it ends when its time is over, to the microsecond of the clock's readings") {
  World w;
  w.clock.charge(1us);
  const Instant start = w.clock.peek();
  w.busy_poll(1);
  CHECK(w.clock.peek() - start >= 50us);
  CHECK(w.clock.peek() - start <= 53us);
  CHECK(w.napi.times.back() > w.napi.times.front());  // env.now moves with the polls
}

TEST_CASE("L5: where the clock stands still, one look is enough") {
  World w;
  w.busy_poll(1);
  CHECK(w.napi.weights.size() == 1);
}

TEST_CASE("L5: a poll that used its whole budget leaves its queue to the loop") {
  World w;
  w.napi.script = {8, 5};
  w.busy_poll(1);
  // At the end of the call, as local_bh_enable() does it.
  CHECK(w.napi.weights == std::vector<int>{8, poll::default_weight});
  CHECK(w.counted() == 8);
  CHECK_FALSE(w.napi.is_scheduled());
  CHECK(w.lcore.softirq().depth() == 0);
}

TEST_CASE("L5, X10: a queue that this lcore does not own now, or that is let go, is not polled") {
  World w;
  w.napi.script = {1};
  w.busy_poll(1, for_50_us, 8);
  CHECK(w.napi.weights.empty());
  CHECK(w.count(stats::Socket::busy_poll_refused) == 1);
  w.lcore.softnet().remove(w.napi);
  w.busy_poll(1);
  CHECK(w.napi.weights.empty());
  CHECK(w.count(stats::Socket::busy_poll_refused) == 2);
}

TEST_CASE("L5, C9: from inside a handler nothing is polled") {
  World w;
  test::FloodNapi outer;
  outer.on_poll = [&] { w.busy_poll(1); };
  w.lcore.softnet().schedule(outer);
  w.lcore.run_once();
  CHECK(w.napi.weights.empty());
  CHECK(w.count(stats::Socket::busy_poll_refused) > 0);
}
