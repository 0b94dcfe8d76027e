// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace millrace::config {

/// The candidate that `word` most likely was meant to be, or empty when none is near: at most a third of the letters
/// changed, added, left out or swapped with their neighbour.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

/// "; did you mean mtu?", or empty when none is near.
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace millrace::config
