// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/compare.hpp"
#include "tests/bench/goal.hpp"
#include "tests/bench/load.hpp"

#include <cmath>
#include <string>

namespace millrace::bench {

/// One figure, which becomes one BENCH line. A number that there is none of is NAN.
struct Figure {
  std::string id;
  std::string name;         ///< of the case: key:value pairs joined by commas
  const char* unit = "ns";  ///< ns, B, pct, instr, irq/pkt or pkt/frame
  double ours = NAN;
  double peer = NAN;
  const char* peer_name = "none";
  double ratio = NAN;  ///< peer/ours
  double added = NAN;  ///< ours - peer
  Goal goal;
  std::string skip{};  ///< why it is not judged; empty: it is
};

/// What the run has found, on standard output.
class Report {
 public:
  explicit Report(const Load& load) : load_(load) {}

  /// A figure with a goal, or with the reason why it is not judged against it.
  void figure(Figure figure);
  /// A comparison as text, then its figure. `unit` is of the summary's numbers.
  void comparison(Figure figure, const Comparison& comparison);
  /// The two sides did not do the same work: the case has no figure and the run fails.
  void failure(const std::string& id, const std::string& name, const std::string& why);
  /// A line for the reader.
  void note(const std::string& text);
  void sum_up() const;
  [[nodiscard]] bool has_failed() const { return failed_ != 0; }

 private:
  const Load& load_;
  unsigned met_ = 0;
  unsigned short_ = 0;
  unsigned skipped_ = 0;
  unsigned failed_ = 0;
};

}  // namespace millrace::bench
