// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/control.hpp"
#include "tests/bench/statistics.hpp"

#include <functional>
#include <string>

namespace millrace::bench {

/// A round that a side has timed itself.
struct Timed {
  double ns = 0;           ///< of a unit of work
  bool preempted = false;  ///< others had its CPU
};

/// One of the two that are compared. Only `run` is timed.
struct Side {
  std::function<void()> begin = [] {};    ///< once a round, first
  std::function<void()> prepare = [] {};  ///< before each section: puts the packets back as they were
  std::function<void()> run = [] {};      ///< one section
  std::function<void()> finish = [] {};   ///< once a round, last: gives back what is held
  /// A whole round, in place of all these: of work in another process, or of which only parts count.
  std::function<Timed()> measure{};
};

struct Plan {
  unsigned sections = 1;  ///< in a round, of each side
  double units = 1;       ///< of work (packets) in a section
};

/// What came of it, and what was thrown away.
struct Comparison {
  static constexpr unsigned rounds_needed = 15;
  Summary summary;
  unsigned rounds_run = 0;
  unsigned preempted = 0;  ///< rounds dropped because another task took the core
  unsigned disturbed = 0;  ///< rounds dropped because the control loop said so
  double core_per_tsc = 0;
  /// Enough rounds are left to be believed.
  [[nodiscard]] bool is_sound() const { return summary.rounds >= rounds_needed; }
  [[nodiscard]] std::string dropped_text() const;
};

/// Runs the two sides alternately, in the same thread, the other one first in every second round, with the control
/// loop in between. A round counts if nobody took the core while it was timed, the core's clock was within 10% of the
/// case's median, and the control loop no more than 15% slower than the case's lower quartile. Goes on until enough
/// rounds count, or gives up.
[[nodiscard]] Comparison compare(Control& control, const Plan& plan, const Side& ours, const Side& peer);

}  // namespace millrace::bench
