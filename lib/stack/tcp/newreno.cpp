// SPDX-License-Identifier: BSD-3-Clause
// The congestion window. Called by process_ack, timers and output; calls nothing. RFC 5681, 6582, 3465.
#include <millrace/stack/tcp/newreno.hpp>

#include <algorithm>

namespace millrace::tcp {
namespace {
// Far above any send buffer, far below where sums of two windows overflow.
constexpr std::uint32_t largest_window = 1u << 29;
}  // namespace

void NewReno::set_mss(std::uint32_t mss) {
  mss_ = mss;
  cwnd_ = std::max(cwnd_, mss);
}

void NewReno::on_ack(const AckSample& sample) {
  if (!sample.cwnd_limited) return;
  std::uint32_t acked = sample.acked;
  if (cwnd_ < ssthresh_) {
    // Slow start counts bytes without a limit per ACK (RFC 3465 section 2.3 has one of 2 segments): receivers that merge
    // acknowledge dozens of segments at once, and Linux counts them all.
    const std::uint32_t growth = std::min(acked, ssthresh_ - cwnd_);
    cwnd_ = std::min(cwnd_ + growth, largest_window);
    acked -= growth;
  }
  // Congestion avoidance: one segment for each window acknowledged (RFC 5681 section 3.1, RFC 3465 section 2.1).
  acked_since_growth_ += acked;
  if (acked_since_growth_ < cwnd_) return;
  acked_since_growth_ -= cwnd_;
  cwnd_ = std::min(cwnd_ + mss_, largest_window);
}

void NewReno::on_loss(std::uint32_t in_flight) {
  ssthresh_ = half_of(in_flight);
  cwnd_ = ssthresh_ + 3 * mss_;  // RFC 5681 section 3.2 step 3: three segments have left the network
  acked_since_growth_ = 0;
}

void NewReno::on_partial_ack(std::uint32_t acked) {
  // RFC 6582 section 3.2 step 3: deflate by what was acknowledged, add one segment back.
  cwnd_ = std::max(cwnd_ > acked ? cwnd_ - acked : 0, mss_);
  if (acked >= mss_) cwnd_ += mss_;
}

void NewReno::on_recovered(std::uint32_t in_flight) {
  cwnd_ = std::min(ssthresh_, std::max(in_flight, mss_) + mss_);  // RFC 6582 section 3.2 step 3, option (1)
}

void NewReno::on_rto(std::uint32_t in_flight, bool first) {
  // RFC 5681 section 3.1: a second timeout for the same data leaves ssthresh alone.
  if (first) ssthresh_ = half_of(in_flight);
  cwnd_ = mss_;
  acked_since_growth_ = 0;
}

void NewReno::on_idle() { cwnd_ = std::min(cwnd_, initial_window_); }  // RFC 5681 section 4.1

std::uint32_t NewReno::half_of(std::uint32_t in_flight) const { return std::max(in_flight / 2, 2 * mss_); }

}  // namespace millrace::tcp
