// SPDX-License-Identifier: BSD-3-Clause
#include "tests/devmodel/fault_plan.hpp"

#include "tests/support/catch.hpp"

#include <string>

using namespace millrace::devmodel;

namespace {

/// Which of `events` events at a place happen at once, as "x" and "."; the late ones as "l", when they do.
std::string tell(FaultPlan& plan, int events, std::uint64_t at = 0) {
  std::string story;
  for (int i = 0; i < events; ++i) {
    const bool now = plan.allows(Event::rx_completion, at, {}, [&story] { story += 'l'; });
    story += now ? 'x' : '.';
  }
  return story;
}

}  // namespace

TEST_CASE("a plan without faults lets all happen, and one that is cleared does") {
  FaultPlan plan;
  CHECK(tell(plan, 3) == "xxx");
  plan.arm({.event = Event::rx_completion, .times = FaultPlan::for_ever});
  CHECK(tell(plan, 3) == "...");
  plan.clear();
  CHECK(tell(plan, 3) == "xxx");
  CHECK(plan.log().empty());
}

TEST_CASE("the nth event of a kind is lost, and so many from there on; each loss is in the log") {
  FaultPlan plan;
  plan.arm({.event = Event::rx_completion, .nth = 2, .times = 3});
  CHECK_FALSE(plan.have_happened());
  CHECK(plan.allows(Event::interrupt, 0));
  CHECK(tell(plan, 6, 7) == "x...xx");
  CHECK(plan.have_happened());
  REQUIRE(plan.log().size() == 3);
  CHECK(plan.log()[0].event == Event::rx_completion);
  CHECK(plan.log()[0].at == 7);
}

TEST_CASE("a fault of one place passes over the others, and does not count them") {
  FaultPlan plan;
  plan.arm({.event = Event::rx_completion, .nth = 2, .at = 1});
  CHECK(tell(plan, 2, 0) == "xx");
  CHECK(tell(plan, 3, 1) == "x.x");
}

TEST_CASE("what is late happens just before the event that it waits for, or when it is let go; never after a reset") {
  FaultPlan plan;
  plan.arm({.event = Event::rx_completion, .fate = late(2)});
  CHECK(tell(plan, 4) == ".xlxx");
  plan.clear();
  plan.arm({.event = Event::rx_completion, .fate = late(FaultPlan::for_ever), .times = 2});
  int happened = 0;
  for (int i = 0; i < 2; ++i) CHECK_FALSE(plan.allows(Event::rx_completion, 0, {}, [&happened] { ++happened; }));
  plan.release_late();
  CHECK(happened == 2);
  plan.release_late();
  CHECK(happened == 2);
  plan.arm({.event = Event::rx_completion, .fate = late(1)});
  CHECK_FALSE(plan.allows(Event::rx_completion, 0, {}, [&happened] { ++happened; }));
  plan.forget_late();
  CHECK(plan.allows(Event::rx_completion, 0));
  CHECK(happened == 2);
}

TEST_CASE("what is altered happens, with other bytes") {
  FaultPlan plan;
  plan.arm({.event = Event::rx_completion, .fate = altered<std::uint16_t>([n = 0](std::uint16_t& v) mutable { v = static_cast<std::uint16_t>(v + ++n); }), .times = 2});
  std::uint16_t word = 100;
  const std::span<std::uint8_t> bytes(reinterpret_cast<std::uint8_t*>(&word), sizeof word);
  for (const std::uint16_t after : {101, 103, 103}) {
    CHECK(plan.allows(Event::rx_completion, 0, bytes));
    CHECK(word == after);
  }
}
