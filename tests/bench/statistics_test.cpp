// SPDX-License-Identifier: BSD-3-Clause
// The arithmetic that every figure of the benchmarks goes through.
#include "tests/bench/statistics.hpp"

#include "tests/bench/goal.hpp"
#include "tests/support/catch.hpp"

#include <cmath>

using namespace millrace::bench;

namespace {
bool near(double a, double b) { return std::abs(a - b) < 1e-9; }
}  // namespace

TEST_CASE("quantiles of odd, even and single numbers of values, in any order") {
  CHECK(near(median({3, 1, 2}), 2));
  CHECK(near(median({4, 1, 3, 2}), 2.5));
  CHECK(near(median({7}), 7));
  CHECK(near(quantile({5, 1, 4, 2, 3}, 0), 1));
  CHECK(near(quantile({5, 1, 4, 2, 3}, 1), 5));
  CHECK(near(quantile({5, 1, 4, 2, 3}, 0.25), 2));
  CHECK(near(quantile({1, 2}, 0.9), 1.9));
}

TEST_CASE("one outlier moves neither the medians nor the ratio") {
  const std::vector<Round> quiet{{10, 30}, {10, 30}, {10, 30}, {10, 30}};
  std::vector<Round> disturbed = quiet;
  disturbed.push_back({1000, 30});
  const Summary s = summarise(disturbed);
  CHECK(s.rounds == 5);
  CHECK(near(s.ours, 10));
  CHECK(near(s.peer, 30));
  CHECK(near(s.ratio, 3));
  CHECK(near(s.added, -20));
  CHECK(near(s.ratio_of_minima, 3));
}

TEST_CASE("what slows both sides of a round leaves the ratio alone") {
  const Summary s = summarise({{10, 20}, {15, 30}, {20, 40}});
  CHECK(near(s.ratio, 2));
  CHECK(near(s.ratio_low, 2));
  CHECK(near(s.ratio_high, 2));
  CHECK(near(s.ours_min, 10));
  CHECK(near(s.peer_min, 20));
}

TEST_CASE("the interval of what is added is the sign test's: ranks 6 and 16 of 21, and all that there is of three") {
  std::vector<Round> rounds;
  for (int i = 21; i >= 1; --i) rounds.push_back({100.0 + i, 100});
  const Summary s = summarise(rounds);
  CHECK(near(s.added, 11));
  CHECK(near(s.added_low, 6));
  CHECK(near(s.added_high, 16));
  const Summary few = summarise({{12, 10}, {11, 10}, {14, 10}});
  CHECK(near(few.added_low, 1));
  CHECK(near(few.added_high, 4));
}

TEST_CASE("the ratio is the median of the rounds' ratios, not the ratio of the medians") {
  // Medians: 2 and 6, whose ratio is 3; the rounds say 6, 1 and 2.
  const Summary s = summarise({{1, 6}, {6, 6}, {2, 4}});
  CHECK(near(s.ours, 2));
  CHECK(near(s.peer, 6));
  CHECK(near(s.ratio, 2));
}

TEST_CASE("goals are judged on the ratio, on our own figure or on what we add, and written as op and number") {
  const Summary s = summarise({{12, 10}});
  CHECK(Goal::ratio_at_least(0.8).is_met(s.ours, s.ratio, s.added));
  CHECK_FALSE(Goal::ratio_at_least(1).is_met(s.ours, s.ratio, s.added));
  CHECK(Goal::added_at_most(2).is_met(s.ours, s.ratio, s.added));
  CHECK_FALSE(Goal::added_at_most(1.9).is_met(s.ours, s.ratio, s.added));
  CHECK(Goal::ours_at_most(12).is_met(s.ours, s.ratio, s.added));
  CHECK_FALSE(Goal::ours_at_most(11).is_met(s.ours, s.ratio, s.added));
  CHECK(Goal::ratio_at_most(0.9).is_met(s.ours, s.ratio, s.added));
  CHECK_FALSE(Goal::ratio_at_most(0.8).is_met(s.ours, s.ratio, s.added));
  CHECK(Goal::ratio_at_least(2.2).text() == ">=2.2");
  CHECK(Goal::ours_at_most(50000).text() == "<=50000");
}
