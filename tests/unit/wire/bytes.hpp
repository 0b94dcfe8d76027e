// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/rng.hpp>
#include <millrace/wire/address.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace millrace::test {

using Bytes = std::vector<std::uint8_t>;

/// The bytes that `text` spells; blanks between them are skipped.
[[nodiscard]] inline Bytes hex(std::string_view text) {
  Bytes bytes;
  int nibbles = 0;
  for (char c : text) {
    if (c == ' ' || c == '\n') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (nibbles++ % 2 == 0) bytes.push_back(static_cast<std::uint8_t>(digit << 4));
    else bytes.back() = static_cast<std::uint8_t>(bytes.back() | digit);
  }
  return bytes;
}

/// A copy that ends where its heap block ends, so that the address sanitizer sees the first byte read too many.
class Exact {
 public:
  explicit Exact(std::span<const std::uint8_t> bytes) : size_(bytes.size()), data_(new std::uint8_t[bytes.size()]) {
    std::copy(bytes.begin(), bytes.end(), data_.get());
  }
  [[nodiscard]] std::span<const std::uint8_t> span() const { return {data_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<std::uint8_t[]> data_;
};

/// Calls f(span) for the first 0, 1, .. all bytes, each time in a buffer of exactly that size.
template <class F>
void for_each_truncation(std::span<const std::uint8_t> bytes, F&& f) {
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    const Exact cut(bytes.first(n));
    f(cut.span());
  }
}

[[nodiscard]] inline Bytes random_bytes(Rng& rng, std::size_t n) {
  Bytes bytes(n);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(rng.next());
  return bytes;
}
[[nodiscard]] inline std::uint8_t random8(Rng& rng) { return static_cast<std::uint8_t>(rng.next()); }
[[nodiscard]] inline std::uint16_t random16(Rng& rng) { return static_cast<std::uint16_t>(rng.next()); }
[[nodiscard]] inline std::uint32_t random32(Rng& rng) { return static_cast<std::uint32_t>(rng.next()); }
[[nodiscard]] inline MacAddress random_mac(Rng& rng) {
  MacAddress mac;
  for (auto& b : mac.bytes) b = random8(rng);
  return mac;
}
[[nodiscard]] inline IpAddress random_v4(Rng& rng) {
  return IpAddress::v4(random8(rng), random8(rng), random8(rng), random8(rng));
}
/// Unicast: its first byte is 0xfd.
[[nodiscard]] inline IpAddress random_v6(Rng& rng) {
  IpAddress ip;
  for (auto& b : ip.bytes) b = random8(rng);
  ip.bytes[0] = 0xfd;
  return ip;
}

}  // namespace millrace::test
