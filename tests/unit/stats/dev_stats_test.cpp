// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stats/dev_stats.hpp>

#include "tests/support/catch.hpp"

using namespace millrace::stats;

TEST_CASE("P3: /proc/net/dev has Linux's headings and 16 columns, errors folded as Linux folds them") {
  DevStats dev;
  dev.rx_bytes = 1;
  dev.rx_packets = 2;
  dev.rx_errors = 3;
  dev.rx_dropped = 4;
  dev.rx_missed_errors = 10;
  dev.rx_fifo_errors = 5;
  dev.rx_length_errors = 1, dev.rx_over_errors = 1, dev.rx_crc_errors = 1, dev.rx_frame_errors = 3;
  dev.rx_compressed = 7;
  dev.multicast = 8;
  dev.tx_bytes = 9;
  dev.tx_packets = 10;
  dev.tx_errors = 11;
  dev.tx_dropped = 12;
  dev.tx_fifo_errors = 13;
  dev.collisions = 14;
  dev.tx_carrier_errors = 12, dev.tx_aborted_errors = 1, dev.tx_window_errors = 1, dev.tx_heartbeat_errors = 1;
  dev.tx_compressed = 16;
  const std::pair<std::string, DevStats> devices[] = {{"eth0", dev}, {"uplink0", DevStats{}}};
  // As Linux 6.18 prints it.
  CHECK(to_proc_net_dev(devices) ==
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
        "  eth0:       1       2    3   14    5     6          7         8        9      10   11   12   13    14      15         16\n"
        "uplink0:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n");
}

TEST_CASE("P3: the 24 files of /sys/class/net/DEV/statistics, each with its own value") {
  DevStats dev;
  dev.rx_nohandler = 5;
  dev.tx_window_errors = 6;
  const NamedValues all = to_sysfs_statistics(dev);
  REQUIRE(all.size() == 24);
  CHECK(all.front().first == "collisions");
  CHECK(all[11] == std::pair<std::string, std::uint64_t>{"rx_nohandler", 5});
  CHECK(all.back() == std::pair<std::string, std::uint64_t>{"tx_window_errors", 6});
  for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i - 1].first < all[i].first);  // as ls shows them
}
