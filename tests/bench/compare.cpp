// SPDX-License-Identifier: BSD-3-Clause
// Rounds of two sides, and which of them are to be believed. Called by the benchmarks.
#include "tests/bench/compare.hpp"

#include "tests/bench/timing.hpp"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <sys/resource.h>
#include <utility>

namespace millrace::bench {
namespace {

constexpr unsigned rounds_wanted = 21;
constexpr unsigned rounds_at_most = 210;
constexpr auto patience = std::chrono::seconds(20);
constexpr double clock_may_move = 0.10;
constexpr double control_may_slow = 0.15;

struct Trial {
  Round round;
  Control::Reading before;
  Control::Reading after;
  bool preempted = false;
};

long involuntary_switches() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

/// Nanoseconds of one unit of work.
double cost(const Plan& plan, const Side& side, bool& preempted) {
  if (side.measure) {
    const Timed timed = side.measure();
    preempted |= timed.preempted;
    return timed.ns;
  }
  side.begin();
  const long switches = involuntary_switches();
  std::uint64_t ticks = 0;
  for (unsigned i = 0; i < plan.sections; ++i) {
    side.prepare();
    const std::uint64_t start = tsc();
    side.run();
    ticks += tsc() - start;
  }
  preempted |= involuntary_switches() != switches;
  side.finish();
  return ns_of(ticks) / (plan.units * plan.sections);
}

/// What the machine was like while the case ran.
struct Reference {
  double core_per_tsc;
  double control_ns;

  explicit Reference(const std::vector<Trial>& trials) {
    std::vector<double> clocks, times;
    for (const Trial& trial : trials) {
      clocks.push_back(trial.after.core_per_tsc);
      times.push_back(trial.after.ns);
    }
    core_per_tsc = median(clocks);
    control_ns = quantile(times, 0.25);
  }
  [[nodiscard]] bool agrees(const Control::Reading& reading) const {
    return std::abs(reading.core_per_tsc / core_per_tsc - 1) <= clock_may_move &&
           reading.ns <= control_ns * (1 + control_may_slow);
  }
};

Comparison judge(const std::vector<Trial>& trials) {
  Comparison result;
  const Reference reference(trials);
  std::vector<Round> rounds;
  for (const Trial& trial : trials) {
    const bool steady = reference.agrees(trial.before) && reference.agrees(trial.after);
    if (trial.preempted) {
      ++result.preempted;
    } else if (!steady) {
      ++result.disturbed;
    } else {
      rounds.push_back(trial.round);
    }
  }
  result.rounds_run = static_cast<unsigned>(trials.size());
  result.core_per_tsc = reference.core_per_tsc;
  // Nothing to be believed: the figures are shown all the same, as what they are.
  if (rounds.empty()) rounds.push_back(trials.back().round);
  result.summary = summarise(rounds);
  return result;
}

}  // namespace

Comparison compare(Control& control, const Plan& plan, const Side& ours, const Side& peer) {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  std::vector<Trial> trials;
  bool warm_up = true;
  Control::Reading reading = control.read();
  for (;;) {
    Trial trial;
    trial.before = reading;
    if (trials.size() % 2 == 0) {
      trial.round.ours = cost(plan, ours, trial.preempted);
      trial.round.peer = cost(plan, peer, trial.preempted);
    } else {
      trial.round.peer = cost(plan, peer, trial.preempted);
      trial.round.ours = cost(plan, ours, trial.preempted);
    }
    reading = trial.after = control.read();
    if (std::exchange(warm_up, false)) continue;
    trials.push_back(trial);
    if (trials.size() < rounds_wanted) continue;
    Comparison result = judge(trials);
    if (result.is_sound() || trials.size() >= rounds_at_most || std::chrono::steady_clock::now() > give_up)
      return result;
  }
}

std::string Comparison::dropped_text() const {
  char text[160];
  std::snprintf(text, sizeof text, "%u rounds, %u dropped (%u preempted, %u by the control loop), core/TSC %.2f",
                rounds_run, preempted + disturbed, preempted, disturbed, core_per_tsc);
  return text;
}

}  // namespace millrace::bench
