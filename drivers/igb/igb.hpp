// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/profile.hpp"

namespace millrace::igb {

/// Intel's 82575, 82576, 82580, i350 and i210. STATUS has bits that are always 0. igb_tx_done_cleanup() makes every descriptor of a
/// chain the last of its packet, but only one of them says that it is done: eth_igb_xmit_pkts() waits for the others for ever
/// (22.11, 24.11).
inline constexpr drivers::Profile profile{.driver = "net_e1000_igb", .calls_unseen_good = true, .live_register = 0x8, .cleanup_blocks_ring = true, .prepares = drivers::Profile::Prepares::offloads};

}  // namespace millrace::igb
