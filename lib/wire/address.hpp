// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/byte_order.hpp>
#include <millrace/base/words.hpp>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

/// An Ethernet address, in the order of the wire.
struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  [[nodiscard]] bool is_multicast() const { return (bytes[0] & 1) != 0; }
  [[nodiscard]] bool is_broadcast() const { return bytes == std::array<std::uint8_t, 6>{255, 255, 255, 255, 255, 255}; }
  /// "02:00:00:00:00:01"; null when the text is not an address.
  [[nodiscard]] static std::optional<MacAddress> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  auto operator<=>(const MacAddress&) const = default;
};

/// An IPv4 or IPv6 address in one 16-byte form: IPv4 stands as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), which no
/// packet may carry as IPv6, so the two families cannot be confused.
struct IpAddress {
  alignas(8) std::array<std::uint8_t, 16> bytes{};

  [[nodiscard]] static constexpr IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return IpAddress{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}};
  }
  [[nodiscard]] static IpAddress v4_from(const std::uint8_t* wire) { return v4(wire[0], wire[1], wire[2], wire[3]); }
  [[nodiscard]] static IpAddress v6_from(const std::uint8_t* wire) {
    IpAddress a;
    std::memcpy(a.bytes.data(), wire, 16);
    return a;
  }
  /// Dotted quad or RFC 4291 text; null when the text is neither.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
  /// RFC 5952 text, or dotted quad.
  [[nodiscard]] std::string to_string() const;

  [[nodiscard]] bool is_v4() const { return load64(&bytes[0]) == 0 && load_be32(&bytes[8]) == 0xffff; }
  /// The four bytes of an IPv4 address on the wire.
  [[nodiscard]] const std::uint8_t* v4_bytes() const { return bytes.data() + 12; }
  [[nodiscard]] std::uint32_t v4_number() const { return load_be32(v4_bytes()); }
  /// 0.0.0.0 or ::.
  [[nodiscard]] bool is_unspecified() const {
    const std::uint32_t third = load_be32(&bytes[8]);
    return load_be32(&bytes[12]) == 0 && load64(&bytes[0]) == 0 && (third == 0xffff || third == 0);
  }
  [[nodiscard]] bool is_multicast() const { return is_v4() ? (bytes[12] & 0xf0) == 0xe0 : bytes[0] == 0xff; }
  [[nodiscard]] bool is_loopback() const {
    return is_v4() ? bytes[12] == 127 : *this == IpAddress{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  }
  /// fe80::/10.
  [[nodiscard]] bool is_link_local() const { return !is_v4() && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80; }
  auto operator<=>(const IpAddress&) const = default;
  // Two words: the default would call memcmp, and every packet has several to compare.
  bool operator==(const IpAddress& other) const { return load64(&bytes[0]) == load64(&other.bytes[0]) && load64(&bytes[8]) == load64(&other.bytes[8]); }
};

/// An address with the length of its prefix; for IPv4 the length is 0..32, for IPv6 0..128.
struct IpPrefix {
  IpAddress address;
  std::uint8_t length = 0;

  /// "10.77.0.2/24"; null when the text is not a prefix. Host bits are kept.
  [[nodiscard]] static std::optional<IpPrefix> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] bool contains(const IpAddress& other) const;
  auto operator<=>(const IpPrefix&) const = default;
};

/// Where a socket is bound or connected.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  /// "10.77.0.2:80" or "[fd00:77::2]:80"; null when the text is neither.
  [[nodiscard]] static std::optional<Endpoint> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  auto operator<=>(const Endpoint&) const = default;
};

/// What the socket lookup sees of a packet: local is this host's side. 40 bytes without padding.
struct FlowKey {
  IpAddress local;
  IpAddress remote;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::uint16_t stack = 0;
  std::uint8_t proto = 0;
  std::uint8_t bound = 0;  ///< 1: not a packet's flow but a bound endpoint, steer::bound_key()
  auto operator<=>(const FlowKey&) const = default;
};
static_assert(sizeof(FlowKey) == 40);

}  // namespace millrace
