// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/mbuf.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace millrace::sim {

/// What a device with TCP segmentation offload puts on the cable as segment `index` of `frame`, a whole TCP frame of which
/// Meta::{l3_offset, l4_offset, gso_size, gso_fixed_id} are set: headers brought up to date, checksums finished.
void write_tso_segment(std::span<const std::uint8_t> frame, const pkt::Meta& meta, std::uint32_t index,
                       std::vector<std::uint8_t>& out);

}  // namespace millrace::sim
