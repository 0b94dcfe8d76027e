// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/bytes.hpp"

#include <cstdint>
#include <optional>

namespace millrace::devmodel::igb {

namespace protocol {
inline constexpr std::uint8_t tcp = 6, udp = 17, sctp = 132;
}

[[nodiscard]] inline bool is_group(Bytes frame) { return (frame[0] & 1) != 0; }
[[nodiscard]] bool is_broadcast(Bytes frame);

/// What the device's parser finds in a frame. What it does not understand, or what does not fit into the frame, is not there.
struct Headers {
  std::optional<std::uint16_t> tag;  ///< of the VLAN header that VET names
  enum class Network : std::uint8_t { none, ipv4, ipv6 } network = Network::none;
  bool has_options = false;  ///< IPv4 options or IPv6 extension headers
  bool is_fragment = false;
  std::size_t network_at = 0;
  std::size_t transport_at = 0;
  std::size_t end = 0;         ///< of the IP packet: what follows is padding
  std::uint8_t transport = 0;  ///< the protocol's number; 0: not looked at

  [[nodiscard]] std::uint32_t packet_type() const;
};

/// `parses_extensions` is RFCTL.IPV6_EX_DIS, turned round.
[[nodiscard]] Headers parse(Bytes frame, std::uint16_t vlan_ethertype, bool parses_extensions);

/// The sum over the pseudo header in front of the transport header (RFC 9293 3.1, RFC 8200 8.1).
[[nodiscard]] std::uint16_t pseudo_header_sum(Bytes frame, const Headers& headers);

}  // namespace millrace::devmodel::igb
