// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace millrace::wire {

/// EtherTypes, host order.
namespace ethertype {
inline constexpr std::uint16_t ipv4 = 0x0800;
inline constexpr std::uint16_t arp = 0x0806;
inline constexpr std::uint16_t vlan = 0x8100;  ///< IEEE 802.1Q C-tag
inline constexpr std::uint16_t ipv6 = 0x86dd;
inline constexpr std::uint16_t qinq = 0x88a8;  ///< IEEE 802.1ad S-tag
}  // namespace ethertype

/// IPv4 protocol and IPv6 next header numbers.
namespace ip_proto {
inline constexpr std::uint8_t hop_by_hop = 0;
inline constexpr std::uint8_t icmp = 1;
inline constexpr std::uint8_t igmp = 2;
inline constexpr std::uint8_t tcp = 6;
inline constexpr std::uint8_t udp = 17;
inline constexpr std::uint8_t routing = 43;
inline constexpr std::uint8_t fragment = 44;
inline constexpr std::uint8_t icmp6 = 58;
inline constexpr std::uint8_t none = 59;
inline constexpr std::uint8_t destination_options = 60;
inline constexpr std::uint8_t raw = 255;  ///< RFC 3692 reserves it; of Linux's sockets: anything
}  // namespace ip_proto

}  // namespace millrace::wire
