// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/runtime/worker_rings.hpp>
#include <millrace/steer/rfs.hpp>

namespace millrace::runtime {

/// What one lcore has handed over, as its steering asks for it: what is on the rings, and what it holds for itself while it
/// steers a burst.
class HandOver final : public steer::HandOver {
 public:
  HandOver(const WorkerRings& rings, std::uint16_t source) : rings_(rings), source_(source) {}
  [[nodiscard]] std::uint32_t queued(steer::LcoreId target) const override {
    return rings_.queued(source_, target) + (target == source_ ? held_ : 0);
  }
  [[nodiscard]] std::uint32_t delivered(steer::LcoreId target) const override {
    return rings_.delivered(source_, target) + (target == source_ ? released_ : 0);
  }
  /// So many packets more are held for the lcore itself, behind what is on its ring to itself.
  void hold(std::uint32_t packets = 1) { held_ += packets; }
  /// All that was held is delivered.
  void release() { released_ = held_; }

 private:
  const WorkerRings& rings_;
  std::uint16_t source_;
  std::uint32_t held_ = 0;  // ever; wraps, as the rings' counts do
  std::uint32_t released_ = 0;
};

}  // namespace millrace::runtime
