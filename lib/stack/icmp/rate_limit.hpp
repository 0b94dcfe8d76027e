// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>
#include <millrace/wire/address.hpp>

#include <array>
#include <cstdint>

namespace millrace::icmp {

/// Linux's two limits on ICMP errors, RFC 1812 section 4.3.2.8 and RFC 4443 section 2.4(f): one for all
/// (icmp_global_allow) and one for each destination (inet_peer_xrlim_allow). One per lcore, so a stack on n lcores
/// may send n times as many. Packet-too-big is exempt, as in Linux (icmpv4_mask_allow). Destinations whose keyed hashes
/// meet share a bucket.
class RateLimit {
 public:
  struct Options {
    Duration ratelimit = 1s;                 ///< icmp_ratelimit: between errors to one destination; 0 = no limit
    std::uint32_t msgs_per_sec = 1000;       ///< icmp_msgs_per_sec
    std::uint32_t msgs_burst = 50;           ///< icmp_msgs_burst
  };
  explicit RateLimit(const Options& options) : options_(options), global_credit_(full()) {}

  /// Whether an error may go to the destination of this `hash` now; if so, it is charged.
  [[nodiscard]] bool allow(std::uint64_t hash, Instant now);

 private:
  static constexpr int burst_factor = 6;  // XRLIM_BURST_FACTOR: errors that a quiet destination may get at once
  struct Bucket {
    Instant last{};
    Duration credit{};
    bool used = false;
  };
  [[nodiscard]] Duration per_message() const { return Duration(1s) / options_.msgs_per_sec; }
  [[nodiscard]] Duration full() const { return per_message() * options_.msgs_burst; }

  Options options_;
  Instant global_last_{};
  Duration global_credit_;
  std::array<Bucket, 256> buckets_{};
};

}  // namespace millrace::icmp
