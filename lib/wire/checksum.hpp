// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::wire {

namespace detail {
/// The 16-bit words of [p, p+n), as they lie in memory, summed with end-around carry and folded to 32 bits; a last
/// odd byte is padded with zero. The variant is chosen once, at program start.
using SumBytes = std::uint32_t (*)(const std::uint8_t* p, std::size_t n);
/// The same of `from`, copied to `to` on the way. The areas do not overlap.
using SumCopy = std::uint32_t (*)(std::uint8_t* to, const std::uint8_t* from, std::size_t n);
struct SumVariant {
  const char* name;
  SumBytes sum;
  SumCopy copy;
};
extern const SumVariant sum_scalar;
/// Null where this build or machine has none.
[[nodiscard]] const SumVariant* sum_avx2();
extern SumVariant sum_chosen;

[[nodiscard]] constexpr std::uint16_t fold16(std::uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}
[[nodiscard]] constexpr std::uint16_t big_endian(std::uint16_t v) {
  return std::endian::native == std::endian::little ? __builtin_bswap16(v) : v;
}
}  // namespace detail

/// An Internet checksum (RFC 1071) in progress. Feed it the parts of a message in order, at any lengths: a part that
/// ends at an odd offset is continued by the next, so the buffers of a chain may be added one by one.
class Sum {
 public:
  void add(std::span<const std::uint8_t> bytes) {
    take(detail::sum_chosen.sum(bytes.data(), bytes.size()), bytes.size());
  }
  /// Adds `from` while copying it to `to`, in one pass over memory; the areas do not overlap.
  void add_copying(std::uint8_t* to, std::span<const std::uint8_t> from) {
    take(detail::sum_chosen.copy(to, from.data(), from.size()), from.size());
  }
  /// Adds a short header of whole 32-bit words without a call; only at an even offset.
  void add_words(const std::uint8_t* p, std::size_t bytes) {
    for (std::size_t at = 0; at < bytes; at += 4) sum_ += word(p + at);
  }
  /// Adds numbers that stand in the message at an even offset.
  void add_be16(std::uint16_t v) { sum_ += detail::big_endian(v); }
  void add_be32(std::uint32_t v) {
    add_be16(static_cast<std::uint16_t>(v >> 16));
    add_be16(static_cast<std::uint16_t>(v));
  }

  /// The sum so far, host order, not complemented: what a checksum field holds while it awaits hardware.
  [[nodiscard]] std::uint16_t folded() const { return detail::big_endian(detail::fold16(sum_)); }
  /// What to store (store_be16) in the checksum field that was zero while it was summed.
  [[nodiscard]] std::uint16_t checksum() const { return static_cast<std::uint16_t>(~folded()); }
  /// True when the bytes added include a checksum field that fits them.
  [[nodiscard]] bool is_valid() const { return folded() == 0xffff; }

 private:
  static std::uint64_t word(const std::uint8_t* p) {
    std::uint32_t v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
  void take(std::uint32_t part, std::size_t bytes) {
    // RFC 1071 section 2 (B): a part at an odd offset has its bytes swapped, and so has its sum.
    sum_ += odd_ ? __builtin_bswap16(detail::fold16(part)) : part;
    odd_ ^= (bytes & 1) != 0;
  }
  std::uint64_t sum_ = 0;
  bool odd_ = false;
};

/// The sum of a TCP, UDP or ICMPv6 pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1); both addresses of one
/// family. `length` is that of the transport header and payload, bytes.
[[nodiscard]] inline Sum pseudo_header(const IpAddress& source, const IpAddress& destination, std::uint8_t proto,
                                       std::uint32_t length) {
  Sum s;
  if (source.is_v4()) {
    s.add_words(source.v4_bytes(), 4);
    s.add_words(destination.v4_bytes(), 4);
  } else {
    s.add_words(source.bytes.data(), 16);
    s.add_words(destination.bytes.data(), 16);
  }
  s.add_be32(length);
  s.add_be16(proto);
  return s;
}

/// The checksum of `bytes`, whose checksum field is zero; host order.
[[nodiscard]] inline std::uint16_t checksum(std::span<const std::uint8_t> bytes) {
  Sum s;
  s.add(bytes);
  return s.checksum();
}

/// The checksum `sum` after a 16-bit word at an even offset changed (RFC 1624 equation 3); all in host order.
[[nodiscard]] constexpr std::uint16_t checksum_update(std::uint16_t sum, std::uint16_t before, std::uint16_t after) {
  const std::uint32_t s = static_cast<std::uint16_t>(~sum) + std::uint32_t{static_cast<std::uint16_t>(~before)} + after;
  return static_cast<std::uint16_t>(~detail::fold16(s));
}
/// The same for a 32-bit word.
[[nodiscard]] constexpr std::uint16_t checksum_update32(std::uint16_t sum, std::uint32_t before, std::uint32_t after) {
  const std::uint64_t s = std::uint64_t{static_cast<std::uint16_t>(~sum)} + static_cast<std::uint32_t>(~before) + after;
  return static_cast<std::uint16_t>(~detail::fold16(s));
}

/// Name of the variant in use, "scalar" or "avx2"; MILLRACE_SIMD chose it, or the machine.
[[nodiscard]] inline const char* checksum_variant() { return detail::sum_chosen.name; }

}  // namespace millrace::wire
