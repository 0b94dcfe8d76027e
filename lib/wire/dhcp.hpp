// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace millrace::wire {

// DHCP of Ethernet hosts (RFC 2131), with those of its options (RFC 2132) that such a host sends or takes.

inline constexpr std::uint16_t dhcp_server_port = 67;
inline constexpr std::uint16_t dhcp_client_port = 68;
inline constexpr std::size_t dhcp_min_bytes = 300;           ///< BOOTP's (RFC 951): relays may drop what is shorter
inline constexpr std::uint32_t dhcp_infinity = 0xffffffff;   ///< of a lease (RFC 2131 section 3.3)
inline constexpr std::size_t dhcp_max_addresses = 16;        ///< kept of a list of routers or name servers; more are passed over
inline constexpr std::size_t dhcp_max_routes = 64;           ///< and of classless routes

/// RFC 2132 section 9.6.
enum class DhcpType : std::uint8_t { discover = 1, offer, request, decline, ack, nak, release, inform };

namespace dhcp_option {
inline constexpr std::uint8_t subnet_mask = 1;
inline constexpr std::uint8_t routers = 3;
inline constexpr std::uint8_t name_servers = 6;
inline constexpr std::uint8_t interface_mtu = 26;
inline constexpr std::uint8_t broadcast_address = 28;
inline constexpr std::uint8_t requested_address = 50;
inline constexpr std::uint8_t lease_time = 51;
inline constexpr std::uint8_t overload = 52;
inline constexpr std::uint8_t message_type = 53;
inline constexpr std::uint8_t server_id = 54;
inline constexpr std::uint8_t parameter_list = 55;
inline constexpr std::uint8_t max_message_size = 57;
inline constexpr std::uint8_t renewal_time = 58;
inline constexpr std::uint8_t rebinding_time = 59;
inline constexpr std::uint8_t client_id = 61;
inline constexpr std::uint8_t classless_routes = 121;
}  // namespace dhcp_option

/// One of RFC 3442's. Host bits of the prefix are 0.
struct ClasslessRoute {
  IpPrefix to;
  IpAddress router = IpAddress::v4(0, 0, 0, 0);  ///< 0.0.0.0: the destinations are on the link
  bool operator==(const ClasslessRoute&) const = default;
};

/// A message as plain values; fields that hosts have no use for are passed over. An option of a length that its type cannot
/// have counts as one that is not there.
struct DhcpMessage {
  DhcpType type = DhcpType::discover;
  bool is_reply = false;   ///< op: a server's (BOOTREPLY)
  bool broadcast = false;  ///< the flag: answers are to be broadcast
  std::uint32_t xid = 0;
  std::uint16_t secs = 0;
  IpAddress ciaddr = IpAddress::v4(0, 0, 0, 0);
  IpAddress yiaddr = IpAddress::v4(0, 0, 0, 0);
  MacAddress chaddr{};

  std::optional<MacAddress> client_id{};       ///< of hardware type 1 (RFC 2132 section 9.14); others are passed over
  std::optional<IpAddress> requested{};
  std::optional<IpAddress> server_id{};
  std::vector<std::uint8_t> parameters{};      ///< codes of the options that are wanted
  std::optional<std::uint16_t> max_message_bytes{};
  std::optional<IpAddress> subnet_mask{};      ///< any 32 bits
  std::optional<IpAddress> broadcast_address{};
  std::vector<IpAddress> routers{};
  std::vector<IpAddress> name_servers{};
  std::vector<ClasslessRoute> routes{};
  std::optional<std::uint16_t> mtu{};
  std::optional<std::uint32_t> lease_s{};
  std::optional<std::uint32_t> renewal_s{};    ///< T1
  std::optional<std::uint32_t> rebinding_s{};  ///< T2

  /// The payload of a UDP datagram. Null when it is too short, not of Ethernet, no DHCP, of no type, or when an option does
  /// not end where its field does. Options may stand in sname and file, too (RFC 2132 section 9.3), and in pieces (RFC 3396).
  [[nodiscard]] static std::optional<DhcpMessage> parse(std::span<const std::uint8_t> bytes);
  bool operator==(const DhcpMessage&) const = default;
};

/// The message's bytes, at least dhcp_min_bytes; parse() gives the same message again.
[[nodiscard]] std::vector<std::uint8_t> make_dhcp(const DhcpMessage& message);

}  // namespace millrace::wire
