// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>

namespace millrace {

using Duration = std::chrono::nanoseconds;

/// The clock that an engine runs by. It has no now(): only runtime/ reads a clock, everything else is
/// told the time through Env, so that the whole system can run under a clock that a test sets.
struct EngineClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<EngineClock, duration>;
  static constexpr bool is_steady = true;
};

/// A point on the engine's clock; its epoch is the clock's own and carries no meaning.
using Instant = EngineClock::time_point;

/// Later than any real deadline: "no deadline".
inline constexpr Instant never = Instant::max();

using namespace std::chrono_literals;

}  // namespace millrace
