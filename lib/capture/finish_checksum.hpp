// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <span>

namespace millrace::capture {

/// Computes the layer-4 checksum of a frame that lies in one piece: `proto` is tcp, udp or icmp6, the offsets are
/// Meta's. The length comes from the IP header; a frame in which it does not fit is left as it is.
void finish_checksum(std::span<std::uint8_t> frame, std::uint16_t l3_offset, std::uint16_t l4_offset,
                     std::uint8_t proto);

}  // namespace millrace::capture
