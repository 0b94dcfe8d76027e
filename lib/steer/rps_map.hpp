// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>

#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace millrace::steer {

/// Index of an lcore in its engine, as in Env::lcore.
using LcoreId = std::uint16_t;
inline constexpr LcoreId max_lcores = 128;

/// The rps_cpus of one rx queue: over which lcores its packets are spread. Empty: RPS is off. A plain value, to be
/// handed to the queue's lcore when it changes.
class RpsMap {
 public:
  RpsMap() = default;
  /// Linux's text: hex, in groups of 32 bits separated by commas, highest first: "3", "f,00000001"; "0" is off.
  /// EINVAL for what is no mask, EOVERFLOW for a group or a bit too large (bitmap_parse()).
  [[nodiscard]] static Result<RpsMap> parse(std::string_view mask);
  /// Bit i is lcore i.
  [[nodiscard]] static RpsMap of(const std::bitset<max_lcores>& mask);

  /// What parse() reads; no leading zeros.
  [[nodiscard]] std::string to_string() const;
  /// In ascending order.
  [[nodiscard]] std::span<const LcoreId> lcores() const { return {lcores_.data(), count_}; }
  [[nodiscard]] bool empty() const { return count_ == 0; }

 private:
  std::array<LcoreId, max_lcores> lcores_{};
  std::uint16_t count_ = 0;
};

}  // namespace millrace::steer
