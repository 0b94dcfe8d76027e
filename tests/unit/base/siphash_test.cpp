// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/base/siphash.hpp>

#include "tests/support/catch.hpp"

#include <numeric>
#include <vector>

using namespace millrace;

namespace {

constexpr std::array<std::uint64_t, 2> key{0x0706050403020100, 0x0f0e0d0c0b0a0908};

/// SipHash-2-4 of 00, 01, .. (n bytes) under the key 00 01 .. 0f, from the reference implementation's vectors;
/// the bytes 31 0e 0e dd 47 db 6f 72 of the first are 0x726fdb47dd0e0e31 read little-endian.
constexpr std::uint64_t vectors[] = {
    0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
    0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
    0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
    0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
};

std::vector<std::uint8_t> counting(std::size_t n) {
  std::vector<std::uint8_t> v(n);
  std::iota(v.begin(), v.end(), std::uint8_t{0});
  return v;
}

}  // namespace

TEST_CASE("SipHash-2-4 gives the reference vectors, the paper's example (15 bytes) among them") {
  for (std::size_t n = 0; n < std::size(vectors); ++n) {
    INFO(n);
    CHECK(siphash(key, counting(n)) == vectors[n]);
  }
}

TEST_CASE("every bit of key, input and length counts") {
  const auto bytes = counting(24);
  const std::uint64_t plain = siphash(key, bytes);
  for (std::size_t bit = 0; bit < 24 * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    CHECK(siphash(key, flipped) != plain);
  }
  for (std::size_t bit = 0; bit < 128; ++bit) {
    auto other = key;
    other[bit / 64] ^= std::uint64_t{1} << bit % 64;
    CHECK(siphash(other, bytes) != plain);
  }
  CHECK(siphash(key, std::vector<std::uint8_t>(8)) != siphash(key, std::vector<std::uint8_t>(9)));
}
