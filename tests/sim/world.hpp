// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/sim/plan.hpp"
#include "tests/sim/trace.hpp"
#include "tests/sim/traffic.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace millrace::test {

/// Sums over the worlds of a run, by name: they show that the faults, and what they are to provoke, took place.
using Totals = std::map<std::string, std::uint64_t>;

/// Two engines with a link between them, stepped lcore by lcore in one thread under a virtual clock, as a Plan says.
class World {
 public:
  /// The plan outlives the world.
  World(const Plan& plan, Trace& trace);
  ~World();

  /// Runs to the end of TIME-WAIT. Returns what went wrong, empty if nothing did.
  [[nodiscard]] std::string run();
  /// For the reader of a failure: where everything stands.
  [[nodiscard]] std::string to_string();
  void add_to(Totals& totals) const;

 private:
  struct Step {
    std::size_t host;
    std::uint16_t lcore;
  };
  bool pass();
  bool move_clock(bool worked);
  [[nodiscard]] Instant next_deadline();
  std::string transfer();
  std::string wind_down();
  std::string judge_counters();
  void set_clock(Instant now);

  const Plan& plan_;
  Rng rng_;
  Instant now_;
  std::uint64_t passes_ = 0;
  std::uint32_t passes_at_now_ = 0;
  std::unique_ptr<Traffic> traffic_;
  std::shared_ptr<sim::Link> link_;
  std::array<std::unique_ptr<Engine>, 2> hosts_;
  std::vector<Step> steps_;
};

}  // namespace millrace::test
