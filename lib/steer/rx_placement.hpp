// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/rcu_pointer.hpp>
#include <millrace/steer/rps_map.hpp>
#include <millrace/wire/rss.hpp>

#include <cstdint>
#include <vector>

namespace millrace::steer {

/// To which lcores a port's RSS brings its flows: its spread, and the lcores that poll its rx queues. Immutable; replaced
/// as a whole when either changes.
class RxPlacement {
 public:
  /// `lcores`: by rx queue.
  RxPlacement(const wire::Rss& rss, std::vector<LcoreId> lcores) : spread_(rss), lcores_(std::move(lcores)) {}

  /// The lcore that receives what comes from flow.remote.
  [[nodiscard]] LcoreId lcore_of(const FlowKey& flow) const { return lcores_[spread_.choose(flow).queue]; }

 private:
  wire::RssSpread spread_;
  std::vector<LcoreId> lcores_;
};

/// Of one port, as every lcore reads it; null: its device does not tell how it spreads.
using RxPlacementPointer = RcuPointer<const RxPlacement>;

}  // namespace millrace::steer
