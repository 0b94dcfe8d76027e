// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stats/counter.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace millrace::stats {

/// What went through one queue of a port. Written by the lcore that owns the queue, read by any thread.
struct QueueStats {
  Counter packets;
  Counter bytes;
  Counter drops;  ///< lost at this queue: no buffer, or refused by the device
};

/// What the core, not the device, dropped on one lcore for one port: struct net_device_core_stats. Single writer.
struct DevCoreStats {
  Counter rx_dropped;    ///< by a full backlog, the flow limit among them
  Counter rx_nohandler;  ///< no stack is on the port
  Counter tx_dropped;    ///< by a full tx queue
};

/// A port's statistics: struct rtnl_link_stats64, whose fields bear these names in /sys/class/net/DEV/statistics. What
/// DPDK's devices do not count stays 0.
struct DevStats {
  std::uint64_t collisions = 0, multicast = 0;
  std::uint64_t rx_bytes = 0, rx_compressed = 0, rx_crc_errors = 0, rx_dropped = 0, rx_errors = 0, rx_fifo_errors = 0, rx_frame_errors = 0,
                rx_length_errors = 0, rx_missed_errors = 0, rx_nohandler = 0, rx_over_errors = 0, rx_packets = 0;
  std::uint64_t tx_aborted_errors = 0, tx_bytes = 0, tx_carrier_errors = 0, tx_compressed = 0, tx_dropped = 0, tx_errors = 0, tx_fifo_errors = 0,
                tx_heartbeat_errors = 0, tx_packets = 0, tx_window_errors = 0;
};

/// Counters by name, in the order in which they are shown.
using NamedValues = std::vector<std::pair<std::string, std::uint64_t>>;

/// /sys/class/net/DEV/statistics: the 24 files by name (netstat_show() of net/core/net-sysfs.c).
[[nodiscard]] NamedValues to_sysfs_statistics(const DevStats& dev);

/// /proc/net/dev: two lines of headings, then 16 columns for each device (dev_seq_printf_stats() of net/core/net-procfs.c).
[[nodiscard]] std::string to_proc_net_dev(std::span<const std::pair<std::string, DevStats>> devices);

}  // namespace millrace::stats
