// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/checksum.hpp>
#include <millrace/wire/parsed.hpp>
#include <millrace/wire/protocol.hpp>

#include <cstddef>
#include <span>

namespace millrace::wire {

inline constexpr std::size_t icmp6_header_bytes = 8;

/// Types below 128 report errors (RFC 4443 section 2.1).
namespace icmp6_type {
inline constexpr std::uint8_t unreachable = 1;
inline constexpr std::uint8_t packet_too_big = 2;
inline constexpr std::uint8_t time_exceeded = 3;
inline constexpr std::uint8_t parameter_problem = 4;
inline constexpr std::uint8_t echo_request = 128;
inline constexpr std::uint8_t echo_reply = 129;
inline constexpr std::uint8_t listener_query = 130;
inline constexpr std::uint8_t listener_report = 131;
inline constexpr std::uint8_t listener_done = 132;
inline constexpr std::uint8_t router_solicitation = 133;
inline constexpr std::uint8_t router_advertisement = 134;
inline constexpr std::uint8_t neighbor_solicitation = 135;
inline constexpr std::uint8_t neighbor_advertisement = 136;
inline constexpr std::uint8_t redirect = 137;
inline constexpr std::uint8_t listener_report_v2 = 143;
}  // namespace icmp6_type

/// Codes of icmp6_type::unreachable (RFC 4443 section 3.1).
namespace icmp6_unreachable {
inline constexpr std::uint8_t no_route = 0;
inline constexpr std::uint8_t prohibited = 1;
inline constexpr std::uint8_t beyond_scope = 2;
inline constexpr std::uint8_t address = 3;
inline constexpr std::uint8_t port = 4;
inline constexpr std::uint8_t policy_failed = 5;
inline constexpr std::uint8_t reject_route = 6;
}  // namespace icmp6_unreachable

/// Codes of icmp6_type::time_exceeded.
namespace icmp6_time_exceeded {
inline constexpr std::uint8_t hop_limit = 0;
inline constexpr std::uint8_t reassembly = 1;
}  // namespace icmp6_time_exceeded

/// Codes of icmp6_type::parameter_problem.
namespace icmp6_parameter_problem {
inline constexpr std::uint8_t header_field = 0;
inline constexpr std::uint8_t next_header = 1;
inline constexpr std::uint8_t option = 2;
inline constexpr std::uint8_t incomplete_chain = 3;  ///< RFC 7112: a first fragment without all headers
}  // namespace icmp6_parameter_problem

/// The first 8 bytes of an ICMPv6 message (RFC 4443) as plain values, without the checksum.
struct Icmp6Header {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t rest = 0;  ///< bytes 4 to 7; what they mean depends on the type

  [[nodiscard]] static constexpr Icmp6Header echo(std::uint8_t type, std::uint16_t id, std::uint16_t sequence) {
    return {type, 0, std::uint32_t{id} << 16 | sequence};
  }
  [[nodiscard]] static constexpr Icmp6Header packet_too_big(std::uint32_t mtu) {
    return {icmp6_type::packet_too_big, 0, mtu};
  }
  [[nodiscard]] static constexpr Icmp6Header parameter_problem(std::uint8_t code, std::uint32_t pointer) {
    return {icmp6_type::parameter_problem, code, pointer};
  }
  bool operator==(const Icmp6Header&) const = default;
};

/// An ICMPv6 message, all of `bytes`; borrows the bytes. Neighbour discovery messages: nd.hpp.
class Icmp6View {
 public:
  /// Null when shorter than 8 bytes: no message that this stack knows is.
  [[nodiscard]] static Parsed<Icmp6View> parse(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < icmp6_header_bytes) return std::nullopt;
    return Icmp6View(bytes);
  }

  [[nodiscard]] std::uint8_t type() const { return p_[0]; }
  [[nodiscard]] std::uint8_t code() const { return p_[1]; }
  [[nodiscard]] std::uint16_t checksum() const { return load_be16(p_ + 2); }
  /// Echo messages.
  [[nodiscard]] std::uint16_t id() const { return load_be16(p_ + 4); }
  [[nodiscard]] std::uint16_t sequence() const { return load_be16(p_ + 6); }
  /// packet_too_big.
  [[nodiscard]] std::uint32_t mtu() const { return load_be32(p_ + 4); }
  /// parameter_problem: which byte of the quoted packet was wrong.
  [[nodiscard]] std::uint32_t pointer() const { return load_be32(p_ + 4); }
  /// What follows the header: echo data, or the packet that an error quotes.
  [[nodiscard]] std::span<const std::uint8_t> body() const {
    return {p_ + icmp6_header_bytes, size_ - icmp6_header_bytes};
  }
  [[nodiscard]] std::span<const std::uint8_t> message() const { return {p_, size_}; }
  [[nodiscard]] Icmp6Header header() const { return {type(), code(), load_be32(p_ + 4)}; }
  [[nodiscard]] bool is_error() const { return type() < 128; }
  [[nodiscard]] bool is_neighbor_discovery() const {
    return type() >= icmp6_type::router_solicitation && type() <= icmp6_type::redirect;
  }
  /// MLD, of both versions.
  [[nodiscard]] bool is_listener_message() const {
    return (type() >= icmp6_type::listener_query && type() <= icmp6_type::listener_done) || type() == icmp6_type::listener_report_v2;
  }

 private:
  friend class Parsed<Icmp6View>;
  Icmp6View() = default;
  explicit Icmp6View(std::span<const std::uint8_t> bytes) : p_(bytes.data()), size_(bytes.size()) {}
  const std::uint8_t* p_ = nullptr;
  std::size_t size_ = 0;
};

/// Writes icmp6_header_bytes at `out`, the checksum zero; fill the body in, then seal_icmp6().
inline void emit(const Icmp6Header& header, std::uint8_t* out) {
  out[0] = header.type;
  out[1] = header.code;
  store_be16(out + 2, 0);
  store_be32(out + 4, header.rest);
}

/// Computes and stores the checksum of a whole message, pseudo-header included (RFC 4443 section 2.3).
inline void seal_icmp6(std::span<std::uint8_t> message, const IpAddress& source, const IpAddress& destination) {
  store_be16(&message[2], 0);
  Sum s = pseudo_header(source, destination, ip_proto::icmp6, static_cast<std::uint32_t>(message.size()));
  s.add(message);
  store_be16(&message[2], s.checksum());
}

}  // namespace millrace::wire
