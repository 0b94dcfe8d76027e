// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace millrace {

/// When readers on other threads have let go of what was taken away from them; runtime::Rcu is it. Whoever owns what they
/// read starts a period behind the change and frees what it took away once that period is over.
class GracePeriods {
 public:
  virtual ~GracePeriods() = default;
  /// Begins a grace period: it is over when each reader that reads now has let go since.
  [[nodiscard]] virtual std::uint64_t start() = 0;
  [[nodiscard]] virtual bool is_over(std::uint64_t grace_period) const = 0;
};

}  // namespace millrace
