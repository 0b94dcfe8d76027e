// SPDX-License-Identifier: BSD-3-Clause
// How many ICMP errors a host may send. Called by errors_out.cpp on every lcore, before an error is built. RFC 4443 section
// 2.4(f); net/ipv4/icmp.c, net/ipv4/inetpeer.c.
#include <millrace/stack/icmp/rate_limit.hpp>

#include <algorithm>

namespace millrace::icmp {

RateLimit::RateLimit(const Options& options) : options_(options), credit_(0) {
  for (auto& empty : empty_) empty.store(long_ago, std::memory_order_relaxed);
}

bool RateLimit::allows(Instant now) {
  constexpr std::int64_t second = Duration(1s).count(), patience = second / 50;
  if (credit_.load(std::memory_order_relaxed) > 0) return true;
  const std::int64_t at = now.time_since_epoch().count();
  std::int64_t filled = filled_.load(std::memory_order_relaxed);
  const std::int64_t since = std::min(at - filled, second);
  if (since < patience) return false;
  const auto more = static_cast<std::int64_t>(options_.msgs_per_sec * static_cast<std::uint64_t>(since) / static_cast<std::uint64_t>(second));
  if (more == 0) return false;
  if (!filled_.compare_exchange_strong(filled, at, std::memory_order_relaxed)) return true;  // another lcore fills it
  const auto filled_up = [&](std::int32_t credit) { return static_cast<std::int32_t>(std::min<std::int64_t>(credit + more, options_.msgs_burst)); };
  std::int32_t before = credit_.load(std::memory_order_relaxed);
  while (!credit_.compare_exchange_weak(before, filled_up(before), std::memory_order_relaxed)) {
  }
  return true;
}

void RateLimit::consume(Rng& rng) {
  if (const auto credits = static_cast<std::int32_t>(rng.below(3)); credits != 0) credit_.fetch_sub(credits, std::memory_order_relaxed);
}

bool RateLimit::allows(std::uint64_t hash, Instant now, Duration ratelimit) {
  if (ratelimit == Duration{0}) return true;
  std::atomic<std::int64_t>& empty = empty_[hash % empty_.size()];
  const std::int64_t at = now.time_since_epoch().count();
  std::int64_t before = empty.load(std::memory_order_relaxed);
  do {
    const std::int64_t credit = std::min(at - before, burst_factor * ratelimit.count());
    if (credit < ratelimit.count()) return false;
    if (empty.compare_exchange_weak(before, at - credit + ratelimit.count(), std::memory_order_relaxed)) return true;
  } while (true);
}

}  // namespace millrace::icmp
