// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace millrace::steer {

/// Keeps one large flow from filling a worker's backlog (receive_path F16): of the last 128 packets that this lcore
/// handed over while a backlog was at least half full, no flow may have more than 64. skb_flow_limit() of
/// net/core/dev.c. One per enqueueing lcore (X14), touched by that lcore only.
class FlowLimit {
 public:
  static constexpr std::uint32_t history = 128;

  /// `buckets`: a power of two; flows that share one are one flow here.
  explicit FlowLimit(std::uint32_t buckets);

  /// Notes a packet of the flow with that hash. True when it is one too many, and to be dropped.
  [[nodiscard]] bool is_over(std::uint32_t hash);
  [[nodiscard]] std::uint32_t buckets() const { return static_cast<std::uint32_t>(buckets_.size()); }

 private:
  std::vector<std::uint8_t> buckets_;  ///< packets of each among the last `history`
  static constexpr std::uint32_t nobody = UINT32_MAX;
  std::array<std::uint32_t, history> recent_;
  std::uint32_t next_ = 0;
};

}  // namespace millrace::steer
