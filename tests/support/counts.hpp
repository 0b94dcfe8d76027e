// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stats/lcore_stats.hpp>

#include <cstdint>
#include <type_traits>
#include <vector>

namespace millrace::test {

/// Every counter of these blocks but that of lookups of routes, which short ways save.
template <class... Enums>
[[nodiscard]] std::vector<std::uint64_t> counts_but_lookups(const stats::CounterBlock<Enums>&... blocks) {
  std::vector<std::uint64_t> all;
  const auto add = [&all]<class Enum>(const stats::CounterBlock<Enum>& block) {
    for (std::size_t i = 0; i < stats::CounterBlock<Enum>::size; ++i) {
      const auto which = static_cast<Enum>(i);
      bool is_lookups = false;
      if constexpr (std::is_same_v<Enum, stats::Ip>) is_lookups = which == stats::Ip::FibLookups;
      if (!is_lookups) all.push_back(block[which]);
    }
  };
  (add(blocks), ...);
  return all;
}

}  // namespace millrace::test
