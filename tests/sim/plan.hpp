// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/rng.hpp>
#include <millrace/engine/engine.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::test {

/// One TCP connection: who opens it, where and when, and how much each end sends.
struct StreamPlan {
  std::uint16_t opener;  ///< host
  std::uint16_t lcore;   ///< of the opener
  Duration opens_after;
  std::array<std::uint32_t, 2> bytes;  ///< sent by host 0, by host 1
};

/// Datagrams of one lcore of one host.
struct DatagramPlan {
  std::uint16_t host;
  std::uint16_t lcore;
  std::uint32_t count;
  std::uint32_t longest_bytes;  ///< of payload
};

/// Everything that a seed decides about a world of two hosts before its first step.
struct Plan {
  std::uint64_t seed;
  bool v6;
  Instant start;       ///< the clock's first value
  Duration pass_cost;  ///< by which the clock moves on in each pass of all lcores
  bool pauses;         ///< applications stop reading and writing now and then
  std::array<Impairment, 2> impairments;  ///< of what host 0 sends, of what host 1 sends
  std::array<Config, 2> hosts;
  std::vector<StreamPlan> streams;
  std::vector<DatagramPlan> datagrams;

  [[nodiscard]] IpAddress address(std::size_t host) const;
  [[nodiscard]] std::string to_string() const;
};

[[nodiscard]] Plan draw_plan(std::uint64_t seed);

}  // namespace millrace::test
