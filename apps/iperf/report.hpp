// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "apps/iperf/traffic.hpp"

#include <millrace/engine/flame.hpp>

#include <string>
#include <vector>

namespace millrace::iperf {

/// From one moment to another, seconds since the beginning, and what went through meanwhile.
struct Interval {
  double begin = 0;
  double end = 0;
  Totals moved;
  [[nodiscard]] double gbit_per_second() const { return end > begin ? static_cast<double>(moved.received_bytes) * 8e-9 / (end - begin) : 0; }
};

/// As iperf3 prints them, in Gbits/sec always.
[[nodiscard]] std::string heading(const Options& options);
[[nodiscard]] std::string line_of(const Options& options, const Interval& interval);
[[nodiscard]] std::string last_lines(const Options& options, const Interval& whole, const std::vector<StageShare>& shares);
/// Everything as one JSON object, named as iperf3 -J names it; "stages" has percent by stage.
[[nodiscard]] std::string json_of(const Options& options, const std::vector<Interval>& intervals, const Interval& whole, const std::vector<StageShare>& shares);

}  // namespace millrace::iperf
