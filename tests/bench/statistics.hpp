// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <vector>

namespace millrace::bench {

/// The q-quantile of `values` (0: smallest, 0.5: median, 1: largest), interpolated between neighbours; `values` is not
/// empty.
[[nodiscard]] double quantile(std::vector<double> values, double q);
[[nodiscard]] inline double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

/// What one round says: the cost of a unit of work on each side, measured right after one another.
struct Round {
  double ours = 0;
  double peer = 0;
};

/// What all rounds say. Ratios are taken round by round, so that what slows both sides of a round cancels out.
struct Summary {
  std::size_t rounds = 0;
  double ours = 0;  ///< median
  double peer = 0;  ///< median
  double ours_min = 0;
  double peer_min = 0;
  double ratio = 0;            ///< median of peer/ours
  double ratio_low = 0;        ///< its lower quartile
  double ratio_high = 0;       ///< its upper quartile
  double ratio_of_minima = 0;  ///< peer_min/ours_min: without what disturbs, if any round was undisturbed
  double added = 0;            ///< median of ours - peer
  double added_low = 0;        ///< in 95 of 100 times the true median lies between these two
  double added_high = 0;
};
/// `rounds` is not empty.
[[nodiscard]] Summary summarise(const std::vector<Round>& rounds);

}  // namespace millrace::bench
