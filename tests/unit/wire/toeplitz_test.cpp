// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/toeplitz.hpp>

#include <millrace/base/byte_order.hpp>
#include <millrace/base/rng.hpp>
#include <millrace/base/simd.hpp>

#include "tests/support/catch.hpp"

#include <cstdlib>
#include <string_view>
#include <vector>

using namespace millrace;
using namespace millrace::wire;

namespace {

/// Bit by bit, as the specification words it: for each input bit that is 1, add the 32 leftmost bits of the key; then
/// shift the key left by one.
std::uint32_t by_definition(const ToeplitzKey& key, std::span<const std::uint8_t> input) {
  const auto bit_of = [](auto& bytes, std::size_t i) {
    return i < 8 * bytes.size() && (bytes[i / 8] >> (7 - i % 8) & 1);
  };
  std::uint32_t result = 0;
  for (std::size_t i = 0; i < 8 * input.size(); ++i) {
    if (!bit_of(input, i)) continue;
    std::uint32_t window = 0;
    for (std::size_t j = 0; j < 32; ++j) window = window << 1 | static_cast<std::uint32_t>(bit_of(key, i + j));
    result ^= window;
  }
  return result;
}

std::vector<ToeplitzVariant> variants() {
  std::vector<ToeplitzVariant> all;
  for (auto v : {ToeplitzVariant::scalar, ToeplitzVariant::pclmul, ToeplitzVariant::avx2, ToeplitzVariant::vpclmul})
    if (is_supported(v)) all.push_back(v);
  return all;
}

Ipv4Tuple v4(std::array<std::uint8_t, 4> source, std::uint16_t sport, std::array<std::uint8_t, 4> destination,
             std::uint16_t dport) {
  Ipv4Tuple t;
  std::copy(source.begin(), source.end(), t.bytes.begin());
  std::copy(destination.begin(), destination.end(), t.bytes.begin() + 4);
  store_be16(&t.bytes[8], sport);
  store_be16(&t.bytes[10], dport);
  return t;
}

using Groups = std::array<std::uint16_t, 8>;
Ipv6Tuple v6(const Groups& source, std::uint16_t sport, const Groups& destination, std::uint16_t dport) {
  Ipv6Tuple t;
  for (std::size_t i = 0; i < 8; ++i) store_be16(&t.bytes[2 * i], source[i]);
  for (std::size_t i = 0; i < 8; ++i) store_be16(&t.bytes[16 + 2 * i], destination[i]);
  store_be16(&t.bytes[32], sport);
  store_be16(&t.bytes[34], dport);
  return t;
}

template <class Tuple>
Tuple without_ports(Tuple t) {
  std::fill(t.bytes.end() - 4, t.bytes.end(), std::uint8_t{0});
  return t;
}

template <class Tuple>
struct Vector {
  Tuple tuple;
  std::uint32_t addresses_only;
  std::uint32_t with_ports;
};

// Microsoft, "Verifying the RSS Hash Calculation".
const Vector<Ipv4Tuple> vectors_v4[] = {
    {v4({66, 9, 149, 187}, 2794, {161, 142, 100, 80}, 1766), 0x323e8fc2, 0x51ccc178},
    {v4({199, 92, 111, 2}, 14230, {65, 69, 140, 83}, 4739), 0xd718262a, 0xc626b0ea},
    {v4({24, 19, 198, 95}, 12898, {12, 22, 207, 184}, 38024), 0xd2d0a5de, 0x5c2b394a},
    {v4({38, 27, 205, 30}, 48228, {209, 142, 163, 6}, 2217), 0x82989176, 0xafc7327f},
    {v4({153, 39, 163, 191}, 44251, {202, 188, 127, 2}, 1303), 0x5d1809c5, 0x10e828a2},
};
const Vector<Ipv6Tuple> vectors_v6[] = {
    {v6({0x3ffe, 0x2501, 0x200, 0x1fff, 0, 0, 0, 7}, 2794, {0x3ffe, 0x2501, 0x200, 3, 0, 0, 0, 1}, 1766), 0x2cc18cd5,
     0x40207d3d},
    {v6({0x3ffe, 0x501, 8, 0, 0x260, 0x97ff, 0xfe40, 0xefab}, 14230, {0xff02, 0, 0, 0, 0, 0, 0, 1}, 4739), 0x0f0c461c,
     0xdde51bbf},
    {v6({0x3ffe, 0x1900, 0x4545, 3, 0x200, 0xf8ff, 0xfe21, 0x67cf}, 44251,
        {0xfe80, 0, 0, 0, 0x200, 0xf8ff, 0xfe21, 0x67cf}, 38024),
     0x4b61e985, 0x02d1feef},
};

template <class Tuple>
Tuple random_tuple(Rng& rng) {
  Tuple t;
  for (auto& byte : t.bytes) byte = static_cast<std::uint8_t>(rng.next());
  return t;
}

void hash_in_packets(const Toeplitz& toeplitz, std::span<const std::uint8_t* const> at, std::span<std::uint32_t> hashes, const Ipv4Tuple&) {
  toeplitz.hash_v4(at, hashes);
}
void hash_in_packets(const Toeplitz& toeplitz, std::span<const std::uint8_t* const> at, std::span<std::uint32_t> hashes, const Ipv6Tuple&) {
  toeplitz.hash_v6(at, hashes);
}

/// The same tuples as they lie in packets: anywhere, other bytes behind them, in another order than in memory.
template <class Tuple>
void check_in_packets(const Toeplitz& toeplitz, Rng& rng, const std::vector<Tuple>& tuples) {
  constexpr std::size_t apart = 61;
  std::vector<std::uint8_t> memory(apart * (tuples.size() + 1));
  for (auto& byte : memory) byte = static_cast<std::uint8_t>(rng.next());
  std::vector<const std::uint8_t*> at;
  for (std::size_t i = 0; i < tuples.size(); ++i) {
    std::uint8_t* const place = &memory[apart * (tuples.size() - 1 - i) + 3];
    std::copy(tuples[i].bytes.begin(), tuples[i].bytes.end(), place);
    at.push_back(place);
  }
  std::vector<std::uint32_t> hashes(tuples.size() + 1, 0xabad1dea);
  hash_in_packets(toeplitz, at, std::span(hashes).first(tuples.size()), Tuple{});
  for (std::size_t i = 0; i < tuples.size(); ++i)
    if (hashes[i] != by_definition(toeplitz.key(), tuples[i].bytes)) FAIL("in packets, variant " << name(toeplitz.variant()));
  if (hashes.back() != 0xabad1dea) FAIL("wrote behind the end");
}

template <class Tuple>
void check_bulk(const Toeplitz& toeplitz, Rng& rng, std::size_t count) {
  std::vector<Tuple> tuples(count);
  for (auto& t : tuples) t = random_tuple<Tuple>(rng);
  std::vector<std::uint32_t> hashes(count + 1, 0xabad1dea);
  toeplitz.hash(tuples, std::span(hashes).first(count));
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t expected = by_definition(toeplitz.key(), tuples[i].bytes);
    if (hashes[i] != expected || toeplitz.hash(tuples[i]) != expected) FAIL("variant " << name(toeplitz.variant()));
  }
  if (hashes[count] != 0xabad1dea) FAIL("wrote behind the end");
  check_in_packets(toeplitz, rng, tuples);
}

}  // namespace

