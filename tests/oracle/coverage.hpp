// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace millrace::oracle {

/// How often each condition of a table of rules was met.
class Coverage {
 public:
  void met(const std::string& condition) { ++counts_[condition]; }
  [[nodiscard]] std::uint64_t count(const std::string& condition) const {
    const auto found = counts_.find(condition);
    return found == counts_.end() ? 0 : found->second;
  }
  /// Every condition that was met, in alphabetical order.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& counts() const { return counts_; }
  /// Those of `wanted` that were met less than `least` times.
  [[nodiscard]] std::vector<std::string> unmet(const std::vector<std::string>& wanted, std::uint64_t least) const {
    std::vector<std::string> missing;
    for (const std::string& condition : wanted)
      if (count(condition) < least) missing.push_back(condition + ": " + std::to_string(count(condition)));
    return missing;
  }

 private:
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace millrace::oracle
