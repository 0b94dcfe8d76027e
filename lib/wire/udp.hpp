// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/byte_order.hpp>
#include <millrace/wire/parsed.hpp>

#include <cstddef>
#include <span>

namespace millrace::wire {

inline constexpr std::size_t udp_header_bytes = 8;

/// A UDP header (RFC 768) as plain values.
struct UdpHeader {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint16_t length = udp_header_bytes;  ///< header and payload, bytes
  std::uint16_t checksum = 0;               ///< 0: none was computed, or it is still to be filled in
  bool operator==(const UdpHeader&) const = default;
};

/// A UDP header at the front of `bytes`; borrows the bytes.
class UdpView {
 public:
  /// Null when too short. The length field is the caller's to judge.
  [[nodiscard]] static Parsed<UdpView> parse(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < udp_header_bytes) return std::nullopt;
    return UdpView(bytes.data());
  }

  [[nodiscard]] std::uint16_t source_port() const { return load_be16(p_); }
  [[nodiscard]] std::uint16_t destination_port() const { return load_be16(p_ + 2); }
  [[nodiscard]] std::uint16_t length() const { return load_be16(p_ + 4); }
  [[nodiscard]] std::uint16_t checksum() const { return load_be16(p_ + 6); }
  [[nodiscard]] UdpHeader header() const { return {source_port(), destination_port(), length(), checksum()}; }

 private:
  friend class Parsed<UdpView>;
  UdpView() = default;
  explicit UdpView(const std::uint8_t* p) : p_(p) {}
  const std::uint8_t* p_ = nullptr;
};

/// Writes udp_header_bytes at `out`, at once: who sums them next reads them as one word.
inline void emit(const UdpHeader& header, std::uint8_t* out) {
  store_be64(out, std::uint64_t{header.source_port} << 48 | std::uint64_t{header.destination_port} << 32 | std::uint64_t{header.length} << 16 | header.checksum);
}

/// Stores a computed checksum; one that came out as zero goes as all ones, for zero means none (RFC 768).
inline void set_udp_checksum(std::uint8_t* udp, std::uint16_t checksum) {
  store_be16(udp + 6, checksum == 0 ? std::uint16_t{0xffff} : checksum);
}

}  // namespace millrace::wire
