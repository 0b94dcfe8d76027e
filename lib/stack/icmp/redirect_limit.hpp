// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>

#include <array>
#include <cstdint>

namespace millrace::icmp {

/// ip_rt_send_redirect()'s patience: a sender that does not listen hears of it at once, then after 40 ms, then each time after
/// twice as long, nine times in all; and again when it has been silent for 20 s. One per lcore; senders whose keyed hashes
/// meet share a place.
class RedirectLimit {
 public:
  /// Whether a redirect may go to the sender of this `hash` now; if so, it is charged.
  [[nodiscard]] bool allow(std::uint64_t hash, Instant now);

 private:
  static constexpr unsigned number = 9;              // ip_rt_redirect_number
  static constexpr Duration load = 20ms;             // ip_rt_redirect_load
  static constexpr Duration silence = load * 1024;   // ip_rt_redirect_silence
  struct Sender {
    Instant last{};
    unsigned redirects = 0;
  };
  std::array<Sender, 256> senders_{};
};

}  // namespace millrace::icmp
