// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/config/limits.hpp>

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace millrace::config {

/// Problems while they are being found.
struct Findings {
  std::vector<Problem> problems;

  void add(std::string key, std::string value, std::string message) {
    problems.push_back({.key = std::move(key), .value = std::move(value), .message = std::move(message)});
  }
  void range(const std::string& key, std::int64_t value, Range range) {
    if (!range.contains(value)) add(key, std::to_string(value), "must be " + range.to_string());
  }
  /// Like range(), and a power of two.
  void power_of_two(const std::string& key, std::int64_t value, Range range);
  /// The text must be one of the words.
  void word(const std::string& key, const std::string& value, std::span<const std::string_view> words);
  /// A name: 1 to `longest` letters, digits and . _ - :, as kernel interfaces have.
  void name(const std::string& key, const std::string& value, std::size_t longest);
};

/// "a, b or c".
[[nodiscard]] std::string one_of(std::span<const std::string_view> words);

/// Finds values that must differ: add() each with its key.
class Unique {
 public:
  Unique(Findings& findings, std::string what) : findings_(findings), what_(std::move(what)) {}
  void add(const std::string& key, const std::string& value) {
    if (const auto [first, fresh] = seen_.emplace(value, key); !fresh)
      findings_.add(key, value, what_ + " stands at " + first->second + " already");
  }

 private:
  Findings& findings_;
  std::string what_;
  std::map<std::string, std::string> seen_;
};

[[nodiscard]] inline std::string indexed(const std::string& list, std::size_t i) {
  return list + "[" + std::to_string(i) + "]";
}

void validate_ports(const Config& config, Findings& findings);
void validate_stacks(const Config& config, Findings& findings);

}  // namespace millrace::config
