// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/softnet.hpp>

#include "tests/support/catch.hpp"

#include <deque>
#include <functional>
#include <string>

using namespace millrace;
using runtime::Softnet;
using runtime::Vector;

namespace {

// A queue with a scripted number of packets. Records its polls in a log that all share.
class ScriptedNapi final : public poll::Napi {
 public:
  ScriptedNapi(char name, std::string& log, int packets, int weight = 64) : poll::Napi(weight), left(packets), name_(name), log_(log) {
    enable();
  }
  int poll(Env&, int weight) override {
    log_ += name_;
    if (during_poll) during_poll();
    const int work = std::min(left, weight);
    left -= work;
    taken += work;
    if (work < weight) complete();
    return work;
  }
  void weight_used(Env&) override { ++weights_used; }

  int left;
  int taken = 0;
  int weights_used = 0;
  std::function<void()> during_poll;

 private:
  char name_;
  std::string& log_;
};

constexpr int endless = 1'000'000;

struct Loop {
  Loop() {
    env.stats = &stats;
    env.now = clock.now();
  }
  void pass() {
    softnet.pending = 0;
    env.now = clock.now();
    runtime::net_rx_action(softnet, env, clock, [](void* self) { ++static_cast<Loop*>(self)->bursts; }, this);
  }
  std::deque<ScriptedNapi>& napis(int count, int packets) {
    for (int i = 0; i < count; ++i) {
      napis_.emplace_back(static_cast<char>('A' + i), log, packets);
      softnet.schedule(napis_.back());
    }
    return napis_;
  }
  std::uint64_t count(stats::Softnet which) const { return stats.softnet[which]; }

  stats::LcoreStats stats;
  Env env;
  runtime::ManualClock clock;
  Softnet softnet;
  std::string log;
  int bursts = 0;

 private:
  std::deque<ScriptedNapi> napis_;
};

}  // namespace

TEST_CASE("D6: six endless queues of weight 64: a pass is 5 polls and 320 packets") {
  Loop loop;
  auto& napis = loop.napis(6, endless);
  loop.pass();
  CHECK(loop.log == "ABCDE");
  CHECK(napis[5].taken == 0);
  CHECK(loop.count(stats::Softnet::time_squeeze) == 1);
  CHECK(loop.count(stats::Softnet::time_squeeze_left) == 1);
  CHECK(loop.bursts == 5);
}

TEST_CASE("D6, X17: one endless queue is polled once a pass: 64 packets, no squeeze, raised again") {
  Loop loop;
  auto& napis = loop.napis(1, endless);
  loop.pass();
  CHECK(napis[0].taken == 64);
  CHECK(loop.count(stats::Softnet::time_squeeze) == 0);
  CHECK((loop.softnet.pending & (1u << static_cast<unsigned>(Vector::net_rx))) != 0);
}

TEST_CASE("D7: the time limit ends a pass: 1 ms a poll and a limit of 2 ms are two polls") {
  Loop loop;
  loop.napis(4, 1);
  loop.clock.charge(1ms);
  loop.pass();
  CHECK(loop.log == "AB");
  CHECK(loop.count(stats::Softnet::time_squeeze) == 1);
}

TEST_CASE("D8: time_squeeze counts where budget ends a pass, time_squeeze_left only where work was left") {
  for (const auto& [queues, squeezes, left] : {std::tuple{5, 1u, 0u}, std::tuple{6, 1u, 1u}, std::tuple{4, 0u, 0u}}) {
    Loop loop;
    loop.napis(queues, 60);
    loop.pass();
    CHECK(loop.count(stats::Softnet::time_squeeze) == squeezes);
    CHECK(loop.count(stats::Softnet::time_squeeze_left) == left);
  }
}

TEST_CASE("D9: the next pass begins with what was left, then what was scheduled, then what used its weight") {
  Loop loop;
  std::string& log = loop.log;
  ScriptedNapi c('C', log, endless);
  ScriptedNapi a('A', log, 1);
  ScriptedNapi b('B', log, 1);
  loop.softnet.limits.netdev_budget = 64;
  loop.softnet.schedule(c);
  loop.softnet.schedule(a);
  c.during_poll = [&] { loop.softnet.schedule(b); };
  loop.pass();
  CHECK(log == "C");  // C used the whole budget; A is left, B is new, C waits on repoll
  c.during_poll = nullptr;
  c.left = 0;
  loop.softnet.limits.netdev_budget = 300;
  log.clear();
  loop.pass();
  CHECK(log == "ABC");
}

TEST_CASE("D10: a queue that used its weight is told so, one that completed is not") {
  Loop loop;
  auto& napis = loop.napis(2, 64);
  napis[1].left = 63;
  loop.pass();
  CHECK(napis[0].weights_used == 1);
  CHECK(napis[1].weights_used == 0);
  CHECK(napis[0].is_scheduled());
  CHECK_FALSE(napis[1].is_scheduled());
}

TEST_CASE("D3: scheduled three times before a poll is one poll; scheduled during a poll is polled again") {
  Loop loop;
  auto& napis = loop.napis(1, 1);
  loop.softnet.schedule(napis[0]);
  loop.softnet.schedule(napis[0]);
  CHECK(loop.log.empty());
  Loop once;
  auto& single = once.napis(1, 1);
  single[0].during_poll = [&] {
    once.softnet.schedule(single[0]);
    single[0].during_poll = nullptr;
  };
  once.pass();
  CHECK(once.log == "AA");
  CHECK_FALSE(single[0].is_scheduled());
}

TEST_CASE("D3: while net_rx_action runs, scheduling links without a raise and the pass still polls it") {
  Loop loop;
  ScriptedNapi a('A', loop.log, 1);
  ScriptedNapi b('B', loop.log, 1);
  a.during_poll = [&] {
    loop.softnet.schedule(b);
    CHECK(loop.softnet.pending == 0);
  };
  loop.softnet.schedule(a);
  loop.pass();
  CHECK(loop.log == "AB");
  CHECK(loop.softnet.pending == 0);
}

TEST_CASE("D1, D13: a queue is polled neither before enable() nor after disable()") {
  Loop loop;
  ScriptedNapi a('A', loop.log, 1);
  a.disable();
  loop.softnet.schedule(a);
  loop.pass();
  CHECK(loop.log.empty());
  a.enable();
  loop.softnet.schedule(a);
  a.disable();
  loop.pass();
  CHECK(loop.log.empty());
}

TEST_CASE("D13: a queue disabled during a poll that uses its whole weight is let go") {
  Loop loop;
  auto& napis = loop.napis(1, endless);
  napis[0].during_poll = [&] { napis[0].disable(); };
  loop.pass();
  CHECK_FALSE(napis[0].is_scheduled());
  CHECK(loop.softnet.poll_list.empty());
}
