// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/oracle/gro_draft.hpp"
#include "tests/oracle/gro_oracle.hpp"

#include <millrace/base/rng.hpp>

#include <span>

namespace millrace::oracle {

/// A way in which a frame differs from the one that its flow expects next.
struct Fault {
  enum class Family : std::uint8_t { any, v4, v6 };
  enum class Reach : std::uint8_t {
    frame,      ///< this frame only; the flow goes on behind it
    flow,       ///< may stay for the frames that follow
    elsewhere,  ///< makes it a frame of another flow
  };
  Family family;
  Reach reach;
  /// `held` is what GRO holds of the flow, or null.
  void (*apply)(Draft& draft, Rng& rng, const GroOracle::Held* held);
};

/// Every fault that the rules of E4-E10 know but for gro_max_size, and some that they should not mind.
[[nodiscard]] std::span<const Fault> faults();

}  // namespace millrace::oracle
