// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/executor.hpp>

#include "tests/support/catch.hpp"

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

using namespace millrace;

TEST_CASE("tasks run on other threads, and the end waits for all of them") {
  std::atomic<int> done{0};
  std::atomic<int> on_caller{0};
  {
    Executor executor;
    const auto caller = std::this_thread::get_id();
    std::promise<void> first;
    executor.run([&] { first.set_value(); });
    // Nobody waits in the arena yet: a task must get a thread all the same.
    REQUIRE(first.get_future().wait_for(std::chrono::seconds(60)) == std::future_status::ready);
    for (int i = 0; i < 100; ++i)
      executor.run([&, i] {
        if (i % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        done += 1;
        on_caller += std::this_thread::get_id() == caller;
      });
  }
  CHECK(done == 100);
  CHECK(on_caller < 100);  // the thread that waits for the end may help
}

TEST_CASE("an executor without tasks ends") {
  for (int i = 0; i < 10; ++i) Executor executor;
}
