// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::wire {

namespace detail {
/// The 16-bit words of [p, p+n), as they lie in memory, summed with end-around carry and not yet folded, less than 2^48 for less than 2^32 bytes; a last
/// odd byte is padded with zero. The variant is chosen once, at program start.
using SumBytes = std::uint64_t (*)(const std::uint8_t* p, std::size_t n);
/// The same of `from`, copied to `to` on the way. The areas do not overlap.
using SumCopy = std::uint64_t (*)(std::uint8_t* to, const std::uint8_t* from, std::size_t n);
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
/// A multiple times the inverse of 0xffff modulo 2^64 is the quotient, and only a multiple comes out that small. g++ does the
/// same for `%`, but divides where it takes a branch for a rare one.
[[nodiscard]] constexpr bool is_multiple_of_0xffff(std::uint64_t sum) { return sum * 0xfffefffefffeffff <= ~std::uint64_t{0} / 0xffff; }
static_assert(0xffff * std::uint64_t{0xfffefffefffeffff} == 1);
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
  [[nodiscard]] bool is_valid() const { return sum_ != 0 && detail::is_multiple_of_0xffff(sum_); }

 private:
  static std::uint64_t word(const std::uint8_t* p) {
    std::uint32_t v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
  void take(std::uint64_t part, std::size_t bytes) {
    // RFC 1071 section 2 (B): a part at an odd offset has its bytes swapped, and so has its sum.
    sum_ += odd_ ? __builtin_bswap16(detail::fold16(part)) : part;
    odd_ ^= (bytes & 1) != 0;
  }
  std::uint64_t sum_ = 0;
  bool odd_ = false;
};

/// a + b with end-around carry: of two sums, one of both.
[[nodiscard]] constexpr std::uint64_t add_sums(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t sum = a + b;
  return sum + (sum < b ? 1 : 0);
}

/// A sum of words of any width, folded to 16 bits.
[[nodiscard]] constexpr std::uint16_t fold_sum(std::uint64_t sum) { return detail::fold16(sum); }

/// Whether an IPv4 header without options has the checksum that fits it.
[[nodiscard]] inline bool is_plain_ipv4_sum_right(const std::uint8_t* ip) {
  return detail::is_multiple_of_0xffff(add_sums(add_sums(load64(ip), load64(ip + 8)), load32(ip + 16)));
}

/// Stores the checksum of an IPv4 header without options.
inline void set_plain_ipv4_sum(std::uint8_t* ip) {
  store_be16(ip + 10, 0);
  const std::uint64_t sum = add_sums(add_sums(load64(ip), load64(ip + 8)), load32(ip + 16));
  store_be16(ip + 10, static_cast<std::uint16_t>(~detail::big_endian(detail::fold16(sum))));
}

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

/// The same with the addresses of the IP header `ip`.
[[nodiscard]] inline Sum pseudo_header_of(const std::uint8_t* ip, std::uint8_t proto, std::uint32_t length) {
  Sum s;
  if (ip[0] >> 4 == 4) {
    s.add_words(ip + 12, 8);
  } else {
    s.add_words(ip + 8, 32);
  }
  s.add_be32(length);
  s.add_be16(proto);
  return s;
}

/// The same with the `length` bytes that follow an IP header without options or extensions: it ends in the addresses, so that
/// all is summed at once. No more than a header's length field says.
[[nodiscard]] inline Sum sum_behind_plain_ip(const std::uint8_t* ip, bool v4, std::uint8_t proto, std::uint32_t length) {
  constexpr std::size_t v4_header = 20, v6_header = 40;
  const std::size_t addresses = v4 ? 8 : 32;
  Sum s;
  s.add({ip + (v4 ? v4_header : v6_header) - addresses, addresses + length});
  s.add_be16(static_cast<std::uint16_t>(length));
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
