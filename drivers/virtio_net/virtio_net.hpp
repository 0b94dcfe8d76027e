// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/profile.hpp"

namespace millrace::virtio_net {

// virtio_xmit_pkts_prepare(): a VLAN tag to be inserted, which we ask of no device, and the sum (22.11, 24.11). Sent buffers
// that come back late, many at once, overflow the pool's cache: its buffers then go round, all of them cold. virtio_recv_pkts_vec() rounds
// down to eights what it is asked for (22.11).

inline constexpr drivers::StableCounter stable_counters[] = {{"rx_", "_multicast_packets", &port::DeviceStats::multicast}};

/// virtio-net on PCI. On a packed ring vring_desc_init_indirect_packed() leaves the header of a frame in two to seven buffers marked as
/// the device's to write, and a device may stop for that, as QEMU's does.
inline constexpr drivers::Profile pci{.driver = "net_virtio",
                                      .begins_without_vlans = true,
                                      .sent_kept = 64,
                                      .least_burst = 8,
                                      .stable_counters = stable_counters,
                                      .spoils_packed_chains = true,
                                      .frees_received = true,
                                      .prepares = drivers::Profile::Prepares::sums};
/// virtio-user, whose device is another process. When that has gone, the socket keeps virtio_interrupt_handler() busy, and virtio_dev_stop()
/// cannot unregister it: it then runs on what is gone (22.11).
inline constexpr drivers::Profile user{.driver = "net_virtio_user",
                                       .filters_nothing = true,
                                       .sent_kept = 64,
                                       .least_burst = 8,
                                       .link_by_interrupt = true,
                                       .stops_under_handler = true,
                                       .stable_counters = stable_counters,
                                       .frees_received = true,
                                       .prepares = drivers::Profile::Prepares::sums};

}  // namespace millrace::virtio_net
