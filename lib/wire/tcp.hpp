// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/byte_order.hpp>
#include <millrace/wire/parsed.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <span>

namespace millrace::wire {

inline constexpr std::size_t tcp_header_bytes = 20;  ///< without options
inline constexpr std::size_t tcp_header_max_bytes = 60;
inline constexpr std::size_t tcp_options_max_bytes = 40;
inline constexpr std::size_t tcp_timestamp_option_bytes = 12;  ///< NOP NOP TS, as every data segment bears it
/// Largest shift that RFC 7323 section 2.3 allows.
inline constexpr std::uint8_t tcp_max_window_scale = 14;

/// Bits of TcpView::flags(), RFC 9293 section 3.1.
namespace tcp_flag {
inline constexpr std::uint8_t fin = 0x01;
inline constexpr std::uint8_t syn = 0x02;
inline constexpr std::uint8_t rst = 0x04;
inline constexpr std::uint8_t psh = 0x08;
inline constexpr std::uint8_t ack = 0x10;
inline constexpr std::uint8_t urg = 0x20;
inline constexpr std::uint8_t ece = 0x40;
inline constexpr std::uint8_t cwr = 0x80;
}  // namespace tcp_flag

/// A TCP header as plain values; its options apart.
struct TcpHeader {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint8_t header_length = tcp_header_bytes;  ///< bytes, options included; a multiple of 4, at most 60
  std::uint8_t flags = 0;
  std::uint16_t window = 0;
  std::uint16_t checksum = 0;                     ///< 0 while it is still to be filled in
  std::uint16_t urgent = 0;
  bool operator==(const TcpHeader&) const = default;
};

/// A TCP header at the front of `bytes`; borrows the bytes.
class TcpView {
 public:
  /// Null when the header, options included, does not lie whole in `bytes` or its data offset is below 5.
  [[nodiscard]] static Parsed<TcpView> parse(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < tcp_header_bytes) return std::nullopt;
    const TcpView view(bytes.data());
    if (view.header_length() < tcp_header_bytes || view.header_length() > bytes.size()) return std::nullopt;
    return view;
  }

  [[nodiscard]] std::uint16_t source_port() const { return load_be16(p_); }
  [[nodiscard]] std::uint16_t destination_port() const { return load_be16(p_ + 2); }
  [[nodiscard]] std::uint32_t seq() const { return load_be32(p_ + 4); }
  [[nodiscard]] std::uint32_t ack() const { return load_be32(p_ + 8); }
  /// Bytes, options included: 20 to 60.
  [[nodiscard]] std::size_t header_length() const { return (p_[12] >> 4u) * 4u; }
  [[nodiscard]] std::uint8_t flags() const { return p_[13]; }
  [[nodiscard]] bool has(std::uint8_t flag) const { return (p_[13] & flag) != 0; }
  [[nodiscard]] std::uint16_t window() const { return load_be16(p_ + 14); }
  [[nodiscard]] std::uint16_t checksum() const { return load_be16(p_ + 16); }
  [[nodiscard]] std::uint16_t urgent() const { return load_be16(p_ + 18); }
  [[nodiscard]] std::span<const std::uint8_t> options() const {
    return {p_ + tcp_header_bytes, header_length() - tcp_header_bytes};
  }
  [[nodiscard]] TcpHeader header() const {
    return {source_port(), destination_port(), seq(),      ack(),   static_cast<std::uint8_t>(header_length()),
            flags(),       window(),           checksum(), urgent()};
  }

 private:
  friend class Parsed<TcpView>;
  TcpView() = default;
  explicit TcpView(const std::uint8_t* p) : p_(p) {}
  const std::uint8_t* p_ = nullptr;
};

/// Writes tcp_header_bytes at `out`; the options that header_length announces follow with emit(TcpOptions).
inline void emit(const TcpHeader& header, std::uint8_t* out) {
  store_be16(out, header.source_port);
  store_be16(out + 2, header.destination_port);
  store_be32(out + 4, header.seq);
  store_be32(out + 8, header.ack);
  out[12] = static_cast<std::uint8_t>(header.header_length / 4 << 4);
  out[13] = header.flags;
  store_be16(out + 14, header.window);
  store_be16(out + 16, header.checksum);
  store_be16(out + 18, header.urgent);
}

inline void set_tcp_checksum(std::uint8_t* tcp, std::uint16_t checksum) { store_be16(tcp + 16, checksum); }

/// One SACK block: octets [left, right) have arrived (RFC 2018 section 3).
struct SackBlock {
  std::uint32_t left = 0;
  std::uint32_t right = 0;
  bool operator==(const SackBlock&) const = default;
};

/// The options that this stack speaks. What a segment's place in the connection makes of them (MSS and window scale
/// count in SYNs only) is the caller's to judge.
struct TcpOptions {
  std::uint16_t mss = 0;                      ///< 0: absent (an MSS of 0 means nothing)
  std::optional<std::uint8_t> window_scale;   ///< at most tcp_max_window_scale
  bool sack_permitted = false;
  bool has_timestamps = false;
  std::uint8_t sack_count = 0;                ///< blocks of `sack` in use
  std::uint32_t ts_value = 0;                 ///< TSval
  std::uint32_t ts_echo = 0;                  ///< TSecr
  std::array<SackBlock, 4> sack{};

  /// Reads the options of a segment (TcpView::options()). At the first malformed one it stops and keeps what it has
  /// (RFC 9293 section 3.1, MUST-7); a known kind with a wrong length is passed over.
  [[nodiscard]] static TcpOptions parse(std::span<const std::uint8_t> bytes);
  bool operator==(const TcpOptions&) const = default;
};

/// Bytes that emit() writes for `options`: a multiple of 4, at most tcp_options_max_bytes.
[[nodiscard]] std::size_t emitted_length(const TcpOptions& options);
/// Writes the options at `out`, padded with NOPs, in Linux's order (MSS, SACK permitted, timestamps, window scale,
/// SACK); returns emitted_length(). SACK blocks that do not fit are left out, the last first.
std::size_t emit(const TcpOptions& options, std::uint8_t* out);

}  // namespace millrace::wire