TEST_CASE("F1: Microsoft's vectors, with and without ports, in every variant") {
  for (auto variant : variants()) {
    INFO(name(variant));
    const Toeplitz toeplitz(microsoft_key, variant);
    for (const auto& v : vectors_v4) {
      CHECK(toeplitz.hash(v.tuple) == v.with_ports);
      CHECK(toeplitz.hash(without_ports(v.tuple)) == v.addresses_only);
    }
    for (const auto& v : vectors_v6) {
      CHECK(toeplitz.hash(v.tuple) == v.with_ports);
      CHECK(toeplitz.hash(without_ports(v.tuple)) == v.addresses_only);
    }
  }
}

TEST_CASE("every variant equals the definition for random keys, tuples and bulk lengths") {
  const char* text = std::getenv("MILLRACE_SEED");
  const std::uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 0) : 11;
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int round = 0; round < 50; ++round) {
    ToeplitzKey key;
    for (auto& byte : key) byte = static_cast<std::uint8_t>(rng.next());
    for (auto variant : variants()) {
      const Toeplitz toeplitz(key, variant);
      check_bulk<Ipv4Tuple>(toeplitz, rng, rng.below(65));
      check_bulk<Ipv6Tuple>(toeplitz, rng, rng.below(65));
    }
  }
}

TEST_CASE("every bulk length from 0 to 64 is whole") {
  Rng rng(5);
  for (auto variant : variants()) {
    const Toeplitz toeplitz(microsoft_key, variant);
    for (std::size_t count = 0; count <= 64; ++count) {
      check_bulk<Ipv4Tuple>(toeplitz, rng, count);
      check_bulk<Ipv6Tuple>(toeplitz, rng, count);
    }
  }
}

TEST_CASE("the symmetric key hashes both directions alike, Microsoft's does not") {
  Rng rng(6);
  const Toeplitz symmetric(symmetric_key);
  const Toeplitz plain;
  int differ = 0;
  for (int i = 0; i < 100; ++i) {
    const Ipv4Tuple t = random_tuple<Ipv4Tuple>(rng);
    Ipv4Tuple back;
    std::copy_n(&t.bytes[0], 4, &back.bytes[4]);
    std::copy_n(&t.bytes[4], 4, &back.bytes[0]);
    std::copy_n(&t.bytes[8], 2, &back.bytes[10]);
    std::copy_n(&t.bytes[10], 2, &back.bytes[8]);
    CHECK(symmetric.hash(t) == symmetric.hash(back));
    differ += plain.hash(t) != plain.hash(back) ? 1 : 0;
  }
  CHECK(differ > 90);
}

TEST_CASE("MILLRACE_SIMD bounds the variant that is chosen") {
  const ToeplitzVariant chosen = best_toeplitz_variant();
  CHECK(is_supported(chosen));
  CHECK(Toeplitz().variant() == chosen);
  if (simd_bound() == Simd::scalar) CHECK(chosen == ToeplitzVariant::scalar);
  if (simd_bound() == Simd::sse) CHECK(chosen <= ToeplitzVariant::pclmul);
  if (simd_bound() == Simd::avx2) CHECK(chosen <= ToeplitzVariant::avx2);
  if (simd_bound() == Simd::avx512) CHECK(chosen == variants().back());
  CHECK(is_supported(ToeplitzVariant::scalar));
  CHECK(name(ToeplitzVariant::scalar) == std::string_view("scalar"));
  CHECK(name(ToeplitzVariant::pclmul) == std::string_view("pclmul"));
  CHECK(name(ToeplitzVariant::avx2) == std::string_view("avx2"));
  CHECK(name(ToeplitzVariant::vpclmul) == std::string_view("vpclmul"));
}
