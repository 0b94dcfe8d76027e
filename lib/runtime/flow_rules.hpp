// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/spsc_ring.hpp>
#include <millrace/env/env.hpp>
#include <millrace/steer/steer.hpp>
#include <millrace/timer/wheel.hpp>

#include <functional>
#include <span>

namespace millrace::runtime {

/// What one lcore asks of the ports' flow rules (receive_path F9), on its way to the control path; and the periodic task
/// that asks for the end of rules which nothing uses any more.
class FlowRules final : public steer::RuleRequests {
 public:
  static constexpr std::uint32_t capacity = 256;
  static constexpr Duration period = 250ms;

  /// `tell`: has the control path take() soon; called by the lcore, and must not wait.
  FlowRules(Env& env, steer::Steer& steer, std::function<void()> tell) : env_(env), steer_(steer), tell_(std::move(tell)) {}

  /// The lcore.
  [[nodiscard]] bool ask(const steer::RuleRequest& request) override;
  /// The lcore: a rule has come whose use is to be watched.
  void watch();
  /// The control path, one thread at a time: up to so many requests, oldest first; returns how many.
  [[nodiscard]] std::uint32_t take(std::span<steer::RuleRequest> into) {
    return requests_.dequeue(into.data(), static_cast<std::uint32_t>(into.size()));
  }

 private:
  static void look(void* self, Instant now);

  Env& env_;
  steer::Steer& steer_;
  std::function<void()> tell_;
  SpscRing<steer::RuleRequest> requests_{capacity};
  timer::Timer timer_{&look, this};
};

}  // namespace millrace::runtime
