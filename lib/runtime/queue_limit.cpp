// SPDX-License-Identifier: BSD-3-Clause
// The dynamic byte limit of a tx queue. Called by TxPath. dql_completed() of lib/dynamic_queue_limits.c, in its terms
// (receive_path I5).
#include <millrace/runtime/queue_limit.hpp>

#include <algorithm>

namespace millrace::runtime {
namespace {

// POSDIFF()
std::uint64_t excess(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; }

}  // namespace

void QueueLimit::completed(std::uint64_t bytes, Instant now) {
  const std::uint64_t done = completed_ + std::min(bytes, inflight());
  const std::uint64_t in_progress = queued_ - done;
  const std::uint64_t previous_in_progress = excess(previous_queued_, completed_);
  const bool is_previous_done = done >= previous_queued_;
  std::uint64_t over_limit = excess(inflight(), limit_);
  std::uint64_t limit = limit_;
  if ((over_limit != 0 && in_progress == 0) || (previous_over_limit_ != 0 && is_previous_done)) {
    // It ran dry, or may have: more was to be sent than it was allowed, and it has sent all that it had. Next time it gets as
    // much more as was both queued and sent meanwhile.
    limit += excess(done, previous_queued_) + previous_over_limit_;
    slack_since_ = now;
    lowest_slack_ = UINT64_MAX;
  } else if (in_progress != 0 && previous_in_progress != 0 && !is_previous_done) {
    // It was busy all the time: what it had beyond twice the bytes sent, or of the last frame within the limit, was too much.
    const std::uint64_t of_limit = excess(limit + previous_over_limit_, 2 * (done - completed_));
    const std::uint64_t of_last = previous_over_limit_ != 0 ? excess(previous_last_, previous_over_limit_) : 0;
    lowest_slack_ = std::min(lowest_slack_, std::max(of_limit, of_last));
    if (now > slack_since_ + bounds_.hold_time) {
      limit = excess(limit, lowest_slack_);
      slack_since_ = now;
      lowest_slack_ = UINT64_MAX;
    }
  }
  limit = std::clamp<std::uint64_t>(limit, bounds_.limit_min, std::max(bounds_.limit_min, bounds_.limit_max));
  if (limit != limit_) over_limit = 0;
  limit_ = limit;
  adjusted_ = limit + done;
  previous_over_limit_ = over_limit;
  previous_last_ = last_;
  completed_ = done;
  previous_queued_ = queued_;
}

}  // namespace millrace::runtime
