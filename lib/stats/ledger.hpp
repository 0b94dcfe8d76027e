// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stats/lcore_stats.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace millrace::stats {

/// The books of packets (receive_path P9). A packet begins where a port received it or somebody made it, and ends sent,
/// delivered, used up, merged into another, or dropped for one reason. Each place counts one; what has begun and not
/// ended is held somewhere, and nothing is once every buffer is back in its pool.
struct PacketBalance {
  std::uint64_t begun = 0;
  std::uint64_t ended = 0;

  [[nodiscard]] bool is_even() const { return begun == ended; }
};

/// Summed over the lcores, since packets change lcores. Exact between passes.
[[nodiscard]] PacketBalance packet_balance(std::span<const LcoreStats* const> lcores);

/// The same line by line, for who has to find what is missing: "begun 12: rx 10, made 2; ended 11: tx 1, ...".
[[nodiscard]] std::string packet_balance_text(std::span<const LcoreStats* const> lcores);

}  // namespace millrace::stats
