// SPDX-License-Identifier: BSD-3-Clause
// The flow limit of an enqueueing lcore. Called by runtime::Receive; calls nothing. skb_flow_limit() of net/core/dev.c.
#include <millrace/steer/flow_limit.hpp>

#include <millrace/base/assert.hpp>

#include <bit>

namespace millrace::steer {

FlowLimit::FlowLimit(std::uint32_t buckets) : buckets_(buckets) {
  MR_ASSERT(std::has_single_bit(buckets));
  recent_.fill(nobody);
}

bool FlowLimit::is_over(std::uint32_t hash) {
  const std::uint32_t flow = hash & (buckets() - 1);
  if (recent_[next_] != nobody) --buckets_[recent_[next_]];
  recent_[next_] = flow;
  next_ = (next_ + 1) % history;
  return ++buckets_[flow] > history / 2;
}

}  // namespace millrace::steer
