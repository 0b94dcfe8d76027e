// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/softirq.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/runtime/bare_lcore.hpp"

#include <millrace/base/log.hpp>

#include <functional>
#include <string>
#include <thread>
#include <vector>

using namespace millrace;
using runtime::Site;
using runtime::Softirq;
using runtime::Vector;

namespace {

// What the vectors that the runtime leaves free do in this program: an action is for good, so it looks here.
std::function<void(Vector)> on_run;

template <Vector v>
void run(runtime::Lcore&) {
  if (on_run) on_run(v);
}

struct Rig {
  Rig() {
    for (const auto& [v, function] : {std::pair{Vector::hi, &run<Vector::hi>}, std::pair{Vector::block, &run<Vector::block>},
                                    std::pair{Vector::irq_poll, &run<Vector::irq_poll>}, std::pair{Vector::sched, &run<Vector::sched>},
                                    std::pair{Vector::hrtimer, &run<Vector::hrtimer>}, std::pair{Vector::rcu, &run<Vector::rcu>}})
      (void)runtime::open_softirq(v, function);
    on_run = [this](Vector v) {
      order += std::to_string(static_cast<int>(v));
      if (action) action(v);
    };
  }
  ~Rig() { on_run = nullptr; }

  runtime::ManualClock clock;
  test::BareLcore bare{clock};
  Softirq& softirq = bare.lcore.softirq();
  std::string order;
  std::function<void(Vector)> action;
};

std::uint64_t runs(const Rig& rig, stats::Softirq v) { return rig.bare.lcore.stats().softirq[v]; }

}  // namespace

TEST_CASE("C1: an action is opened once, is refused twice, and every lcore has it") {
  Rig first;
  const Result<void> again = runtime::open_softirq(Vector::hi, &run<Vector::hi>);
  REQUIRE_FALSE(again);
  CHECK(again.error().code == EBUSY);
  CHECK(again.error().message.find("HI") != std::string::npos);
  for (const Vector v : {Vector::timer, Vector::net_tx, Vector::net_rx, Vector::tasklet})
    CHECK_FALSE(runtime::open_softirq(v, &run<Vector::hi>));
  Rig second;
  for (Rig* rig : {&first, &second}) {
    rig->softirq.raise(Vector::hi);
    rig->softirq.invoke(Site::event);
    CHECK(runs(*rig, stats::Softirq::hi) == 1);
  }
}

TEST_CASE("C2: 1000 raises before a run are one run, and 1000 in the raise counter") {
  Rig rig;
  for (int i = 0; i < 1000; ++i) rig.softirq.raise(Vector::sched);
  rig.softirq.invoke(Site::event);
  rig.softirq.invoke(Site::event);
  CHECK(rig.order == "7");
  CHECK(runs(rig, stats::Softirq::sched) == 1);
  CHECK(rig.bare.lcore.stats().softirq_raised[stats::Softirq::sched] == 1000);
}

TEST_CASE("C2: a raise from another thread is pending here, and wakes who sleeps") {
  Rig rig;
  rig.bare.waker.announce();
  std::thread([&] { rig.softirq.raise_remote(Vector::rcu); }).join();
  CHECK(rig.bare.waker.sleep(1s));  // at once
  CHECK(rig.softirq.is_pending(Vector::rcu));
  CHECK(rig.bare.lcore.has_work());
  rig.softirq.invoke(Site::event);
  CHECK(rig.order == "9");
  CHECK(rig.bare.lcore.stats().softirq_raised[stats::Softirq::rcu] == 1);
}

TEST_CASE("C3: what is raised in any order runs lowest first, and what it raises runs in the next pass") {
  Rig rig;
  for (const Vector v : {Vector::rcu, Vector::hrtimer, Vector::block, Vector::sched, Vector::hi, Vector::irq_poll}) rig.softirq.raise(v);
  rig.action = [&, first = true](Vector v) mutable {
    if (v == Vector::sched && std::exchange(first, false)) rig.softirq.raise(Vector::hi);
  };
  rig.softirq.invoke(Site::event);
  CHECK(rig.order == "0457890");
  CHECK(name_of(Vector::timer) == "TIMER");
  CHECK(Vector::timer < Vector::net_tx);
  CHECK(Vector::net_tx < Vector::net_rx);
}

