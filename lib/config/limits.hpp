// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/config/config.hpp>

#include <array>
#include <cstdint>
#include <string_view>

namespace millrace::config {

/// A closed range of numbers.
struct Range {
  std::int64_t min;
  std::int64_t max;
  [[nodiscard]] constexpr bool contains(std::int64_t v) const { return min <= v && v <= max; }
  [[nodiscard]] std::string to_string() const { return std::to_string(min) + ".." + std::to_string(max); }
};

/// What the loader and validate() both hold the fields of Config to.
namespace limit {
inline constexpr Range memory_mb{16, 1 << 20};
inline constexpr Range pool_packets{255, 1 << 22};
inline constexpr Range data_room{512, 16384};  // all headers of a packet lie in its first buffer
inline constexpr Range lcores{1, 128};
inline constexpr Range cpu{0, 4095};
inline constexpr Range mtu{68, 9600};  // RFC 791 section 3.2; what the drivers' jumbo frames carry
inline constexpr Range queues{1, 128};
inline constexpr Range vlan_id{1, 4094};
inline constexpr Range bql_limit{0, 1879048192};  // DQL_MAX_LIMIT
inline constexpr Range bql_hold_time{0, 3600000};
inline constexpr Range txqueuelen{1, 1 << 20};
inline constexpr Range descriptors{32, 32768};
inline constexpr Range rss_weight{0, 65535};
inline constexpr Range rx_usecs{0, 100000};
inline constexpr Range rx_frames{0, 65535};
inline constexpr Range gso_max_size{9600, 65536};
inline constexpr Range gso_max_segs{1, 65535};
inline constexpr Range rps_flow_cnt{0, 1 << 20};
inline constexpr Range gro_flush_timeout_ns{0, 1'000'000'000};
inline constexpr Range napi_defer_hard_irqs{0, 1'000'000};
inline constexpr Range entries{0, 1024};  // of any list
inline constexpr Range max_bytes{4096, std::int64_t{1} << 50};
inline constexpr Range snaplen{0, 262144};
inline constexpr Range buffer_bytes{256 << 10, 1 << 30};  // holds at least two merged frames of 64 KiB
inline constexpr std::size_t interface_name = 15;         // IFNAMSIZ - 1
inline constexpr std::uint16_t tap_queues = 16;           // RTE_PMD_TAP_MAX_QUEUES
inline constexpr std::uint16_t sim_rx_queues = 16;        // most_queues of drivers/sim/link.cpp
}  // namespace limit

/// The words of each enumeration, in the order of its enumerators.
inline constexpr std::array<std::string_view, 5> driver_words{"sim", "tap", "vdev", "ethdev", "vlan"};
inline constexpr std::array<std::string_view, 5> hook_words{"pre_routing", "local_in", "forward", "local_out", "post_routing"};
inline constexpr std::array<std::string_view, 3> verdict_words{"drop", "accept", "queue"};
inline constexpr std::array<std::string_view, 5> route_type_words{"unicast", "local", "blackhole", "unreachable", "prohibit"};
inline constexpr std::array<std::string_view, 3> rx_mode_words{"poll", "interrupt", "adaptive"};
inline constexpr std::array<std::string_view, 2> rss_field_words{"sd", "sdfn"};  // as ethtool -N writes them
inline constexpr std::array<std::string_view, 3> direction_words{"both", "in", "out"};
inline constexpr std::array<std::string_view, 6> capture_point_words{"driver", "gro", "steered", "socket", "out", "drop"};
inline constexpr std::array<std::string_view, 2> clock_words{"tsc", "manual"};
inline constexpr std::array<std::string_view, 8> log_words{"emergency", "alert",  "critical", "error",
                                                           "warning",   "notice", "info",     "debug"};

}  // namespace millrace::config
