// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/rng.hpp>
#include <millrace/base/time.hpp>
#include <millrace/pkt/packet.hpp>
#include <millrace/stats/lcore_stats.hpp>

#include <array>
#include <cstdint>

namespace millrace::pkt {
class Pool;
}
namespace millrace::timer {
class Wheel;
}

namespace millrace {

/// What an lcore's code may know of the world around it: the only ambient thing, and it is a parameter. One per
/// lcore, owned by the runtime, touched by that lcore only. `now` moves only between polls and timer batches.
struct Env {
  Instant now{};
  Rng rng{0};
  pkt::Pool* pool = nullptr;
  timer::Wheel* wheel = nullptr;
  stats::LcoreStats* stats = nullptr;
  std::uint16_t lcore = 0;
  std::array<std::uint64_t, 2> secret{};  ///< key of siphash(): ISNs and table seeds
};

/// Ends a packet with a reason, which is counted.
inline void drop(Env& env, pkt::Packet packet, stats::DropReason reason) {
  env.stats->drop.add(reason);
  pkt::consume(std::move(packet));
}

}  // namespace millrace
