// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>

namespace millrace::bench {

/// Who else wants the processors: a figure that was measured beside other work says so.
class Load {
 public:
  /// Looks for a fifth of a second.
  Load();
  /// One more look; the caller has no threads running.
  void look();
  /// In more than a quarter of the looks something else was runnable.
  [[nodiscard]] bool is_shared() const { return looks_ == 0 || 4 * busy_looks_ > looks_; }
  /// "something else was runnable in 18 of 20 looks (7.9 tasks on average), steal 0.3 %".
  [[nodiscard]] std::string text() const;

 private:
  unsigned looks_ = 0;
  unsigned busy_looks_ = 0;
  std::uint64_t others_ = 0;
  std::uint64_t steal_at_start_;
  std::uint64_t total_at_start_;
};

}  // namespace millrace::bench
