// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/engine/stats.hpp>

#include <cstdint>
#include <string_view>

namespace millrace {

/// Nanoseconds of one kind (softnet.time_*_ns) on one lcore between two snapshots.
[[nodiscard]] inline std::uint64_t time_spent(const Stats& before, const Stats& after, std::string_view name, std::size_t lcore) {
  const auto at = [&](const Stats& snapshot) {
    const Stats::Counter* const counter = snapshot.find("softnet", name);
    return counter != nullptr && lcore < counter->by_lcore.size() ? counter->by_lcore[lcore] : 0;
  };
  return at(after) - at(before);
}

}  // namespace millrace