TEST_CASE("C4: an action that always raises itself again runs in exactly 10 passes, then it is deferred mode's") {
  Rig rig;
  rig.action = [&](Vector v) { rig.softirq.raise(v); };
  rig.softirq.raise(Vector::hi);
  rig.softirq.invoke(Site::event);
  CHECK(rig.order == "0000000000");
  CHECK(rig.softirq.is_deferred());
  CHECK(rig.softirq.is_pending(Vector::hi));
}

TEST_CASE("C4: passes of 3 ms, which is more than softirq.max_time_us, are one pass") {
  Rig rig;
  rig.action = [&](Vector v) {
    rig.clock.advance(3ms);
    rig.bare.lcore.env().now = rig.clock.now();
    rig.softirq.raise(v);
  };
  rig.softirq.raise(Vector::hi);
  rig.softirq.invoke(Site::event);
  CHECK(rig.order == "0");
  CHECK(rig.softirq.is_deferred());
}

TEST_CASE("C5: deferred mode ends when a run leaves nothing") {
  Rig rig;
  int left = 25;
  rig.action = [&](Vector v) {
    if (--left > 0) rig.softirq.raise(v);
  };
  rig.softirq.raise(Vector::hi);
  rig.softirq.invoke(Site::event);
  rig.softirq.invoke(Site::deferred);
  CHECK(rig.softirq.is_deferred());
  rig.softirq.invoke(Site::deferred);
  CHECK_FALSE(rig.softirq.is_deferred());
  CHECK(rig.order.size() == 25);
  rig.softirq.invoke(Site::deferred);
  CHECK(rig.bare.count(stats::Softnet::deferred_runs) == 2);
}

TEST_CASE("C9: an action is not entered again from inside one, and what was raised there runs at the outermost end") {
  Rig rig;
  int depth = 0;
  int deepest = 0;
  rig.action = [&](Vector v) {
    deepest = std::max(deepest, ++depth);
    if (v == Vector::block) {
      // What a send inside a receive callback does.
      const runtime::BhSection outer(rig.softirq);
      const runtime::BhSection inner(rig.softirq);
      rig.softirq.raise(Vector::hi);
      rig.softirq.invoke(Site::event);  // what a pass inside a callback does
    }
    --depth;
  };
  rig.softirq.raise(Vector::block);
  {
    const runtime::BhSection outer(rig.softirq);
    {
      const runtime::BhSection inner(rig.softirq);
    }
    CHECK(rig.order.empty());
    CHECK(rig.softirq.depth() == 1);
  }
  CHECK(rig.order == "40");
  CHECK(deepest == 1);
  CHECK(rig.bare.count(stats::Softnet::api_exit_runs) == 1);
  CHECK(rig.softirq.depth() == 0);
}

TEST_CASE("C10: an action that leaves a section open is reported by name, and repaired") {
  Rig rig;
  std::vector<std::string> said;
  set_log_sink([&](LogLevel, std::string_view text) { said.emplace_back(text); });
  rig.action = [&](Vector) { rig.softirq.bh_disable(); };
  rig.softirq.raise(Vector::irq_poll);
  rig.softirq.invoke(Site::event);
  set_log_sink({});
  REQUIRE(said.size() == 1);
  CHECK(said[0].find("IRQ_POLL") != std::string::npos);
  CHECK(rig.softirq.depth() == 0);
  CHECK(rig.bare.count(stats::Softnet::bh_leaks) == 1);
  rig.action = nullptr;
  rig.softirq.raise(Vector::hi);
  rig.softirq.invoke(Site::event);
  CHECK(rig.order == "50");
}

