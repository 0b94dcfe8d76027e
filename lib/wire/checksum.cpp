// SPDX-License-Identifier: BSD-3-Clause
// The loops of the Internet checksum, portable and AVX2, and the choice between them. Called through Sum by everything
// that verifies or fills in a checksum. RFC 1071: words may be summed in any byte order and any width.
#include <millrace/wire/checksum.hpp>

#include <millrace/base/simd.hpp>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace millrace::wire::detail {

namespace {

template <class Word>
Word load(const std::uint8_t* p) {
  Word v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// A last odd byte as the 16-bit word that it begins in memory.
std::uint64_t padded(std::uint8_t byte) { return std::endian::native == std::endian::little ? byte : byte << 8; }

std::uint64_t halves(std::uint64_t word) { return (word & 0xffffffff) + (word >> 32); }

std::uint32_t fold32(std::uint64_t sum) {
  sum = halves(sum);
  return static_cast<std::uint32_t>(halves(sum));
}

/// A 64-bit sum with its carries counted beside it: an add and an add-with-carry for each 8 bytes.
struct Wide {
  std::uint64_t sum = 0;
  std::uint64_t carries = 0;

  void add(std::uint64_t word) {
    carries += __builtin_add_overflow(sum, word, &sum) ? 1 : 0;
  }
  /// 2^32 and 2^64 are 1 modulo 2^16 - 1, so halves and carries add up.
  [[nodiscard]] std::uint64_t total() const { return halves(sum) + carries; }
};

/// Fewer than 8 bytes.
std::uint64_t sum_tail(const std::uint8_t* p, std::size_t n) {
  std::uint64_t sum = 0;
  if ((n & 4) != 0) {
    sum += load<std::uint32_t>(p);
    p += 4;
  }
  if ((n & 2) != 0) {
    sum += load<std::uint16_t>(p);
    p += 2;
  }
  return (n & 1) != 0 ? sum + padded(*p) : sum;
}

std::uint64_t sum_words(const std::uint8_t* p, std::size_t n) {
  Wide a;
  Wide b;
  for (; n >= 16; p += 16, n -= 16) {
    a.add(load<std::uint64_t>(p));
    b.add(load<std::uint64_t>(p + 8));
  }
  if (n >= 8) {
    a.add(load<std::uint64_t>(p));
    p += 8;
    n -= 8;
  }
  return a.total() + b.total() + sum_tail(p, n);
}

std::uint64_t copy_words(std::uint8_t* to, const std::uint8_t* from, std::size_t n) {
  Wide a;
  Wide b;
  for (; n >= 16; to += 16, from += 16, n -= 16) {
    const std::uint64_t words[2] = {load<std::uint64_t>(from), load<std::uint64_t>(from + 8)};
    std::memcpy(to, words, sizeof words);
    a.add(words[0]);
    b.add(words[1]);
  }
  for (std::size_t i = 0; i < n; ++i) to[i] = from[i];
  return a.total() + b.total() + sum_words(from, n);
}

std::uint32_t sum_scalar_bytes(const std::uint8_t* p, std::size_t n) { return fold32(sum_words(p, n)); }
std::uint32_t sum_scalar_copy(std::uint8_t* to, const std::uint8_t* from, std::size_t n) {
  return fold32(copy_words(to, from, n));
}

#if defined(__x86_64__)
#define MR_AVX2 [[gnu::target("avx2")]]

MR_AVX2 inline __m256i add_halves(__m256i sum, __m256i words) {
  const __m256i low = _mm256_set1_epi64x(0xffffffff);
  return _mm256_add_epi64(sum, _mm256_add_epi64(_mm256_and_si256(words, low), _mm256_srli_epi64(words, 32)));
}

MR_AVX2 inline std::uint64_t add_across(__m256i a, __m256i b) {
  // Each 64-bit lane is folded before the lanes meet, so that nothing can carry out however long the input was.
  const __m256i lanes = add_halves(add_halves(_mm256_setzero_si256(), a), b);
  const __m128i two = _mm_add_epi64(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  const auto sum = static_cast<std::uint64_t>(_mm_extract_epi64(two, 0)) + static_cast<std::uint64_t>(_mm_extract_epi64(two, 1));
  // g++ leaves it out in front of a call whose registers it knows, and SSE code behind it would pay for every instruction.
  _mm256_zeroupper();
  return sum;
}

MR_AVX2 inline __m256i load256(const std::uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
MR_AVX2 inline void store256(std::uint8_t* p, __m256i v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }

// Below it the sum across the lanes costs more than they save.
constexpr std::size_t fewest_avx2_bytes = 128;

MR_AVX2 std::uint32_t sum_avx2_bytes(const std::uint8_t* p, std::size_t n) {
  if (n < fewest_avx2_bytes) return sum_scalar_bytes(p, n);
  __m256i a = _mm256_setzero_si256();
  __m256i b = _mm256_setzero_si256();
  for (; n >= 64; p += 64, n -= 64) {
    a = add_halves(a, load256(p));
    b = add_halves(b, load256(p + 32));
  }
  return fold32(add_across(a, b) + sum_words(p, n));
}

MR_AVX2 std::uint32_t sum_avx2_copy(std::uint8_t* to, const std::uint8_t* from, std::size_t n) {
  if (n < 64) return sum_scalar_copy(to, from, n);
  __m256i a = _mm256_setzero_si256();
  __m256i b = _mm256_setzero_si256();
  for (; n >= 64; to += 64, from += 64, n -= 64) {
    const __m256i first = load256(from);
    const __m256i second = load256(from + 32);
    store256(to, first);
    store256(to + 32, second);
    a = add_halves(a, first);
    b = add_halves(b, second);
  }
  return fold32(add_across(a, b) + copy_words(to, from, n));
}

constexpr SumVariant avx2_variant{"avx2", sum_avx2_bytes, sum_avx2_copy};
#endif

}  // namespace

constinit const SumVariant sum_scalar{"scalar", sum_scalar_bytes, sum_scalar_copy};

const SumVariant* sum_avx2() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return &avx2_variant;
#endif
  return nullptr;
}

// Scalar until the initialiser below has run, so that other static initialisers may already sum.
constinit SumVariant sum_chosen{"scalar", sum_scalar_bytes, sum_scalar_copy};

namespace {

SumVariant choose() {
  const SumVariant* const best = sum_avx2();
  return best != nullptr && simd_bound() >= Simd::avx2 ? *best : sum_scalar;
}
[[maybe_unused]] const bool is_chosen = (sum_chosen = choose(), true);

}  // namespace

}  // namespace millrace::wire::detail
