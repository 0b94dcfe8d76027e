// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/profile.hpp"

namespace millrace::igb {

// As igb_update_stats() and igb_get_stats64() have them.
inline constexpr drivers::StableCounter stable_counters[] = {{"rx_", "multicast_packets", &port::DeviceStats::multicast},
                                                            {"tx_", "total_collisions", &port::DeviceStats::collisions},
                                                            {"rx_", "undersize_errors", &port::DeviceStats::rx_length_errors},
                                                            {"rx_", "oversize_errors", &port::DeviceStats::rx_length_errors},
                                                            {"rx_", "crc_errors", &port::DeviceStats::rx_crc_errors},
                                                            {"rx_", "align_errors", &port::DeviceStats::rx_frame_errors},
                                                            {"tx_", "excessive_collision_packets", &port::DeviceStats::tx_aborted_errors},
                                                            {"tx_", "no_carrier_sense_packets", &port::DeviceStats::tx_carrier_errors},
                                                            {"tx_", "late_collisions", &port::DeviceStats::tx_window_errors}};

/// Intel's 82575, 82576, 82580, i350 and i210. STATUS has bits that are always 0. igb_tx_done_cleanup() makes every descriptor of a
/// chain the last of its packet, but only one of them says that it is done: eth_igb_xmit_pkts() waits for the others for ever
/// (22.11, 24.11).
inline constexpr drivers::Profile profile{.driver = "net_e1000_igb",
                                          .calls_unseen_good = true,
                                          .stable_counters = stable_counters,
                                          .live_register = 0x8,
                                          .cleanup_blocks_ring = true,
                                          .prepares = drivers::Profile::Prepares::offloads};

}  // namespace millrace::igb
