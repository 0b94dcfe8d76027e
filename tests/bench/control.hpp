// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/memory.hpp"

namespace millrace::bench {

/// Ticks of the core's clock in one tick of the time stamp counter, by a chain of multiplications that each wait for
/// the one before: three cycles apiece on every x86-64 core of the last decade.
[[nodiscard]] double core_per_tsc();

/// A fixed piece of work, done between rounds, which tells whether the machine is still the same: how fast the core
/// ticks, and how long the chain and a walk through half the L2 cache take.
class Control {
 public:
  struct Reading {
    double core_per_tsc = 0;
    double ns = 0;
  };
  explicit Control(bool huge_pages);
  [[nodiscard]] Reading read();

 private:
  Region region_;
  Chase chase_;
};

}  // namespace millrace::bench
