// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// The counters of an engine at one moment. Counters only grow; readers keep differences.
struct Stats {
  struct Counter {
    std::string_view group;                  ///< "softnet", "gro", "tcp", "drop"...
    std::string_view name;                   ///< Linux's where Linux has it
    std::string_view help;
    std::vector<std::uint64_t> by_lcore;
    [[nodiscard]] std::uint64_t total() const {
      std::uint64_t sum = 0;
      for (std::uint64_t v : by_lcore) sum += v;
      return sum;
    }
  };
  std::vector<Counter> counters;
  /// The books of packets (receive_path P9): begun where a port received one or somebody made one; ended sent, delivered,
  /// used up, merged into another, or dropped for one reason. The difference is what is held; 0 when every buffer is back
  /// in its pool. Exact when no lcore runs.
  std::uint64_t packets_begun = 0;
  std::uint64_t packets_ended = 0;

  /// The total of one counter; 0 when there is none of that name.
  [[nodiscard]] std::uint64_t total(std::string_view group, std::string_view name) const;
  [[nodiscard]] const Counter* find(std::string_view group, std::string_view name) const;
  /// Aligned "group.name value" lines of every counter that is not zero.
  [[nodiscard]] std::string to_text() const;
  /// {"group": {"name": [value by lcore, ...]}}.
  [[nodiscard]] std::string to_json() const;
};

}  // namespace millrace
