// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace millrace::wire {

// DHCPv6 (RFC 8415), as far as a host goes that asks for information without leases.

inline constexpr std::uint16_t dhcp6_client_port = 546;
inline constexpr std::uint16_t dhcp6_server_port = 547;
inline constexpr IpAddress all_dhcp6_servers{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2}};  ///< section 7.1
inline constexpr std::size_t dhcp6_max_duid_bytes = 130;      ///< section 11.1
inline constexpr std::size_t dhcp6_max_name_servers = 16;     ///< kept of a message; more are passed over

/// Section 7.3.
namespace dhcp6_type {
inline constexpr std::uint8_t reply = 7;
inline constexpr std::uint8_t information_request = 11;
}  // namespace dhcp6_type

namespace dhcp6_option {
inline constexpr std::uint16_t client_id = 1;
inline constexpr std::uint16_t server_id = 2;
inline constexpr std::uint16_t option_request = 6;
inline constexpr std::uint16_t elapsed_time = 8;
inline constexpr std::uint16_t status_code = 13;
inline constexpr std::uint16_t name_servers = 23;  // RFC 3646
inline constexpr std::uint16_t information_refresh_time = 32;
inline constexpr std::uint16_t inf_max_rt = 83;
}  // namespace dhcp6_option

/// A message between client and server as plain values; options that this host has no use for are passed over. An option of a
/// length that its type cannot have counts as one that is not there; of a repeated one the first counts.
struct Dhcp6Message {
  std::uint8_t type = dhcp6_type::information_request;
  std::uint32_t xid = 0;                                ///< 24 bits
  std::vector<std::uint8_t> client_id{};                ///< DUIDs; empty: not there
  std::vector<std::uint8_t> server_id{};
  std::vector<std::uint16_t> requested{};               ///< codes of the options that are wanted
  std::optional<std::uint16_t> elapsed_cs{};            ///< since the first message, 10 ms each; 0xffff: that or longer
  std::optional<std::uint16_t> status{};                ///< 0: success, as when it is not there
  std::vector<IpAddress> name_servers{};
  std::optional<std::uint32_t> refresh_s{};             ///< 0xffffffff: for ever
  std::optional<std::uint32_t> inf_max_rt_s{};

  /// The payload of a UDP datagram. Null when it is too short, a relay's, or when an option does not end inside.
  [[nodiscard]] static std::optional<Dhcp6Message> parse(std::span<const std::uint8_t> bytes);
  bool operator==(const Dhcp6Message&) const = default;
};

/// The message's bytes; parse() gives the same message again.
[[nodiscard]] std::vector<std::uint8_t> make_dhcp6(const Dhcp6Message& message);

/// The DUID of an Ethernet address (DUID-LL, section 11.4).
[[nodiscard]] std::vector<std::uint8_t> duid_ll(const MacAddress& mac);

}  // namespace millrace::wire
