// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/engine/stats.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// Time spent in a frame itself, nanoseconds, and the frames around it, outermost first, joined by ';'.
struct TimeStack {
  std::string frames;
  std::uint64_t ns = 0;
};

/// Where the lcores' time went between two snapshots of one engine, `before` taken first, by the stages of a packet's way
/// (receive_path C14): "lcore0;application", "lcore0;softirq;net_rx;rx", then gro, steer and proto, "lcore0;softirq;other"
/// (timers, frames that wait for a device, control requests), "lcore0;idle". Those in which no time went are left out.
[[nodiscard]] std::vector<TimeStack> time_stacks(const Stats& before, const Stats& after);

/// One stage, of all lcores.
struct StageShare {
  std::string stage;  ///< the last frame of its stack
  std::uint32_t hundredths = 0;  ///< of a percent
};
/// The shares of the stages in all the time, in the order above. They are rounded so that together they are 10,000
/// exactly; none when there is no time.
[[nodiscard]] std::vector<StageShare> stage_shares(const std::vector<TimeStack>& stacks);

/// The folded format of flame graphs: a line for each stack, its frames, a blank, its nanoseconds.
[[nodiscard]] std::string folded_text(const std::vector<TimeStack>& stacks);
/// The same as a flame graph: an SVG with a box for each frame, as wide as its share of the time, what it calls above
/// it. Hovering over one tells its name, time and share.
[[nodiscard]] std::string flame_svg(const std::vector<TimeStack>& stacks, std::string_view title);

}  // namespace millrace
