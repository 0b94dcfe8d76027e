// SPDX-License-Identifier: BSD-3-Clause
// Medians, quantiles and ratios of rounds. Called by compare.cpp and the benchmarks that collect samples themselves.
#include "tests/bench/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace millrace::bench {

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double position = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(position));
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return std::lerp(values[below], values[above], position - static_cast<double>(below));
}

namespace {

/// The values at the ranks between which the median of what they are drawn from lies in 95 of 100 times: a sign test, which asks for
/// no shape of the distribution. The least and the largest, where there are too few.
std::pair<double, double> confidence(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  const double rank = std::floor((n - 1.96 * std::sqrt(n)) / 2);
  const auto below = rank < 1 ? std::size_t{0} : static_cast<std::size_t>(rank) - 1;
  return {values[below], values[values.size() - 1 - below]};
}

}  // namespace

Summary summarise(const std::vector<Round>& rounds) {
  std::vector<double> ours, peer, ratio, added;
  for (const Round& round : rounds) {
    ours.push_back(round.ours);
    peer.push_back(round.peer);
    ratio.push_back(round.peer / round.ours);
    added.push_back(round.ours - round.peer);
  }
  Summary s;
  s.rounds = rounds.size();
  s.ours = median(ours);
  s.peer = median(peer);
  s.ours_min = quantile(ours, 0);
  s.peer_min = quantile(peer, 0);
  s.ratio = median(ratio);
  s.ratio_low = quantile(ratio, 0.25);
  s.ratio_high = quantile(ratio, 0.75);
  s.ratio_of_minima = s.peer_min / s.ours_min;
  s.added = median(added);
  std::tie(s.added_low, s.added_high) = confidence(added);
  return s;
}

}  // namespace millrace::bench
