// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/support/eal.hpp"

#include <millrace/env/env.hpp>
#include <millrace/timer/wheel.hpp>

namespace millrace::test {

/// An Env with everything behind it, under a time that the test sets.
struct LcoreEnv {
  explicit LcoreEnv(std::uint16_t lcore = 0, std::uint32_t packets = 4095) : pool(packets) {
    env.now = Instant(1s);
    env.rng = Rng(1);
    env.pool = &*pool;
    env.wheel = &wheel;
    env.stats = &stats;
    env.lcore = lcore;
    env.secret = {1, 2};
  }

  TestPool pool;
  timer::Wheel wheel{Instant(1s)};
  stats::LcoreStats stats;
  Env env;
};

}  // namespace millrace::test
