// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/rng.hpp>
#include <millrace/base/time.hpp>

#include <array>
#include <atomic>
#include <cstdint>

namespace millrace::icmp {

/// Linux's two limits on ICMP errors, RFC 1812 section 4.3.2.8 and RFC 4443 section 2.4(f): one for all (icmp_global_allow), one
/// for each destination (inet_peer_xrlim_allow). One per host, whose lcores share it: an error costs each of its two words one
/// atomic exchange at most. Destinations whose keyed hashes meet share a bucket.
class RateLimit {
 public:
  struct Options {
    Duration ratelimit = 1s;                 ///< icmp_ratelimit: between errors to one destination; 0 = no limit
    Duration ratelimit6 = 100ms;             ///< net.ipv6.icmp.ratelimit: the same for ICMPv6, before the prefix is looked at
    std::uint32_t msgs_per_sec = 1000;       ///< icmp_msgs_per_sec
    std::uint32_t msgs_burst = 50;           ///< icmp_msgs_burst
  };
  explicit RateLimit(const Options& options);

  /// icmp_global_allow(): whether an error may go now as far as all of them are concerned. Nothing is charged; lcores that ask at
  /// the same time may all hear yes.
  [[nodiscard]] bool allows(Instant now);
  /// icmp_global_consume(): an error goes. It costs none, one or two credits, so that nobody can count what others are sent.
  void consume(Rng& rng);
  /// inet_peer_xrlim_allow(): whether one may go to the destination of this `hash`; if so, it is charged.
  [[nodiscard]] bool allows(std::uint64_t hash, Instant now) { return allows(hash, now, options_.ratelimit); }
  /// icmpv6_xrlim_allow(): the same for ICMPv6 and a destination in a prefix of so many bits. The wider it is, the more may go.
  [[nodiscard]] bool allows_v6(std::uint64_t hash, Instant now, unsigned prefix_bits) { return allows(hash, now, options_.ratelimit6 / (1 << ((128 - prefix_bits) >> 5))); }
  /// The same with that much time between two.
  [[nodiscard]] bool allows(std::uint64_t hash, Instant now, Duration ratelimit);

 private:
  static constexpr int burst_factor = 6;  // XRLIM_BURST_FACTOR: errors that a quiet destination may get at once
  static constexpr std::int64_t long_ago = INT64_MIN / 2;

  Options options_;
  alignas(64) std::atomic<std::int32_t> credit_;      ///< messages; may go below 0
  std::atomic<std::int64_t> filled_{long_ago};        ///< when credit_ was filled up last
  std::array<std::atomic<std::int64_t>, 256> empty_;  ///< of a destination: when its credit, which is time, was 0
};

}  // namespace millrace::icmp
