// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>

#include <cstdint>
#include <memory>
#include <utility>

namespace millrace {

namespace sim {
class Link;
}

/// What one direction of an in-memory link does to frames. Probabilities are in [0, 1].
struct Impairment {
  double loss = 0;
  double duplicate = 0;
  double reorder = 0;            ///< a frame is held back so that later ones pass it
  double corrupt = 0;            ///< one bit of the frame is flipped
  Duration delay{0};
  Duration jitter{0};            ///< uniform, added to delay
  std::uint64_t rate_bps = 0;    ///< 0: no limit
  std::uint32_t limit = 1000;    ///< frames on the way at most; one more is dropped
};

/// One end of an in-memory link, to be given to Engine::create for a sim port.
struct LinkEnd {
  std::shared_ptr<sim::Link> link;
  int end = 0;
};

/// A link between two sim ports, of one engine or of two, on one thread or on two. `there` is what happens to frames
/// that the first end sends. Equal seeds and equal inputs give equal runs when one thread drives both ends.
[[nodiscard]] std::pair<LinkEnd, LinkEnd> make_link(std::uint64_t seed, const Impairment& there = {}, const Impairment& back = {});

}  // namespace millrace
