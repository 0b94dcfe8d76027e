// SPDX-License-Identifier: BSD-3-Clause
// The retransmission timeout. Fed by process_ack and timers; read wherever a timer is armed. RFC 6298.
#include <millrace/stack/tcp/rtt.hpp>

#include <algorithm>
#include <cstdint>

namespace millrace::tcp {

RttEstimator::RttEstimator(const Config& config)
    : rto_min_(config.rto_min), rto_max_(config.rto_max), base_(config.rto_initial) {}

void RttEstimator::sample(Duration r) {
  r = std::max(r, Duration{1000});
  if (!measured_) {  // (2.2)
    measured_ = true;
    srtt_ = r;
    rttvar_ = r / 2;
  } else {  // (2.3): alpha 1/8, beta 1/4
    const Duration error = srtt_ > r ? srtt_ - r : r - srtt_;
    rttvar_ += (error - rttvar_) / 4;
    srtt_ += (r - srtt_) / 8;
  }
  base_ = srtt_ + std::max(4 * rttvar_, rto_min_);
  shift_ = 0;
}

void RttEstimator::back_off() {
  if (rto() < rto_max_) ++shift_;
}

void RttEstimator::syn_was_lost() {
  shift_ = 0;
  if (!measured_) base_ = std::max(base_, Duration{3s});
}

Duration RttEstimator::rto() const { return std::min(base_ * (std::int64_t{1} << shift_), rto_max_); }

}  // namespace millrace::tcp
