// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/tcp/congestion.hpp>

#include <limits>

namespace millrace::tcp {

/// RFC 5681 with the recovery of RFC 6582 and appropriate byte counting (RFC 3465).
class NewReno {
 public:
  NewReno(std::uint32_t mss, std::uint32_t initial_window)
      : mss_(mss), initial_window_(initial_window), cwnd_(initial_window) {}

  void set_mss(std::uint32_t mss);
  void on_ack(const AckSample& sample);
  void on_loss(std::uint32_t in_flight);
  void on_dup_ack() { cwnd_ += mss_; }
  void on_partial_ack(std::uint32_t acked);
  void on_recovered(std::uint32_t in_flight);
  void on_rto(std::uint32_t in_flight, bool first);
  void on_idle();

  [[nodiscard]] std::uint32_t cwnd() const { return cwnd_; }
  [[nodiscard]] std::uint32_t ssthresh() const { return ssthresh_; }

 private:
  /// RFC 5681 (4).
  [[nodiscard]] std::uint32_t half_of(std::uint32_t in_flight) const;

  std::uint32_t mss_;
  std::uint32_t initial_window_;
  std::uint32_t cwnd_;
  std::uint32_t ssthresh_ = std::numeric_limits<std::uint32_t>::max() / 2;
  std::uint32_t acked_since_growth_ = 0;
};
static_assert(CongestionControl<NewReno>);

}  // namespace millrace::tcp
