// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>
#include <millrace/wire/parsed.hpp>
#include <millrace/wire/protocol.hpp>

#include <cstddef>
#include <optional>
#include <span>

namespace millrace::wire {

inline constexpr std::size_t ipv6_header_bytes = 40;
inline constexpr std::size_t ipv6_fragment_header_bytes = 8;
inline constexpr std::size_t ipv6_min_mtu = 1280;
/// More extension headers than this in one packet are not followed.
inline constexpr unsigned ipv6_max_extension_headers = 8;

/// An IPv6 header (RFC 8200 section 3) as plain values.
struct Ipv6Header {
  IpAddress source;
  IpAddress destination;
  std::uint32_t flow_label = 0;      ///< 20 bits
  std::uint16_t payload_length = 0;  ///< bytes behind this header
  std::uint8_t traffic_class = 0;
  std::uint8_t next_header = ip_proto::none;
  std::uint8_t hop_limit = 64;
  bool operator==(const Ipv6Header&) const = default;
};

/// An IPv6 header at the front of `bytes`; borrows the bytes.
class Ipv6View {
 public:
  /// Null when too short or of another version. The payload length is the caller's to judge.
  [[nodiscard]] static Parsed<Ipv6View> parse(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < ipv6_header_bytes || bytes[0] >> 4 != 6) return std::nullopt;
    return Ipv6View(bytes.data());
  }

  [[nodiscard]] std::uint8_t traffic_class() const { return static_cast<std::uint8_t>(load_be16(p_) >> 4); }
  [[nodiscard]] std::uint32_t flow_label() const { return load_be32(p_) & 0xfffff; }
  [[nodiscard]] std::uint16_t payload_length() const { return load_be16(p_ + 4); }
  [[nodiscard]] std::uint8_t next_header() const { return p_[6]; }
  [[nodiscard]] std::uint8_t hop_limit() const { return p_[7]; }
  [[nodiscard]] IpAddress source() const { return IpAddress::v6_from(p_ + 8); }
  [[nodiscard]] IpAddress destination() const { return IpAddress::v6_from(p_ + 24); }
  [[nodiscard]] Ipv6Header header() const {
    return {source(), destination(), flow_label(), payload_length(), traffic_class(), next_header(), hop_limit()};
  }

 private:
  friend class Parsed<Ipv6View>;
  Ipv6View() = default;
  explicit Ipv6View(const std::uint8_t* p) : p_(p) {}
  const std::uint8_t* p_ = nullptr;
};

/// Writes ipv6_header_bytes at `out`.
inline void emit(const Ipv6Header& header, std::uint8_t* out) {
  store_be32(out, 6u << 28 | std::uint32_t{header.traffic_class} << 20 | (header.flow_label & 0xfffff));
  store_be16(out + 4, header.payload_length);
  out[6] = header.next_header;
  out[7] = header.hop_limit;
  std::memcpy(out + 8, header.source.bytes.data(), 16);
  std::memcpy(out + 24, header.destination.bytes.data(), 16);
}

inline void set_ipv6_payload_length(std::uint8_t* ipv6, std::uint16_t payload_length) {
  store_be16(ipv6 + 4, payload_length);
}

/// A Fragment header (RFC 8200 section 4.5) as plain values.
struct Ipv6FragmentHeader {
  std::uint32_t id = 0;
  std::uint16_t offset = 0;  ///< bytes, a multiple of 8
  std::uint8_t next_header = ip_proto::none;
  bool more = false;

  /// Whole although it bears the header (RFC 6946): needs no reassembly.
  [[nodiscard]] bool is_atomic() const { return offset == 0 && !more; }
  [[nodiscard]] static std::optional<Ipv6FragmentHeader> parse(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < ipv6_fragment_header_bytes) return std::nullopt;
    const std::uint16_t field = load_be16(bytes.data() + 2);
    return Ipv6FragmentHeader{load_be32(bytes.data() + 4), static_cast<std::uint16_t>(field & 0xfff8), bytes[0],
                              (field & 1) != 0};
  }
  bool operator==(const Ipv6FragmentHeader&) const = default;
};

/// Writes ipv6_fragment_header_bytes at `out`.
inline void emit(const Ipv6FragmentHeader& header, std::uint8_t* out) {
  out[0] = header.next_header;
  out[1] = 0;
  store_be16(out + 2, static_cast<std::uint16_t>((header.offset & 0xfff8) | (header.more ? 1 : 0)));
  store_be32(out + 4, header.id);
}

/// Where the chain of headers of an IPv6 packet ends. All offsets are bytes from the IPv6 header's first byte.
struct Ipv6Walk {
  enum class Status : std::uint8_t {
    complete,   ///< proto and offset are the upper layer's
    fragment,   ///< part of a larger packet: stopped behind its Fragment header, whose next header is proto
    truncated,  ///< a header does not lie whole in the bytes
    too_many,   ///< more than ipv6_max_extension_headers
  };
  Status status = Status::truncated;
  std::uint8_t proto = ip_proto::none;
  std::uint16_t offset = 0;
  std::uint16_t proto_at = 6;          ///< where `proto` stands: the pointer of an ICMPv6 parameter problem
  std::uint16_t fragment_at = 0;       ///< the Fragment header, 0 when there is none
  std::uint16_t fragment_proto_at = 0; ///< the next-header byte that announced it
};

/// Follows the extension headers (hop-by-hop, only as the first; routing; destination options; fragment) of the
/// packet at the front of `bytes`, which Ipv6View::parse accepted. Reads nothing behind them, decides nothing.
[[nodiscard]] Ipv6Walk walk_ipv6(std::span<const std::uint8_t> bytes);

}  // namespace millrace::wire
