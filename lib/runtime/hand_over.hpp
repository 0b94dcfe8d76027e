// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/runtime/worker_rings.hpp>
#include <millrace/steer/rfs.hpp>

namespace millrace::runtime {

/// What one lcore has handed over, as its steering asks for it.
class HandOver final : public steer::HandOver {
 public:
  HandOver(const WorkerRings& rings, std::uint16_t source) : rings_(rings), source_(source) {}
  [[nodiscard]] std::uint32_t queued(steer::LcoreId target) const override { return rings_.queued(source_, target); }
  [[nodiscard]] std::uint32_t delivered(steer::LcoreId target) const override { return rings_.delivered(source_, target); }

 private:
  const WorkerRings& rings_;
  std::uint16_t source_;
};

}  // namespace millrace::runtime
