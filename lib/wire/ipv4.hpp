// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/checksum.hpp>
#include <millrace/wire/parsed.hpp>
#include <millrace/wire/protocol.hpp>

#include <cstddef>
#include <span>

namespace millrace::wire {

inline constexpr std::size_t ipv4_header_bytes = 20;      ///< without options
inline constexpr std::size_t ipv4_header_max_bytes = 60;

/// An IPv4 header (RFC 791) without options as plain values.
struct Ipv4Header {
  IpAddress source = IpAddress::v4(0, 0, 0, 0);
  IpAddress destination = IpAddress::v4(0, 0, 0, 0);
  std::uint16_t total_length = ipv4_header_bytes;  ///< header and payload, bytes
  std::uint16_t id = 0;
  std::uint16_t fragment_offset = 0;               ///< bytes, a multiple of 8
  std::uint8_t tos = 0;
  std::uint8_t ttl = 64;
  std::uint8_t proto = 0;
  bool dont_fragment = false;
  bool more_fragments = false;
  bool operator==(const Ipv4Header&) const = default;
};

/// An IPv4 header at the front of `bytes`; borrows the bytes.
class Ipv4View {
 public:
  /// Null when the header does not lie whole in `bytes`, or its version or header length is wrong. Total length and
  /// checksum are the caller's to judge, for they have counters of their own.
  [[nodiscard]] static Parsed<Ipv4View> parse(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < ipv4_header_bytes || bytes[0] >> 4 != 4) return std::nullopt;
    const Ipv4View view(bytes.data());
    if (view.header_length() < ipv4_header_bytes || view.header_length() > bytes.size()) return std::nullopt;
    return view;
  }

  /// Bytes, options included: 20 to 60.
  [[nodiscard]] std::size_t header_length() const { return (p_[0] & 0xfu) * 4u; }
  [[nodiscard]] std::span<const std::uint8_t> options() const {
    return {p_ + ipv4_header_bytes, header_length() - ipv4_header_bytes};
  }
  [[nodiscard]] std::uint8_t tos() const { return p_[1]; }
  [[nodiscard]] std::uint16_t total_length() const { return load_be16(p_ + 2); }
  [[nodiscard]] std::uint16_t id() const { return load_be16(p_ + 4); }
  [[nodiscard]] bool dont_fragment() const { return (p_[6] & 0x40) != 0; }
  [[nodiscard]] bool more_fragments() const { return (p_[6] & 0x20) != 0; }
  /// Bytes.
  [[nodiscard]] std::uint16_t fragment_offset() const { return static_cast<std::uint16_t>(load_be16(p_ + 6) << 3); }
  [[nodiscard]] bool is_fragment() const { return (load_be16(p_ + 6) & 0x3fff) != 0; }
  [[nodiscard]] std::uint8_t ttl() const { return p_[8]; }
  [[nodiscard]] std::uint8_t proto() const { return p_[9]; }
  [[nodiscard]] std::uint16_t checksum() const { return load_be16(p_ + 10); }
  [[nodiscard]] bool checksum_valid() const {
    Sum s;
    s.add_words(p_, header_length());
    return s.is_valid();
  }
  [[nodiscard]] IpAddress source() const { return IpAddress::v4_from(p_ + 12); }
  [[nodiscard]] IpAddress destination() const { return IpAddress::v4_from(p_ + 16); }
  [[nodiscard]] Ipv4Header header() const {
    return {source(), destination(), total_length(), id(), fragment_offset(), tos(), ttl(), proto(), dont_fragment(),
            more_fragments()};
  }

 private:
  friend class Parsed<Ipv4View>;
  Ipv4View() = default;
  explicit Ipv4View(const std::uint8_t* p) : p_(p) {}
  const std::uint8_t* p_ = nullptr;
};

/// Writes ipv4_header_bytes at `out`, the checksum included.
inline void emit(const Ipv4Header& header, std::uint8_t* out) {
  out[0] = 0x45;
  out[1] = header.tos;
  store_be16(out + 2, header.total_length);
  store_be16(out + 4, header.id);
  store_be16(out + 6, static_cast<std::uint16_t>((header.dont_fragment ? 0x4000 : 0) |
                                                 (header.more_fragments ? 0x2000 : 0) | header.fragment_offset >> 3));
  out[8] = header.ttl;
  out[9] = header.proto;
  std::memcpy(out + 12, header.source.v4_bytes(), 4);
  std::memcpy(out + 16, header.destination.v4_bytes(), 4);
  set_plain_ipv4_sum(out);
}

/// Makes the checksum of a header right, options and all.
inline void seal_ipv4(std::span<std::uint8_t> header) {
  store_be16(header.data() + 10, 0);
  Sum s;
  s.add_words(header.data(), header.size());
  store_be16(header.data() + 10, s.checksum());
}

/// The same with `options` behind it, a multiple of 4 bytes and at most 40.
inline void emit(const Ipv4Header& header, std::span<const std::uint8_t> options, std::uint8_t* out) {
  emit(header, out);
  if (options.empty()) return;
  out[0] = static_cast<std::uint8_t>(0x45 + options.size() / 4);
  std::memcpy(out + ipv4_header_bytes, options.data(), options.size());
  seal_ipv4({out, ipv4_header_bytes + options.size()});
}

/// Changes the total length of the header at `ipv4` and its checksum with it (RFC 1624).
inline void set_ipv4_total_length(std::uint8_t* ipv4, std::uint16_t total_length) {
  store_be16(ipv4 + 10, checksum_update(load_be16(ipv4 + 10), load_be16(ipv4 + 2), total_length));
  store_be16(ipv4 + 2, total_length);
}

/// Takes one from the TTL, which is above 0, and mends the checksum (RFC 1624).
inline void decrement_ttl(std::uint8_t* ipv4) {
  const std::uint16_t before = load_be16(ipv4 + 8);
  --ipv4[8];
  store_be16(ipv4 + 10, checksum_update(load_be16(ipv4 + 10), before, load_be16(ipv4 + 8)));
}

}  // namespace millrace::wire
