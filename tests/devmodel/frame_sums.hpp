// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <span>

namespace millrace::devmodel {

/// Whether an Ethernet frame is TCP or UDP over IPv4 or IPv6, without options, extensions or fragments, with a right checksum.
[[nodiscard]] bool has_right_sum(std::span<const std::uint8_t> frame);

/// Writes IPv4's header checksum and TCP's or UDP's into such a frame.
void finish_sums(std::span<std::uint8_t> frame);

}  // namespace millrace::devmodel
