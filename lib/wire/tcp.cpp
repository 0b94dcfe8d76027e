// SPDX-License-Identifier: BSD-3-Clause
// Reads and writes TCP options. Called by TCP input and output for each segment that carries any. RFC 9293 section
// 3.2 (MSS), RFC 7323 (window scale, timestamps), RFC 2018 (SACK).
#include <millrace/wire/tcp.hpp>

namespace millrace::wire {

namespace {

enum Kind : std::uint8_t { end = 0, nop = 1, mss = 2, window_scale = 3, sack_permitted = 4, sack = 5, timestamps = 8 };

/// NOP NOP TS 10, the layout of RFC 7323 appendix A that nearly every data segment has.
constexpr std::uint32_t aligned_timestamps = 0x0101080a;

void read_sack(std::span<const std::uint8_t> body, TcpOptions& options) {
  const std::size_t count = body.size() / 8;
  if (body.size() % 8 != 0 || count == 0 || count > options.sack.size()) return;
  for (std::size_t i = 0; i < count; ++i)
    options.sack[i] = {load_be32(&body[8 * i]), load_be32(&body[8 * i + 4])};
  for (std::size_t i = count; i < options.sack.size(); ++i) options.sack[i] = {};
  options.sack_count = static_cast<std::uint8_t>(count);
}

/// `body` is what stands behind kind and length.
void read_option(std::uint8_t kind, std::span<const std::uint8_t> body, TcpOptions& options) {
  switch (kind) {
    case mss:
      if (body.size() == 2) options.mss = load_be16(body.data());
      break;
    case window_scale:
      // RFC 7323 section 2.3: a larger shift counts as 14.
      if (body.size() == 1) options.window_scale = body[0] < tcp_max_window_scale ? body[0] : tcp_max_window_scale;
      break;
    case sack_permitted:
      if (body.empty()) options.sack_permitted = true;
      break;
    case sack:
      read_sack(body, options);
      break;
    case timestamps:
      if (body.size() != 8) break;
      options.has_timestamps = true;
      options.ts_value = load_be32(&body[0]);
      options.ts_echo = load_be32(&body[4]);
      break;
    default:
      break;
  }
}

/// Bytes of everything but SACK blocks. Timestamps take 12 with or without SACK permitted, which stands in for NOPs.
std::size_t length_before_sack(const TcpOptions& o) {
  return (o.mss != 0 ? 4u : 0u) + (o.has_timestamps ? 12u : o.sack_permitted ? 4u : 0u) + (o.window_scale ? 4u : 0u);
}

std::size_t fitting_sack_blocks(const TcpOptions& o) {
  const std::size_t room = (tcp_options_max_bytes - length_before_sack(o) - 4) / 8;
  return o.sack_count < room ? o.sack_count : room;
}

std::uint8_t* put(std::uint8_t* out, std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  out[0] = a;
  out[1] = b;
  out[2] = c;
  out[3] = d;
  return out + 4;
}

std::uint8_t* put32(std::uint8_t* out, std::uint32_t v) {
  store_be32(out, v);
  return out + 4;
}

}  // namespace

TcpOptions TcpOptions::parse(std::span<const std::uint8_t> bytes) {
  TcpOptions options;
  if (bytes.size() == tcp_timestamp_option_bytes && load_be32(bytes.data()) == aligned_timestamps) {
    options.has_timestamps = true;
    options.ts_value = load_be32(&bytes[4]);
    options.ts_echo = load_be32(&bytes[8]);
    return options;
  }
  for (std::size_t at = 0; at < bytes.size() && bytes[at] != end;) {
    if (bytes[at] == nop) {
      ++at;
      continue;
    }
    if (at + 1 == bytes.size()) break;
    const std::size_t length = bytes[at + 1];
    if (length < 2 || length > bytes.size() - at) break;
    read_option(bytes[at], bytes.subspan(at + 2, length - 2), options);
    at += length;
  }
  return options;
}

std::size_t emitted_length(const TcpOptions& options) {
  const std::size_t blocks = fitting_sack_blocks(options);
  return length_before_sack(options) + (blocks != 0 ? 4 + 8 * blocks : 0);
}

std::size_t emit(const TcpOptions& options, std::uint8_t* out) {
  std::uint8_t* p = out;
  if (options.mss != 0)
    p = put(p, mss, 4, static_cast<std::uint8_t>(options.mss >> 8), static_cast<std::uint8_t>(options.mss));
  if (options.has_timestamps) {
    p = options.sack_permitted ? put(p, sack_permitted, 2, timestamps, 10) : put32(p, aligned_timestamps);
    p = put32(put32(p, options.ts_value), options.ts_echo);
  } else if (options.sack_permitted) {
    p = put(p, nop, nop, sack_permitted, 2);
  }
  if (options.window_scale) p = put(p, nop, window_scale, 3, *options.window_scale);
  const std::size_t blocks = fitting_sack_blocks(options);
  if (blocks != 0) p = put(p, nop, nop, sack, static_cast<std::uint8_t>(2 + 8 * blocks));
  for (std::size_t i = 0; i < blocks; ++i) p = put32(put32(p, options.sack[i].left), options.sack[i].right);
  return static_cast<std::size_t>(p - out);
}

}  // namespace millrace::wire
