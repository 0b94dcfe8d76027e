// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/base/simd.hpp>
#include <millrace/wire/checksum.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/wire/bytes.hpp"

#include <cstdlib>

using namespace millrace;
using namespace millrace::wire;
using test::hex;

namespace {

/// RFC 1071 by the letter: 16-bit words in network order, carries folded at the end.
std::uint16_t naive(std::span<const std::uint8_t> bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? std::uint64_t{bytes[i]} << 8 : bytes[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

std::vector<const detail::SumVariant*> variants() {
  std::vector<const detail::SumVariant*> all{&detail::sum_scalar};
  if (detail::sum_avx2() != nullptr) all.push_back(detail::sum_avx2());
  return all;
}

/// Lets every Sum use one variant for as long as it lives.
class Force {
 public:
  explicit Force(const detail::SumVariant& variant) : before_(detail::sum_chosen) { detail::sum_chosen = variant; }
  ~Force() { detail::sum_chosen = before_; }

 private:
  detail::SumVariant before_;
};

}  // namespace

TEST_CASE("the example of RFC 1071 section 3") {
  const auto bytes = hex("00 01 f2 03 f4 f5 f6 f7");
  Sum s;
  s.add(bytes);
  CHECK(s.folded() == 0xddf2);
  CHECK(s.checksum() == 0x220d);
  CHECK(checksum(bytes) == 0x220d);
}

TEST_CASE("a message with its checksum in place is valid, with any bit flipped it is not") {
  auto bytes = hex("45 00 00 73 00 00 40 00 40 11 b8 61 c0 a8 00 01 c0 a8 00 c7");
  const auto is_valid = [&] {
    Sum s;
    s.add(bytes);
    return s.is_valid();
  };
  CHECK(is_valid());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    CHECK_FALSE(is_valid());
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  }
}

TEST_CASE("every variant sums every size at every alignment as the RFC does") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (const auto* variant : variants()) {
    const Force force(*variant);
    for (std::size_t size = 0; size <= 300; ++size) {
      const std::size_t align = rng.below(32);
      const auto bytes = test::random_bytes(rng, align + size);
      const test::Exact exact(bytes);
      const auto part = exact.span().subspan(align);
      Sum s;
      s.add(part);
      INFO(variant->name << " size " << size << " align " << align);
      REQUIRE(s.folded() % 0xffff == naive(part) % 0xffff);
      std::vector<std::uint8_t> copy(size);
      Sum copied;
      copied.add_copying(copy.data(), part);
      REQUIRE(copied.folded() == s.folded());
      REQUIRE(std::equal(copy.begin(), copy.end(), part.begin()));
    }
  }
}

TEST_CASE("large inputs and all ones do not lose a carry") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (const auto* variant : variants()) {
    const Force force(*variant);
    INFO(variant->name);
    for (const std::size_t size : {65535u, 65536u, 1000001u}) {
      const test::Bytes ones(size, 0xff);
      Sum s;
      s.add(ones);
      CHECK(s.folded() == naive(ones));
      const auto random = test::random_bytes(rng, size);
      Sum r;
      r.add(random);
      CHECK(r.folded() == naive(random));
    }
  }
}

TEST_CASE("however a message is cut into parts, odd cuts included, its sum is the same") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (const auto* variant : variants()) {
    const Force force(*variant);
    for (int i = 0; i < 1000; ++i) {
      const auto bytes = test::random_bytes(rng, 1 + rng.below(600));
      Sum s;
      test::Bytes copy(bytes.size());
      for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t n = std::min<std::size_t>(rng.below(200), bytes.size() - at);
        const auto part = std::span(bytes).subspan(at, n);
        if (rng.chance(0.5)) s.add(part);
        else s.add_copying(&copy[at], part);
        at += n;
      }
      REQUIRE(s.folded() == naive(bytes));
    }
  }
}

TEST_CASE("numbers added are the bytes they stand for") {
  const auto bytes = hex("12 34 ff fe 80 01 ab cd ef 01");
  Sum by_bytes;
  by_bytes.add(bytes);
  Sum by_number;
  by_number.add_be16(0x1234);
  by_number.add_be32(0xfffe8001);
  by_number.add_words(&bytes[6], 4);
  CHECK(by_number.folded() == by_bytes.folded());
}

TEST_CASE("pseudo-headers of both families") {
  const auto v4 = hex("0a 4d 00 01  0a 4d 00 02  00 06 00 1c");
  CHECK(pseudo_header(IpAddress::v4(10, 77, 0, 1), IpAddress::v4(10, 77, 0, 2), 6, 28).folded() == naive(v4));
  const auto v6 = hex("fd 00 00 77 00 00 00 00 00 00 00 00 00 00 00 01  fd 00 00 77 00 00 00 00 00 00 00 00 00 00 ff fe"
                      "00 01 86 a0  00 00 00 3a");
  CHECK(pseudo_header(*IpAddress::parse("fd00:77::1"), *IpAddress::parse("fd00:77::fffe"), 58, 100'000).folded() ==
        naive(v6));
}

TEST_CASE("RFC 1624 section 4: the update does not turn into minus zero") {
  CHECK(checksum_update(0xdd2f, 0x5555, 0x3285) == 0x0000);
}

TEST_CASE("an updated checksum is the one computed anew") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 5000; ++i) {
    auto bytes = test::random_bytes(rng, 20);
    bytes[0] = 0x45;  // no header is all zeros, where 0 and 0xffff would both be right
    const std::uint16_t before = checksum(bytes);
    const std::size_t at = 2 + 2 * rng.below(9);
    const std::uint16_t old16 = load_be16(&bytes[at]);
    const std::uint16_t new16 = rng.chance(0.1) ? std::uint16_t{0xffff} : test::random16(rng);
    store_be16(&bytes[at], new16);
    const std::uint16_t after = checksum(bytes);
    REQUIRE(checksum_update(before, old16, new16) == after);
    const std::size_t at32 = 4 * (1 + rng.below(4));
    const std::uint32_t old32 = load_be32(&bytes[at32]);
    const std::uint32_t new32 = test::random32(rng);
    store_be32(&bytes[at32], new32);
    REQUIRE(checksum_update32(after, old32, new32) == checksum(bytes));
  }
}

TEST_CASE("MILLRACE_SIMD below avx2 forces the scalar variant, otherwise the machine decides") {
  const bool is_scalar = simd_bound() < Simd::avx2 || detail::sum_avx2() == nullptr;
  CHECK(std::string_view(checksum_variant()) == (is_scalar ? "scalar" : "avx2"));
}
