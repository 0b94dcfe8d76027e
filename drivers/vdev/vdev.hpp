// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/profile.hpp"

namespace millrace::vdev {

/// A TAP device. Its tx checksum is wrong when a segment but the last has an odd length (22.11.11), and its rx verdict says NONE
/// for a UDP datagram without checksum, IPv6 included. The MAC is that of the kernel's interface.
inline constexpr drivers::Profile tap{.driver = "net_tap", .software_checksums = true, .equal_queues = true, .filters_nothing = true, .announces_peer_mac = true, .ring_holds_one_frame = true};
/// The device's side of a vhost-user socket. For a guest without VIRTIO_NET_F_GUEST_CSUM vhost_dev_tx_sw_csum() forms the sum by
/// rte_raw_cksum_mbuf(), which loses a carry (22.11).
inline constexpr drivers::Profile vhost{.driver = "net_vhost", .filters_nothing = true, .scatters_unasked = true, .missums_odd_chains = true};
/// An interface of the kernel's, which spreads what arrives (PACKET_FANOUT) over all the `qpairs` that the device was made with.
inline constexpr drivers::Profile af_packet{.driver = "net_af_packet", .needs_all_rx_queues = true};
inline constexpr drivers::Profile ring{.driver = "net_ring", .filters_nothing = true};
inline constexpr drivers::Profile null{.driver = "net_null", .filters_nothing = true};

}  // namespace millrace::vdev
