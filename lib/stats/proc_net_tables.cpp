// SPDX-License-Identifier: BSD-3-Clause
// The files of /proc/net that are tables: udp, udp6, protocols, arp, route, igmp, igmp6. Called by the engine's views. Linux 6.18:
// net/ipv4/udp.c, net/ipv6/datagram.c, net/core/sock.c, net/ipv4/arp.c, net/ipv4/fib_trie.c, net/ipv4/igmp.c,
// net/ipv6/mcast.c (receive_path J8, H11, H15).
#include <millrace/stats/proc_net.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <tuple>

namespace millrace::stats {
namespace {

constexpr std::size_t padded_width = 127;  // seq_setwidth()

template <class... Args>
std::string formatted(const char* format, Args... args) {
  std::array<char, 512> line;
  std::snprintf(line.data(), line.size(), format, args...);
  return line.data();
}

std::string padded(std::string line) {
  line.resize(std::max(line.size(), padded_width), ' ');
  return line + "\n";
}

// A word of an address as a little-endian machine prints it, whatever this one is.
unsigned word(const std::uint8_t* bytes) {
  return static_cast<unsigned>(bytes[0] | bytes[1] << 8 | bytes[2] << 16) | static_cast<unsigned>(bytes[3]) << 24;
}

std::string hex(const Endpoint& e, bool v6) {
  const std::string port = formatted(":%04X", unsigned{e.port});
  if (!v6) return formatted("%08X", e.address.is_v4() ? word(e.address.v4_bytes()) : 0u) + port;
  const auto& b = e.address.bytes;
  return formatted("%08X%08X%08X%08X", word(&b[0]), word(&b[4]), word(&b[8]), word(&b[12])) + port;
}

// sl, addresses, st, tx and rx queue, tr and tm->when, retrnsmt, uid, timeout, inode, ref, pointer (hidden, as by
// kptr_restrict), drops.
std::string udp_line(const UdpRow& row, bool v6) {
  constexpr unsigned established = 1, close = 7;  // TCP_ESTABLISHED, TCP_CLOSE
  return formatted("%5u: ", row.bucket) + hex(row.local, v6) + " " + hex(row.remote, v6) +
         formatted(" %02X %08X:%08X %02X:%08lX %08X %5u %8d %llu %d %016llx %llu", row.remote.port != 0 ? established : close, 0u,
                   static_cast<unsigned>(row.rx_queue), 0u, 0ul, 0u, 0u, 0, static_cast<unsigned long long>(row.inode), 2, 0ull,
                   static_cast<unsigned long long>(row.drops));
}

// jiffies_to_clock_t(): in 1/100 s.
unsigned long ticks(const std::optional<Duration>& timer) {
  constexpr Duration tick = std::chrono::milliseconds(10);
  return timer ? static_cast<unsigned long>(std::max(*timer, Duration{}) / tick) : 0;
}

// MAF_TIMER_RUNNING, MAF_LAST_REPORTER, MAF_LOADED, MAF_NOREPORT: all nodes of the link, and what stays in the host.
unsigned mca_flags(const GroupRow& row) {
  const auto& b = row.group.bytes;
  const unsigned scope = b[1] & 15u;
  const bool is_all_nodes = b[1] == 2 && b[15] == 1 && std::all_of(&b[2], &b[15], [](std::uint8_t byte) { return byte == 0; });
  return (row.timer ? 1u : 0u) | (row.is_last_reporter ? 2u : 0u) | (scope >= 2 ? 4u : 0u) | (is_all_nodes || scope < 2 ? 8u : 0u);
}

}  // namespace

std::string to_proc_net_udp(std::span<const UdpRow> rows) {
  std::string text = padded("   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops");
  for (const UdpRow& row : rows)
    if (row.local.address.is_v4()) text += padded(udp_line(row, false));
  return text;
}

std::string to_proc_net_udp6(std::span<const UdpRow> rows) {
  std::string text =
      "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  "
      "timeout inode ref pointer drops\n";
  for (const UdpRow& row : rows)
    if (!row.local.address.is_v4()) text += udp_line(row, true) + "\n";
  return text;
}

std::string to_proc_net_protocols(std::span<const ProtocolRow> rows) {
  std::string text = formatted("%-9s %-4s %-8s %-6s %-5s %-7s %-4s %-10s %s", "protocol", "size", "sockets", "memory", "press", "maxhdr", "slab", "module",
                               "cl co di ac io in de sh ss gs se re bi br ha uh gp em\n");
  for (const ProtocolRow& row : rows) {
    text += formatted("%-9s %4u %6llu  %6lld   %-3s %6u   %-3s  %-10s ", std::string(row.name).c_str(), static_cast<unsigned>(row.size),
                      static_cast<unsigned long long>(row.sockets), static_cast<long long>(row.memory), "NI", row.max_header,
                      row.slab ? "yes" : "no", "millrace");
    for (const char call : row.calls) text += formatted("%2c ", call);
    text.back() = '\n';
  }
  return text;
}

std::string to_proc_net_arp(std::span<const ArpRow> rows) {
  constexpr unsigned complete = 2, permanent = 4, ethernet = 1;  // ATF_COM, ATF_PERM, ARPHRD_ETHER
  std::string text = "IP address       HW type     Flags       HW address            Mask     Device\n";
  for (const ArpRow& row : rows)
    text += formatted("%-16s 0x%-10x0x%-10x%-17s     *        %s\n", row.address.to_string().c_str(), ethernet,
                      (row.is_valid ? complete : 0u) | (row.is_permanent ? permanent : 0u),
                      (row.is_valid ? row.mac : MacAddress{}).to_string().c_str(), row.device.c_str());
  return text;
}

std::string to_proc_net_route(std::vector<RouteRow> rows) {
  constexpr unsigned up = 1, gateway = 2, host = 4, reject = 0x200;  // RTF_*
  std::erase_if(rows, [](const RouteRow& row) { return !row.to.address.is_v4(); });
  const auto place = [](const RouteRow& row) { return std::tuple(row.to.address.v4_number(), row.to.length, row.metric); };
  std::sort(rows.begin(), rows.end(), [&](const RouteRow& a, const RouteRow& b) { return place(a) < place(b); });
  std::string text = padded("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
  for (const RouteRow& row : rows) {
    std::array<std::uint8_t, 4> mask{};
    for (unsigned bit = 0; bit < row.to.length; ++bit) mask[bit / 8] |= static_cast<std::uint8_t>(0x80u >> (bit % 8));
    const unsigned flags = up | (row.via ? gateway : 0u) | (row.to.length == 32 ? host : 0u) | (row.rejects ? reject : 0u);
    text += padded(formatted("%s\t%08X\t%08X\t%04X\t%d\t%u\t%u\t%08X\t%d\t%u\t%u", row.device.empty() ? "*" : row.device.c_str(), word(row.to.address.v4_bytes()),
                             row.via ? word(row.via->v4_bytes()) : 0u, flags, 0, 0u, row.metric, word(mask.data()), 0, 0u, 0u));
  }
  return text;
}

std::string to_proc_net_igmp(std::span<const GroupDevice> devices) {
  std::string text = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n";
  for (const GroupDevice& device : devices) {
    const auto count = std::count_if(device.groups.begin(), device.groups.end(), [](const GroupRow& row) { return row.group.is_v4(); });
    text += formatted("%d\t%-10s: %5d %7s\n", int{device.ifindex}, device.name.c_str(), static_cast<int>(count),
                      formatted("V%d", int{device.igmp_version}).c_str());
    for (const GroupRow& row : device.groups)
      if (row.group.is_v4())
        text += formatted("\t\t\t\t%08X %5u %d:%08lX\t\t%d\n", word(row.group.v4_bytes()), row.users, row.timer ? 1 : 0, ticks(row.timer),
                          row.is_last_reporter ? 1 : 0);
  }
  return text;
}

std::string to_proc_net_igmp6(std::span<const GroupDevice> devices) {
  std::string text;
  for (const GroupDevice& device : devices) {
    for (const GroupRow& row : device.groups) {
      if (row.group.is_v4()) continue;
      text += formatted("%-4d %-15s ", int{device.ifindex}, device.name.c_str());
      for (const std::uint8_t byte : row.group.bytes) text += formatted("%02x", unsigned{byte});
      text += formatted(" %5u %08X %lu\n", row.users, mca_flags(row), ticks(row.timer));
    }
  }
  return text;
}

}  // namespace millrace::stats