TEST_CASE("C11: /proc/softirqs shows runs, a row for each vector and a column for each lcore; NET_RX leads under load") {
  Rig rig;
  test::FloodNapi flood;
  rig.bare.lcore.softnet().schedule(flood);
  for (int i = 0; i < 100; ++i) rig.bare.lcore.run_once();
  rig.softirq.raise(Vector::timer);
  rig.bare.lcore.run_once();
  CHECK(runs(rig, stats::Softirq::net_rx) >= 1000);
  CHECK(runs(rig, stats::Softirq::net_tx) == 0);
  stats::LcoreStats one;
  stats::LcoreStats two;
  one.softirq.add(stats::Softirq::net_rx, 1234567);
  two.softirq.add(stats::Softirq::timer, 7);
  const std::array<runtime::SoftirqColumn, 2> columns{{{&one, 0}, {&two, 1}}};
  CHECK(runtime::to_proc_softirqs(columns) ==
        "                    CPU0       CPU1       \n"
        "          HI:          0          0\n"
        "       TIMER:          0          7\n"
        "      NET_TX:          0          0\n"
        "      NET_RX:    1234567          0\n"
        "       BLOCK:          0          0\n"
        "    IRQ_POLL:          0          0\n"
        "     TASKLET:          0          0\n"
        "       SCHED:          0          0\n"
        "     HRTIMER:          0          0\n"
        "         RCU:          0          0\n");
}

TEST_CASE("C12: a stall of 5 ms between raise and entry shows in its bucket") {
  Rig rig;
  rig.softirq.raise(Vector::hi);
  rig.bare.lcore.inbox().post([&] { rig.clock.advance(5ms); });
  rig.bare.lcore.run_once();
  const auto& latency = rig.bare.lcore.stats().softirq_latency;
  CHECK(latency[stats::SoftirqLatency::below_8ms] == 1);
  CHECK(latency[stats::SoftirqLatency::below_4ms] == 0);
  rig.softirq.raise(Vector::hi);
  rig.bare.lcore.run_once();
  CHECK(latency[stats::SoftirqLatency::below_1us] == 1);
}

TEST_CASE("C12: raise, entry and exit are traced while a ring is there; a stall of 5 ms lies between raise and entry") {
  Rig rig;
  rig.action = [&](Vector) { rig.clock.advance(2us); };
  const Instant start = rig.clock.peek();
  rig.bare.lcore.set_trace(std::make_unique<runtime::TraceRing>(8));
  rig.softirq.raise(Vector::hi);
  rig.softirq.raise(Vector::hi);  // pending already: Linux traces it all the same
  rig.bare.lcore.inbox().post([&] { rig.clock.advance(5ms); });
  rig.bare.lcore.run_once();
  rig.bare.lcore.set_trace(nullptr);
  rig.softirq.raise(Vector::hi);
  rig.bare.lcore.run_once();
  std::string seen;
  for (const runtime::TraceRecord& r : rig.bare.lcore.trace()->newest()) {
    CHECK(r.vec == 0);
    seen += std::to_string(static_cast<int>(r.point)) + "@" + std::to_string((r.when - start) / 1us) + " ";
  }
  CHECK(seen == "0@0 0@0 1@5000 2@5002 ");
  CHECK(rig.bare.lcore.stats().softirq_latency[stats::SoftirqLatency::below_8ms] == 1);
}

TEST_CASE("C12: tracing that is off reads no clock; on, it reads one for each event") {
  const auto cost = [](bool traced) {
    Rig rig;
    if (traced) rig.bare.lcore.set_trace(std::make_unique<runtime::TraceRing>(1024));
    rig.softirq.raise(Vector::hi);
    rig.clock.charge(1us);
    const Instant before = rig.clock.peek();
    rig.softirq.invoke(Site::event);
    return rig.clock.peek() - before;
  };
  CHECK(cost(false) == 0us);
  CHECK(cost(true) == 2us);
}
