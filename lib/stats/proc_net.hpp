// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>
#include <millrace/stats/lcore_stats.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::stats {

/// The files of /proc/net as Linux 6.18 prints them, to the column and the blank, so that what reads Linux's reads these.
/// Columns come from the counter of the same name (lib/stats/*.def), summed over the lcores given; 0 where there is
/// none. They allocate: for the control path. Any thread.

/// What /proc/net/snmp tells beside counters.
struct SnmpValues {
  bool is_forwarding = false;        ///< Ip Forwarding: 1 or, when false, 2
  std::uint64_t default_ttl = 64;    ///< Ip DefaultTTL
  std::uint64_t established = 0;     ///< Tcp CurrEstab: connections in ESTABLISHED or CLOSE-WAIT
};
/// /proc/net/snmp: two lines, names and values, for each of Ip, Icmp, IcmpMsg (types that came or went at all), Tcp, Udp,
/// UdpLite (snmp_seq_show() of net/ipv4/proc.c).
[[nodiscard]] std::string to_proc_net_snmp(std::span<const LcoreStats* const> lcores, const SnmpValues& values);
/// /proc/net/snmp6: a line for each name (snmp6_seq_show() of net/ipv6/proc.c).
[[nodiscard]] std::string to_proc_net_snmp6(std::span<const LcoreStats* const> lcores);
/// /proc/net/netstat: two lines for each of TcpExt, IpExt (netstat_seq_show()).
[[nodiscard]] std::string to_proc_net_netstat(std::span<const LcoreStats* const> lcores);

/// A UDP socket that is bound.
struct UdpRow {
  std::uint32_t bucket = 0;  ///< column sl
  Endpoint local{};
  Endpoint remote{};         ///< of no port: it is not connected
  std::uint64_t rx_queue = 0;  ///< truesize of what waits to be read, bytes
  std::uint64_t inode = 0;     ///< names the socket
  std::uint64_t drops = 0;
};
/// /proc/net/udp and udp6: 15 columns for each row of that family, addresses as the words of a little-endian machine. A
/// socket is in a state of TCP's: 01 when it is connected, 07 when not (udp4_format_sock(), __ip6_dgram_sock_seq_show()).
[[nodiscard]] std::string to_proc_net_udp(std::span<const UdpRow> rows);
[[nodiscard]] std::string to_proc_net_udp6(std::span<const UdpRow> rows);

/// A protocol of sockets (struct proto).
struct ProtocolRow {
  std::string_view name;
  std::size_t size = 0;          ///< bytes of a socket
  std::uint64_t sockets = 0;
  std::int64_t memory = -1;      ///< pages of 4096 bytes that all sockets hold; -1: not accounted for
  std::uint32_t max_header = 0;  ///< bytes in front of what is sent
  bool slab = true;              ///< sockets come from a table of their own
  std::string_view calls;        ///< 18 times y or n: close connect disconnect accept ioctl init destroy shutdown setsockopt
                                 ///< getsockopt sendmsg recvmsg bind backlog_rcv hash unhash get_port enter_memory_pressure
};
/// /proc/net/protocols (proto_seq_printf() of net/core/sock.c).
[[nodiscard]] std::string to_proc_net_protocols(std::span<const ProtocolRow> rows);

/// A neighbour of IPv4.
struct ArpRow {
  IpAddress address{};
  MacAddress mac{};
  bool is_valid = false;  ///< the MAC may be used
  bool is_permanent = false;
  std::string device;
};
/// /proc/net/arp (arp_format_neigh_entry()).
[[nodiscard]] std::string to_proc_net_arp(std::span<const ArpRow> rows);

struct RouteRow {
  IpPrefix to{};
  std::optional<IpAddress> via{};
  std::string device;  ///< empty: it has none
  std::uint32_t metric = 0;
  bool rejects = false;  ///< unreachable or prohibit
};
/// /proc/net/route: the routes of IPv4 among the rows, in the order of prefix, length and metric (fib_route_seq_show()).
[[nodiscard]] std::string to_proc_net_route(std::vector<RouteRow> rows);

/// A multicast group that an interface is in.
struct GroupRow {
  IpAddress group{};
  std::uint32_t users = 0;
  std::optional<Duration> timer{};  ///< until it is reported; none: it is not asked for
  bool is_last_reporter = false;
};
struct GroupDevice {
  std::uint16_t ifindex = 0;
  std::string name;
  std::uint8_t igmp_version = 3;  ///< that its queriers understand
  std::vector<GroupRow> groups;   ///< of both versions of IP
};
/// /proc/net/igmp: a line for each interface, and one for each of its groups of IPv4 (igmp_mc_seq_show()); times in 1/100 s.
[[nodiscard]] std::string to_proc_net_igmp(std::span<const GroupDevice> devices);
/// /proc/net/igmp6: a line for each group of IPv6 on each interface (igmp6_mc_seq_show()).
[[nodiscard]] std::string to_proc_net_igmp6(std::span<const GroupDevice> devices);

}  // namespace millrace::stats
