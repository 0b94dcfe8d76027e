// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

// Numbers of the Virtual I/O Device specification, version 1.2: the PCI transport (4.1) and the network device (5.1).
namespace millrace::devmodel::virtio {

/// Where the structures lie in the BAR; the capabilities tell the driver (4.1.4).
namespace area {
inline constexpr std::uint32_t transport = 0x0000, isr = 0x1000, device = 0x2000, notify = 0x3000;
inline constexpr std::uint32_t bytes = 0x1000, all = 0x4000;
inline constexpr unsigned bar = 4;
inline constexpr std::uint32_t notify_multiplier = 4;
}  // namespace area

/// The common configuration structure (4.1.4.3).
namespace transport {
inline constexpr std::uint32_t device_feature_select = 0, device_feature = 4, driver_feature_select = 8, driver_feature = 12, config_msix_vector = 16, num_queues = 18,
                               device_status = 20, config_generation = 21, queue_select = 22, queue_size = 24, queue_msix_vector = 26, queue_enable = 28, queue_notify_off = 30,
                               queue_desc = 32, queue_driver = 40, queue_device = 48, end = 56;
}

/// Device status (2.1).
namespace status {
inline constexpr std::uint8_t acknowledge = 1, driver = 2, driver_ok = 4, features_ok = 8, needs_reset = 64, failed = 128;
}

/// Bit numbers of features (5.1.3, 6).
namespace feature {
inline constexpr unsigned csum = 0, guest_csum = 1, mtu = 3, mac = 5, guest_tso4 = 7, guest_tso6 = 8, host_tso4 = 11, host_tso6 = 12, mrg_rxbuf = 15, status = 16, ctrl_vq = 17, ctrl_rx = 18,
                          ctrl_vlan = 19, guest_announce = 21, mq = 22, ctrl_mac_addr = 23, indirect_desc = 28, version_1 = 32, ring_packed = 34;
}

inline constexpr std::uint16_t no_vector = 0xffff;

/// Flags of descriptors (2.7.5, 2.8.13).
namespace desc {
inline constexpr std::uint16_t next = 1, write = 2, indirect = 4, avail = 1 << 7, used = 1 << 15;
}

/// The header in front of a frame (5.1.6).
namespace net_hdr {
inline constexpr std::size_t flags = 0, gso_type = 1, hdr_len = 2, gso_size = 4, csum_start = 6, csum_offset = 8, num_buffers = 10, bytes = 12;
inline constexpr std::uint8_t needs_csum = 1, data_valid = 2;
inline constexpr std::uint8_t gso_none = 0, gso_tcpv4 = 1, gso_tcpv6 = 4;
}  // namespace net_hdr

/// The control queue (5.1.6.5).
namespace ctrl {
inline constexpr std::uint8_t rx = 0, mac = 1, vlan = 2, mq = 4;
inline constexpr std::uint8_t rx_promisc = 0, rx_allmulti = 1, mac_table_set = 0, mac_addr_set = 1, vlan_add = 0, vlan_del = 1, mq_vq_pairs_set = 0;
inline constexpr std::uint8_t ok = 0, error = 1;
}  // namespace ctrl

}  // namespace millrace::devmodel::virtio
