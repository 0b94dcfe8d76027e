// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/base/rcu_pointer.hpp>
#include <millrace/runtime/rcu.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/runtime/bare_lcore.hpp"

#include <thread>

using namespace millrace;
using runtime::Rcu;

TEST_CASE("O6: a grace period ends when each of 4 lcores that were online has passed, whatever the others do") {
  Rcu rcu(6);
  for (std::uint16_t lcore = 0; lcore < 4; ++lcore) rcu.online(lcore);  // 4 and 5 sleep
  RcuPointer<int> shared;
  REQUIRE(shared.publish(std::make_unique<int>(1)) == nullptr);
  const int* const seen = shared.read();
  const std::unique_ptr<int> old = shared.publish(std::make_unique<int>(2));
  CHECK(old.get() == seen);
  CHECK(*shared.read() == 2);  // no reader waits for the grace period
  const std::uint64_t grace_period = rcu.start();
  CHECK_FALSE(rcu.is_over(grace_period));
  rcu.online(4);  // since then: it cannot have seen the old one
  for (int pass = 0; pass < 1000; ++pass) {
    rcu.quiescent(0);
    rcu.quiescent(1);
    rcu.quiescent(4);
  }
  CHECK_FALSE(rcu.is_over(grace_period));
  rcu.offline(2);
  CHECK_FALSE(rcu.is_over(grace_period));
  CHECK(*seen == 1);
  rcu.quiescent(3);
  CHECK(rcu.is_over(grace_period));
  // The next one is another.
  const std::uint64_t next = rcu.start();
  CHECK_FALSE(rcu.is_over(next));
  for (const std::uint16_t lcore : {0, 1, 3, 4}) rcu.offline(lcore);
  CHECK(rcu.is_over(next));
  rcu.synchronize();
}

namespace {

/// The application, which always has something to do as long as it is `busy`.
struct Application final : runtime::Source {
  bool run() override {
    passes.fetch_add(1);
    return busy.load();
  }
  [[nodiscard]] bool has_work() const override { return busy.load(); }
  std::atomic<std::uint64_t> passes{0};
  std::atomic<bool> busy{true};
};

}  // namespace

TEST_CASE("O6: an lcore passes once a pass, and is offline while it sleeps and when its loop has ended") {
  runtime::MonotonicClock clock;
  test::BareLcore bare(clock);
  Rcu rcu(1);
  bare.lcore.set_rcu({rcu, 0});
  Application application;
  bare.lcore.add_source(application);
  std::atomic<bool> stop{false};
  std::atomic<bool> inside{false}, leave{false};
  std::thread thread([&] { bare.lcore.run(stop); });
  bare.lcore.inbox().post([&] {
    inside.store(true);
    while (!leave.load()) std::this_thread::yield();
  });
  while (!inside.load()) std::this_thread::yield();
  const std::uint64_t in_the_pass = rcu.start();
  for (int i = 0; i < 1000; ++i) {
    if (rcu.is_over(in_the_pass)) FAIL("a grace period ended in the middle of a pass");
    std::this_thread::yield();
  }
  leave.store(true);
  const std::uint64_t passes = application.passes.load();
  while (application.passes.load() < passes + 2) std::this_thread::yield();
  CHECK(rcu.is_over(in_the_pass));
  // Asleep, for 100 ms at a time, it holds nobody up.
  application.busy.store(false);
  const auto sleeps = [&] { return bare.lcore.stats().softnet[stats::Softnet::idle_sleeps]; };
  while (sleeps() < 2) std::this_thread::yield();
  const auto before = sleeps();
  for (int i = 0; i < 100; ++i) rcu.synchronize();
  CHECK(sleeps() - before < 20);
  stop.store(true);
  bare.waker.wake_if_asleep();
  thread.join();
  rcu.synchronize();
}
