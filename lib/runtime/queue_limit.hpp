// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>

#include <cstdint>

namespace millrace::runtime {

/// How many bytes a tx queue's device should have at a time: as few as keep it from running dry, so that what comes later need not
/// wait behind more (BQL: Linux's lib/dynamic_queue_limits.c). It grows at once when the device ran dry, and shrinks by what has
/// been too much throughout hold_time. The device tells what it has sent (receive_path I5).
class QueueLimit {
 public:
  static constexpr std::uint32_t highest = 1879048192;  ///< DQL_MAX_LIMIT
  /// By the names of sysfs's byte_queue_limits.
  struct Bounds {
    std::uint32_t limit_min = 0;
    std::uint32_t limit_max = highest;
    Duration hold_time = 1s;
    bool operator==(const Bounds&) const = default;
  };
  explicit QueueLimit(const Bounds& bounds) : bounds_(bounds), limit_(bounds.limit_min), adjusted_(limit_) {}

  /// dql_avail() is not negative: the device may have one more frame.
  [[nodiscard]] bool has_room() const { return queued_ <= adjusted_; }
  /// dql_queued(): it has that many bytes more.
  void queued(std::uint64_t bytes) {
    last_ = bytes;
    queued_ += bytes;
  }
  /// dql_completed(): of those it has sent so many, at least one.
  void completed(std::uint64_t bytes, Instant now);
  /// From the next completed() on.
  void set_bounds(const Bounds& bounds) { bounds_ = bounds; }

  [[nodiscard]] const Bounds& bounds() const { return bounds_; }
  [[nodiscard]] std::uint64_t limit() const { return limit_; }
  [[nodiscard]] std::uint64_t inflight() const { return queued_ - completed_; }

 private:
  Bounds bounds_;
  std::uint64_t limit_;
  std::uint64_t adjusted_;                ///< limit_ and what had been completed when it was set
  std::uint64_t queued_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t last_ = 0;                ///< of the last queued()
  std::uint64_t previous_queued_ = 0;     ///< at the last completed(), as what follows
  std::uint64_t previous_over_limit_ = 0;
  std::uint64_t previous_last_ = 0;
  std::uint64_t lowest_slack_ = UINT64_MAX;
  Instant slack_since_{};
};

}  // namespace millrace::runtime
