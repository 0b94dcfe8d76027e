// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/icmp6.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <span>

namespace millrace::wire {

// Neighbour discovery messages (RFC 4861 section 4). Each parse() takes the whole ICMPv6 message, from its type on,
// and gives null when the type or code is another, the message is too short, an option is malformed (length 0 or
// past the end, section 4.6) or the target is a multicast address. Hop limit, checksum and source address are the
// caller's to judge (sections 6.1 and 7.1). Each emit() writes the message with a zero checksum and returns its
// length, at most nd_max_bytes; seal_icmp6() follows.

inline constexpr std::size_t nd_max_prefixes = 8;  ///< prefixes kept of one advertisement; more are passed over
inline constexpr std::size_t nd_max_name_servers = 8;  ///< and of name servers
inline constexpr std::size_t nd_max_bytes = 40 + 8 + 8 + 32 * nd_max_prefixes + 24 * nd_max_name_servers;

/// RFC 4861 section 4.6.2.
struct PrefixInfo {
  IpPrefix prefix;
  bool on_link = false;                   ///< L
  bool autonomous = false;                ///< A
  std::uint32_t valid_lifetime_s = 0;     ///< 0xffffffff: for ever
  std::uint32_t preferred_lifetime_s = 0;
  bool operator==(const PrefixInfo&) const = default;
};

/// Of a solicitation that looks for duplicates: tells one's own, come back, from another's (RFC 7527, RFC 3971).
using Nonce = std::array<std::uint8_t, 6>;

/// A server of the RDNSS option (RFC 8106 section 5.1).
struct DnsServer {
  IpAddress server;
  std::uint32_t lifetime_s = 0;  ///< 0: not to be used any more; 0xffffffff: for ever
  bool operator==(const DnsServer&) const = default;
};

struct NeighborSolicitation {
  IpAddress target;
  std::optional<MacAddress> source_link;
  std::optional<Nonce> nonce{};
  [[nodiscard]] static std::optional<NeighborSolicitation> parse(std::span<const std::uint8_t> message);
  bool operator==(const NeighborSolicitation&) const = default;
};

struct NeighborAdvertisement {
  IpAddress target;
  std::optional<MacAddress> target_link;
  bool router = false;             ///< R
  bool solicited = false;          ///< S
  bool override_existing = false;  ///< O
  [[nodiscard]] static std::optional<NeighborAdvertisement> parse(std::span<const std::uint8_t> message);
  bool operator==(const NeighborAdvertisement&) const = default;
};

struct RouterSolicitation {
  std::optional<MacAddress> source_link;
  [[nodiscard]] static std::optional<RouterSolicitation> parse(std::span<const std::uint8_t> message);
  bool operator==(const RouterSolicitation&) const = default;
};

struct RouterAdvertisement {
  std::uint8_t hop_limit = 0;             ///< 0: not told
  bool managed = false;                   ///< M
  bool other_config = false;              ///< O
  std::uint16_t router_lifetime_s = 0;    ///< 0: not a default router
  std::uint32_t reachable_time_ms = 0;    ///< 0: not told
  std::uint32_t retransmit_timer_ms = 0;  ///< 0: not told
  std::uint32_t mtu = 0;                  ///< 0: not told
  std::optional<MacAddress> source_link;
  std::uint8_t prefix_count = 0;          ///< elements of `prefixes` in use
  std::array<PrefixInfo, nd_max_prefixes> prefixes{};
  std::uint8_t dns_count = 0;             ///< elements of `dns` in use
  std::array<DnsServer, nd_max_name_servers> dns{};
  int preference = 0;                     ///< of the router: 1 high, 0 medium, -1 low (RFC 4191)
  [[nodiscard]] static std::optional<RouterAdvertisement> parse(std::span<const std::uint8_t> message);
  bool operator==(const RouterAdvertisement&) const = default;
};

/// RFC 4861 section 4.5. The datagram that it quotes is passed over.
struct Redirect {
  IpAddress target;       ///< the better first hop; the destination itself when that is a neighbour
  IpAddress destination;
  std::optional<MacAddress> target_link;
  [[nodiscard]] static std::optional<Redirect> parse(std::span<const std::uint8_t> message);
  bool operator==(const Redirect&) const = default;
};

std::size_t emit(const NeighborSolicitation& message, std::uint8_t* out);
std::size_t emit(const NeighborAdvertisement& message, std::uint8_t* out);
std::size_t emit(const RouterSolicitation& message, std::uint8_t* out);
std::size_t emit(const RouterAdvertisement& message, std::uint8_t* out);
std::size_t emit(const Redirect& message, std::uint8_t* out);

/// The solicited-node group of a unicast address, ff02::1:ffXX:XXXX (RFC 4291 section 2.7.1).
[[nodiscard]] inline IpAddress solicited_node(const IpAddress& address) {
  const auto& b = address.bytes;
  return IpAddress{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, b[13], b[14], b[15]}};
}

}  // namespace millrace::wire
