// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/topology.hpp>

#include "tests/support/catch.hpp"

#include <cerrno>
#include <sched.h>
#include <thread>

using namespace millrace;

TEST_CASE("a thread can be pinned to a CPU that it may use, and is there afterwards") {
  std::thread([] {
    const auto cpu = static_cast<std::uint32_t>(sched_getcpu());
    CHECK(runtime::may_run_on(cpu));
    CHECK(runtime::pin_this_thread(cpu));
    CHECK(static_cast<std::uint32_t>(sched_getcpu()) == cpu);
  }).join();
}

TEST_CASE("a CPU that is not there is refused, and the message says which there are") {
  CHECK_FALSE(runtime::may_run_on(1000));
  std::thread([] {
    const Result<void> pinned = runtime::pin_this_thread(1000);
    REQUIRE_FALSE(pinned);
    CHECK(pinned.error().code == EINVAL);
    CHECK(pinned.error().message.find("cpu 1000") != std::string::npos);
    CHECK(pinned.error().message.find("may use ") != std::string::npos);
  }).join();
}
