// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/oracle/gro_oracle.hpp"

#include <cstdint>
#include <vector>

namespace millrace::oracle {

/// What happens to a GRO: a frame, or the end of a poll.
struct Event {
  enum class Kind : std::uint8_t { frame, complete, flush_old, flush_all };
  Kind kind = Kind::frame;
  std::int64_t now = 0;
  Frame frame;
};

/// A GRO's life from its beginning, made from a seed.
struct Run {
  std::uint64_t seed = 0;
  Rules rules;
  bool linux_table = false;   ///< gro.compat=linux
  std::size_t most_held = 0;  ///< flows that are sure to be held side by side, whatever the hash (E11)
  std::vector<Event> events;
};

/// A run in which never more flows are held than one set of the table holds, so that nothing is evicted. Tells
/// `coverage` of the conditions met on the way.
[[nodiscard]] Run generate(std::uint64_t seed, std::size_t frames, Coverage& coverage);

/// What generate() and the oracle can meet, all of it: what the coverage of a long enough run has to contain.
[[nodiscard]] const std::vector<std::string>& all_conditions();

}  // namespace millrace::oracle
