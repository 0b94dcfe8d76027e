// SPDX-License-Identifier: BSD-3-Clause
// Token buckets that keep time in place of tokens: credit grows with the clock up to a cap, a message costs a fixed
// piece of it. Called by errors_out.cpp before an error is built. RFC 4443 section 2.4(f); net/ipv4/icmp.c.
#include <millrace/stack/icmp/rate_limit.hpp>

#include <algorithm>

namespace millrace::icmp {

bool RateLimit::allow(std::uint64_t hash, Instant now) {
  global_credit_ = std::min(global_credit_ + (now - global_last_), full());
  global_last_ = now;

  Bucket& bucket = buckets_[hash % buckets_.size()];
  const Duration cap = options_.ratelimit * burst_factor;
  bucket.credit = bucket.used ? std::min(bucket.credit + (now - bucket.last), cap) : cap;
  bucket.last = now;
  bucket.used = true;

  // Both or none are charged: an error that one limit refuses must not use up the other.
  if (global_credit_ < per_message() || bucket.credit < options_.ratelimit) return false;
  global_credit_ -= per_message();
  bucket.credit -= options_.ratelimit;
  return true;
}

}  // namespace millrace::icmp
