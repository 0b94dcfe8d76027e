// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/flow_rules.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/runtime/two_lcores.hpp"

using namespace millrace;
using runtime::FlowRules;

TEST_CASE("F9: requests go to the control path in their order; what there is no room for comes back") {
  test::TwoLcores lcores;
  int told = 0;
  FlowRules rules(lcores.a.lcore.env, lcores.a.steer, [&] { ++told; });
  for (std::uint32_t i = 0; i < FlowRules::capacity; ++i) REQUIRE(rules.ask({.hash = i}));
  CHECK_FALSE(rules.ask({.hash = 1}));
  CHECK(told == int{FlowRules::capacity});
  std::array<steer::RuleRequest, 100> taken;
  std::uint32_t next = 0;
  for (const std::uint32_t count : {100u, 100u, 56u, 0u}) {
    REQUIRE(rules.take(taken) == count);
    for (std::uint32_t i = 0; i < count; ++i) CHECK(taken[i].hash == next++);
  }
  CHECK(rules.ask({.hash = 1}));
}

TEST_CASE("F9: the task looks every 250 ms while there are rules, asks for the end of idle ones, and then rests") {
  test::TwoLcores lcores;
  Env& env = lcores.a.lcore.env;
  timer::Wheel& wheel = lcores.a.lcore.wheel;
  FlowRules rules(env, lcores.a.steer, [] {});
  lcores.a.steer.set_rule_requests(rules);
  lcores.a.steer.set_rps_flow_cnt(1, 0, 2);  // a mask of 1
  lcores.a.steer.take_rule(1, 0, {.flow = {.local_port = 9}, .hash = 6, .id = 3}, 0);
  rules.watch();
  const auto look = [&](Duration time) {
    env.now += time;
    wheel.advance(env.now);
    std::array<steer::RuleRequest, 4> taken;
    return rules.take(taken);
  };
  CHECK(wheel.next_expiry() == env.now + 250ms);
  const auto deliver = [&](int packets) {
    for (; packets > 0; --packets) lcores.a.hand_over.hold();
    lcores.a.hand_over.release();
  };
  deliver(9);
  CHECK(look(250ms) == 0);
  deliver(1);
  CHECK(look(249ms) == 0);
  CHECK(look(1ms) == 1);
  CHECK(look(250ms) == 0);  // it was asked for
  lcores.a.steer.lose_rule(1, 0, 3);
  CHECK(look(250ms) == 0);
  CHECK(wheel.next_expiry() == never);
}
