// SPDX-License-Identifier: BSD-3-Clause
// Turns what the stages of a pass took into nanoseconds. Called by Lcore at the end of a pass that did something.
#include <millrace/runtime/stage_clock.hpp>

namespace millrace::runtime {

void StageClock::book(Clock& clock, stats::LcoreStats& stats) {
  using stats::Softnet;
  constexpr std::array counters{Softnet::time_rx_ns, Softnet::time_gro_ns, Softnet::time_steer_ns, Softnet::time_proto_ns};
  const double ns_per_tick = clock.ns_per_tick();
  for (std::size_t stage = 0; stage < counters.size(); ++stage)
    if (ticks_[stage] != 0) stats.softnet.add(counters[stage], static_cast<std::uint64_t>(static_cast<double>(ticks_[stage]) * ns_per_tick));
  discard();
}

}  // namespace millrace::runtime
