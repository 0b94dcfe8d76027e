// SPDX-License-Identifier: BSD-3-Clause
// A port's statistics as Linux shows them. Called by the engine's views. net/core/net-procfs.c and net-sysfs.c.
#include <millrace/stats/dev_stats.hpp>

#include <array>
#include <cstdio>

namespace millrace::stats {

NamedValues to_sysfs_statistics(const DevStats& dev) {
#define MR_ROW(name) {#name, dev.name}
  return {MR_ROW(collisions),        MR_ROW(multicast),        MR_ROW(rx_bytes),          MR_ROW(rx_compressed),    MR_ROW(rx_crc_errors),
          MR_ROW(rx_dropped),        MR_ROW(rx_errors),        MR_ROW(rx_fifo_errors),    MR_ROW(rx_frame_errors),  MR_ROW(rx_length_errors),
          MR_ROW(rx_missed_errors),  MR_ROW(rx_nohandler),     MR_ROW(rx_over_errors),    MR_ROW(rx_packets),       MR_ROW(tx_aborted_errors),
          MR_ROW(tx_bytes),          MR_ROW(tx_carrier_errors), MR_ROW(tx_compressed),    MR_ROW(tx_dropped),       MR_ROW(tx_errors),
          MR_ROW(tx_fifo_errors),    MR_ROW(tx_heartbeat_errors), MR_ROW(tx_packets),     MR_ROW(tx_window_errors)};
#undef MR_ROW
}

std::string to_proc_net_dev(std::span<const std::pair<std::string, DevStats>> devices) {
  std::string text =
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n";
  for (const auto& [name, s] : devices) {
    const std::array<std::pair<int, std::uint64_t>, 16> columns{{
        {7, s.rx_bytes},
        {7, s.rx_packets},
        {4, s.rx_errors},
        {4, s.rx_dropped + s.rx_missed_errors},
        {4, s.rx_fifo_errors},
        {5, s.rx_length_errors + s.rx_over_errors + s.rx_crc_errors + s.rx_frame_errors},
        {10, s.rx_compressed},
        {9, s.multicast},
        {8, s.tx_bytes},
        {7, s.tx_packets},
        {4, s.tx_errors},
        {4, s.tx_dropped},
        {4, s.tx_fifo_errors},
        {5, s.collisions},
        {7, s.tx_carrier_errors + s.tx_aborted_errors + s.tx_window_errors + s.tx_heartbeat_errors},
        {10, s.tx_compressed},
    }};
    text += std::string(name.size() < 6 ? 6 - name.size() : 0, ' ') + name + ":";
    for (const auto& [width, value] : columns) {
      char cell[24];
      std::snprintf(cell, sizeof cell, " %*llu", width, static_cast<unsigned long long>(value));
      text += cell;
    }
    text += '\n';
  }
  return text;
}

}  // namespace millrace::stats
