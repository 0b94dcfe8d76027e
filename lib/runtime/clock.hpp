// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>

namespace millrace::runtime {

/// Where an lcore's time comes from. The runtime alone reads it, before each poll and each batch of timers.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() = 0;
};

/// CLOCK_MONOTONIC, read from the vDSO.
class MonotonicClock final : public Clock {
 public:
  [[nodiscard]] Instant now() override;
};

/// Moves only when it is told to, or by a fixed cost for each reading, so that a run under it can meet the time
/// limits of the loop. One thread.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] Instant now() override {
    now_ += cost_;
    return now_;
  }
  [[nodiscard]] Instant peek() const { return now_; }
  void set(Instant now) { now_ = now; }
  void advance(Duration by) { now_ += by; }
  /// Each reading, one of which precedes each poll, moves the clock by `cost`.
  void charge(Duration cost) { cost_ = cost; }

 private:
  Instant now_{};
  Duration cost_{0};
};

}  // namespace millrace::runtime
