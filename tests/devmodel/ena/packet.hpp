// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/bytes.hpp"

namespace millrace::devmodel::ena {

/// ena_eth_io_l3_proto_index and ena_eth_io_l4_proto_index.
enum class L3 : std::uint8_t { unknown = 0, ipv4 = 8, ipv6 = 11 };
enum class L4 : std::uint8_t { unknown = 0, tcp = 12, udp = 13 };

inline constexpr std::uint8_t ip_protocol_tcp = 6;
inline constexpr std::uint8_t ip_protocol_udp = 17;

/// What the device's parser finds in a frame that arrives.
struct Packet {
  unsigned vlan_tags = 0;
  L3 l3 = L3::unknown;
  std::size_t l3_at = 0;
  bool l3_sum_good = false;  ///< of an IPv4 header
  bool fragment = false;     ///< of IPv4
  bool extension_headers = false;  ///< of IPv6
  L4 l4 = L4::unknown;
  std::size_t l4_at = 0;
  std::size_t l4_bytes = 0;  ///< by the IP header, so without an Ethernet frame's padding
  bool l4_checked = false;
  bool l4_sum_good = false;
};

Packet dissect(Bytes frame);

}  // namespace millrace::devmodel::ena
