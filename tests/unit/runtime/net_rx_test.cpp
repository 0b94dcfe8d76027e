// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/softnet.hpp>

#include "tests/support/catch.hpp"

#include <millrace/base/log.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

using namespace millrace;
using runtime::Softnet;

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
    if (work < weight && completes) complete();
    if (work == weight && completes_too_soon) {
      complete();
      if (after_complete) after_complete();
    }
    return work + beyond;
  }
  void weight_used(Env&) override { ++weights_used; }

  int left;
  int taken = 0;
  int weights_used = 0;
  bool completes = true;            // as the contract has it
  bool completes_too_soon = false;  // or with its whole weight used
  int beyond = 0;                   // packets that it claims above its weight
  std::function<void()> during_poll;
  std::function<void()> after_complete;

 private:
  char name_;
  std::string& log_;
};

constexpr int endless = 1'000'000;

// What is logged while it lives.
class Said {
 public:
  Said() {
    set_log_sink([this](LogLevel, std::string_view text) { lines_.emplace_back(text); });
  }
  ~Said() { set_log_sink({}); }
  [[nodiscard]] long count(std::string_view part) const {
    return std::count_if(lines_.begin(), lines_.end(), [&](const std::string& l) { return l.find(part) != l.npos; });
  }

 private:
  std::vector<std::string> lines_;
};

struct Loop {
  Loop() {
    env.stats = &stats;
    env.now = clock.now();
  }
  void pass() {
    env.now = clock.now();
    runtime::net_rx_action(softnet, env, clock, [](void* self) { ++static_cast<Loop*>(self)->bursts; }, this);
  }
  /// NET_RX raised since the last call.
  bool raised() {
    const std::uint64_t before = raises_seen_;
    raises_seen_ = stats.softirq_raised[stats::Softirq::net_rx];
    return raises_seen_ != before;
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
  runtime::Waker waker;
  runtime::Softirq softirq{env, clock, waker, nullptr};
  Softnet softnet{env, softirq};
  std::string log;
  int bursts = 0;

 private:
  std::deque<ScriptedNapi> napis_;
  std::uint64_t raises_seen_ = 0;
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
  CHECK(loop.raised());
  loop.pass();
  CHECK(napis[0].taken == 64);
  CHECK(loop.count(stats::Softnet::time_squeeze) == 0);
  CHECK(loop.raised());
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
    CHECK_FALSE(loop.raised());
  };
  loop.softnet.schedule(a);
  CHECK(loop.raised());
  loop.pass();
  CHECK(loop.log == "AB");
  CHECK_FALSE(loop.raised());
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

TEST_CASE("D13: another thread's request ends a flood with the poll that is under way; between polls none begins") {
  Loop loop;
  auto& napis = loop.napis(2, endless);
  napis[0].during_poll = [&] { std::thread([&] { napis[0].request_disable(); }).join(); };
  loop.pass();
  CHECK(loop.log == "AB");
  CHECK_FALSE(napis[0].is_scheduled());
  std::thread([&] { napis[1].request_disable(); }).join();
  REQUIRE(napis[1].is_scheduled());
  for (int i = 0; i < 3; ++i) {
    loop.softnet.schedule(napis[0]);
    loop.softnet.schedule(napis[1]);
    loop.pass();
  }
  CHECK(loop.log == "AB");
  CHECK(loop.softnet.poll_list.empty());
  napis[0].during_poll = nullptr;
  napis[0].enable();
  loop.softnet.schedule(napis[0]);
  loop.pass();
  CHECK(loop.log == "ABA");
}

TEST_CASE("D4: less than the weight without complete is reported as napi_stuck, and the queue is not lost") {
  Said said;
  Loop loop;
  auto& napis = loop.napis(1, 10);
  napis[0].completes = false;
  for (int i = 0; i < 1000; ++i) {
    if (i > 0) loop.softnet.schedule(napis[0]);
    loop.pass();
  }
  CHECK(loop.count(stats::Softnet::napi_stuck) == 1000);
  CHECK(loop.log.size() == 1000);
  CHECK(said.count("without complete") == 1);
}

TEST_CASE("D4: the whole weight after complete is reported, and the loop leaves the queue alone") {
  Said said;
  Loop loop;
  auto& napis = loop.napis(1, endless);
  napis[0].completes_too_soon = true;
  loop.pass();
  CHECK(loop.count(stats::Softnet::napi_stuck) == 1);
  CHECK(said.count("completed all the same") == 1);
  CHECK_FALSE(napis[0].is_scheduled());
  CHECK(loop.softnet.poll_list.empty());
}

TEST_CASE("D10: a queue that stands on a list again when its weight is used is warned of once") {
  Said said;
  Loop loop;
  loop.softnet.limits.netdev_budget = 64;
  auto& napis = loop.napis(1, endless);
  napis[0].completes_too_soon = true;
  // Rescheduled between its completion and its return.
  napis[0].after_complete = [&] { loop.softnet.schedule(napis[0]); };
  for (int i = 0; i < 5; ++i) loop.pass();
  CHECK(said.count("Budget exhausted after napi rescheduled") == 1);
  CHECK(loop.log == "AAAAA");
  CHECK(napis[0].weights_used == 0);
}

TEST_CASE("D5: 70 packets of 64 warn once, and the budget is charged 70") {
  Said said;
  Loop loop;
  auto& napis = loop.napis(6, endless);
  for (auto& napi : napis) napi.beyond = 6;
  loop.pass();
  CHECK(loop.log == "ABCDE");  // 5 x 70 >= 300, as 5 x 64 is; 4 x 75 would be 4
  CHECK(loop.count(stats::Softnet::napi_overrun) == 5);
  CHECK(said.count("more than its weight") == 1);
  Loop exact;
  exact.softnet.limits.netdev_budget = 134;  // 70 + 64 are exactly it: two polls; 64 + 64 would leave room for a third
  auto& two = exact.napis(3, endless);
  two[0].beyond = 6;
  exact.pass();
  CHECK(exact.log == "AB");
}

TEST_CASE("D11: two queues, one flooded: the quiet one waits for no more than one weight of the other") {
  Loop loop;
  auto& napis = loop.napis(2, endless);
  napis[1].left = 0;
  int taken_before = 0;
  int worst = 0;
  napis[1].during_poll = [&] {
    worst = std::max(worst, napis[0].taken - taken_before);
    taken_before = napis[0].taken;
  };
  for (int i = 0; i < 100; ++i) {
    loop.softnet.schedule(napis[1]);
    napis[1].left = 1;
    loop.pass();
  }
  CHECK(napis[1].taken == 100);
  CHECK(worst <= 64);
}

TEST_CASE("D17: one lcore's receive state stands on cache lines of its own") {
  Loop loop;
  CHECK(alignof(Softnet) == 64);
  CHECK(sizeof(Softnet) % 64 == 0);
  CHECK(reinterpret_cast<std::uintptr_t>(&loop.softnet) % 64 == 0);
}

TEST_CASE("B2: a NAPI on the list of an lcore that does not own it is not polled, and counted") {
  Said said;
  Loop loop;
  ScriptedNapi stray('S', loop.log, 1);
  stray.enable(nullptr, 1);
  loop.softnet.schedule(stray);
  loop.pass();
  CHECK(loop.log.empty());
  CHECK(loop.count(stats::Softnet::poll_wrong_lcore) == 1);
  auto& own = loop.napis(1, 1);
  loop.pass();
  CHECK(own[0].taken == 1);
  CHECK(loop.count(stats::Softnet::poll_wrong_lcore) == 1);
}
