// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/checksum.hpp>
#include <millrace/wire/parsed.hpp>

#include <cstddef>
#include <span>

namespace millrace::wire {

inline constexpr std::size_t icmp4_header_bytes = 8;

namespace icmp4_type {
inline constexpr std::uint8_t echo_reply = 0;
inline constexpr std::uint8_t unreachable = 3;
inline constexpr std::uint8_t redirect = 5;
inline constexpr std::uint8_t echo_request = 8;
inline constexpr std::uint8_t time_exceeded = 11;
inline constexpr std::uint8_t parameter_problem = 12;
inline constexpr std::uint8_t timestamp_request = 13;
inline constexpr std::uint8_t timestamp_reply = 14;
}  // namespace icmp4_type

/// Codes of icmp4_type::unreachable (RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1).
namespace icmp4_unreachable {
inline constexpr std::uint8_t net = 0;
inline constexpr std::uint8_t host = 1;
inline constexpr std::uint8_t protocol = 2;
inline constexpr std::uint8_t port = 3;
inline constexpr std::uint8_t fragmentation_needed = 4;
inline constexpr std::uint8_t source_route_failed = 5;
inline constexpr std::uint8_t net_unknown = 6;
inline constexpr std::uint8_t host_unknown = 7;
inline constexpr std::uint8_t net_prohibited = 9;
inline constexpr std::uint8_t host_prohibited = 10;
inline constexpr std::uint8_t admin_prohibited = 13;
}  // namespace icmp4_unreachable

/// Codes of icmp4_type::time_exceeded.
namespace icmp4_time_exceeded {
inline constexpr std::uint8_t ttl = 0;
inline constexpr std::uint8_t reassembly = 1;
}  // namespace icmp4_time_exceeded

/// The first 8 bytes of an ICMP message (RFC 792) as plain values, without the checksum.
struct Icmp4Header {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t rest = 0;  ///< bytes 4 to 7; what they mean depends on the type

  [[nodiscard]] static constexpr Icmp4Header echo(std::uint8_t type, std::uint16_t id, std::uint16_t sequence) {
    return {type, 0, std::uint32_t{id} << 16 | sequence};
  }
  /// RFC 1191 section 4.
  [[nodiscard]] static constexpr Icmp4Header fragmentation_needed(std::uint16_t mtu) {
    return {icmp4_type::unreachable, icmp4_unreachable::fragmentation_needed, mtu};
  }
  bool operator==(const Icmp4Header&) const = default;
};

/// An ICMP message, all of `bytes`; borrows the bytes.
class Icmp4View {
 public:
  /// Null when shorter than 8 bytes.
  [[nodiscard]] static Parsed<Icmp4View> parse(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < icmp4_header_bytes) return std::nullopt;
    return Icmp4View(bytes);
  }

  [[nodiscard]] std::uint8_t type() const { return p_[0]; }
  [[nodiscard]] std::uint8_t code() const { return p_[1]; }
  [[nodiscard]] std::uint16_t checksum() const { return load_be16(p_ + 2); }
  /// Echo and timestamp messages.
  [[nodiscard]] std::uint16_t id() const { return load_be16(p_ + 4); }
  [[nodiscard]] std::uint16_t sequence() const { return load_be16(p_ + 6); }
  /// Next-hop MTU of fragmentation_needed (RFC 1191); 0 from routers that do not tell.
  [[nodiscard]] std::uint16_t mtu() const { return load_be16(p_ + 6); }
  /// Which byte of the quoted datagram was wrong (parameter_problem).
  [[nodiscard]] std::uint8_t pointer() const { return p_[4]; }
  /// What follows the header: echo data, or the datagram that an error quotes.
  [[nodiscard]] std::span<const std::uint8_t> body() const {
    return {p_ + icmp4_header_bytes, size_ - icmp4_header_bytes};
  }
  [[nodiscard]] Icmp4Header header() const { return {type(), code(), load_be32(p_ + 4)}; }
  /// True for the types that report an error about another datagram: none is ever sent about one of these.
  [[nodiscard]] bool is_error() const {
    return type() == icmp4_type::unreachable || type() == 4 || type() == icmp4_type::redirect ||
           type() == icmp4_type::time_exceeded || type() == icmp4_type::parameter_problem;
  }

 private:
  friend class Parsed<Icmp4View>;
  Icmp4View() = default;
  explicit Icmp4View(std::span<const std::uint8_t> bytes) : p_(bytes.data()), size_(bytes.size()) {}
  const std::uint8_t* p_ = nullptr;
  std::size_t size_ = 0;
};

/// Writes icmp4_header_bytes at `out`, the checksum zero; fill the body in, then seal_icmp4().
inline void emit(const Icmp4Header& header, std::uint8_t* out) {
  out[0] = header.type;
  out[1] = header.code;
  store_be16(out + 2, 0);
  store_be32(out + 4, header.rest);
}

/// Computes and stores the checksum of a whole message.
inline void seal_icmp4(std::span<std::uint8_t> message) {
  store_be16(&message[2], 0);
  store_be16(&message[2], checksum(message));
}

}  // namespace millrace::wire
