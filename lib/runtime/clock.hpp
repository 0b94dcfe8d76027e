// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>
#include <millrace/env/env.hpp>

#include <cstdint>

namespace millrace::runtime {

/// Where an lcore's time comes from. The runtime alone reads it, before each poll and each batch of timers.
class Clock : public UtcOffset {
 public:
  [[nodiscard]] virtual Instant now() = 0;
  /// A count for the lengths of what happens within a pass: cheaper to read than now(), and with no meaning beyond that.
  [[nodiscard]] virtual std::uint64_t ticks() = 0;
  [[nodiscard]] virtual double ns_per_tick() const = 0;
};

/// CLOCK_MONOTONIC, read from the vDSO; ticks are the TSC's, whose rate EAL knows once it has started.
class MonotonicClock final : public Clock {
 public:
  [[nodiscard]] Instant now() override;
  [[nodiscard]] std::uint64_t ticks() override;
  [[nodiscard]] double ns_per_tick() const override;
  [[nodiscard]] Duration utc_offset() override;  ///< CLOCK_REALTIME's, as it is now
};

/// Moves only when it is told to, or by a fixed cost for each reading, so that a run under it can meet the time
/// limits of the loop. It begins at midnight. One thread.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] Instant now() override {
    now_ += cost_;
    return now_;
  }
  [[nodiscard]] std::uint64_t ticks() override {
    now_ += tick_cost_;
    return static_cast<std::uint64_t>(now_.time_since_epoch().count());
  }
  [[nodiscard]] double ns_per_tick() const override { return 1; }
  [[nodiscard]] Duration utc_offset() override { return Duration{0}; }
  [[nodiscard]] Instant peek() const { return now_; }
  void set(Instant now) { now_ = now; }
  void advance(Duration by) { now_ += by; }
  /// Each reading, one of which precedes each poll, moves the clock by `cost`.
  void charge(Duration cost) { cost_ = cost; }
  /// The same for readings of ticks(), each of which ends a stage of a pass.
  void charge_stage(Duration cost) { tick_cost_ = cost; }

 private:
  Instant now_{};
  Duration cost_{0};
  Duration tick_cost_{0};
};

}  // namespace millrace::runtime
