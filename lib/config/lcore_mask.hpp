// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::config {

/// A set of lcores, as rps_cpus writes it: bit i is lcore i.
using LcoreMask = std::bitset<128>;
/// Linux's bitmap text: hex digits, a comma between groups of 32 bits, "3" or "00000000,00000003"; null when it is not.
[[nodiscard]] std::optional<LcoreMask> parse_lcore_mask(std::string_view text);
[[nodiscard]] std::string to_string(const LcoreMask& mask);

}  // namespace millrace::config
