// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/tcp/config.hpp>

namespace millrace::tcp {

/// Round-trip time and retransmission timeout of one connection (RFC 6298, with Linux's floor under the variance:
/// RTO = SRTT + max(4 * RTTVAR, rto_min)).
class RttEstimator {
 public:
  explicit RttEstimator(const Config& config);

  /// A round trip that is free of retransmission ambiguity (Karn); also ends the back-off (RFC 6298 section 5).
  void sample(Duration round_trip);
  /// RFC 6298 (5.5): the timer expired.
  void back_off();
  void end_back_off() { shift_ = 0; }
  /// RFC 6298 (5.7): a SYN had to be retransmitted and nothing was measured: begin with 3 s.
  void syn_was_lost();

  [[nodiscard]] Duration rto() const;
  [[nodiscard]] bool measured() const { return measured_; }
  [[nodiscard]] Duration srtt() const { return srtt_; }
  [[nodiscard]] Duration rttvar() const { return rttvar_; }

 private:
  Duration rto_min_;
  Duration rto_max_;
  Duration base_;
  Duration srtt_{};
  Duration rttvar_{};
  std::uint8_t shift_ = 0;
  bool measured_ = false;
};

}  // namespace millrace::tcp
