// SPDX-License-Identifier: BSD-3-Clause
// The loops of the Internet checksum, portable and AVX2, and the choice between them. Called through Sum by everything
// that verifies or fills in a checksum. RFC 1071: words may be summed in any byte order and any width.
#include <millrace/wire/checksum.hpp>

#include <millrace/base/simd.hpp>

#include <limits>

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

/// Four words at `p` more; 2^64 is 1 modulo 2^16 - 1, so what carries out is added again.
std::uint64_t add_four(std::uint64_t sum, const std::uint8_t* p) {
#if defined(__x86_64__)
  // An add-with-carry for each word, where g++ would make three instructions of add_sums().
  unsigned long long s0, s1, s2, s3, all;
  unsigned char carry = _addcarry_u64(0, sum, load<std::uint64_t>(p), &s0);
  carry = _addcarry_u64(carry, s0, load<std::uint64_t>(p + 8), &s1);
  carry = _addcarry_u64(carry, s1, load<std::uint64_t>(p + 16), &s2);
  carry = _addcarry_u64(carry, s2, load<std::uint64_t>(p + 24), &s3);
  _addcarry_u64(carry, s3, 0, &all);
  return all;
#else
  for (int i = 0; i < 4; ++i) sum = add_sums(sum, load<std::uint64_t>(p + 8 * i));
  return sum;
#endif
}

/// Fewer than 32 bytes.
std::uint64_t sum_tail(std::uint64_t sum, const std::uint8_t* p, std::size_t n) {
  for (; n >= 8; p += 8, n -= 8) sum = add_sums(sum, load<std::uint64_t>(p));
  sum = halves(sum);
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
  std::uint64_t sum = 0;
  for (; n >= 32; p += 32, n -= 32) sum = add_four(sum, p);
  return sum_tail(sum, p, n);
}

std::uint64_t copy_words(std::uint8_t* to, const std::uint8_t* from, std::size_t n) {
  std::uint64_t sum = 0;
  for (; n >= 32; to += 32, from += 32, n -= 32) {
    std::memcpy(to, from, 32);
    sum = add_four(sum, from);
  }
  for (std::size_t i = 0; i < n; ++i) to[i] = from[i];
  return sum_tail(sum, from, n);
}

#if defined(__x86_64__)
#define MR_AVX2 [[gnu::target("avx2")]]

MR_AVX2 inline __m256i load256(const std::uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
MR_AVX2 inline void store256(std::uint8_t* p, __m256i v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }

// Sixteen words more, in pairs: one multiplication by 1 adds the two of a pair, but takes them as signed, so each is 32768 less.
MR_AVX2 inline __m256i add_pairs(__m256i sum, __m256i words) {
  const __m256i shifted = _mm256_xor_si256(words, _mm256_set1_epi16(std::numeric_limits<std::int16_t>::min()));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(shifted, _mm256_set1_epi16(1)));
}

// Of so many bytes, of which each pair of words is in a lane.
MR_AVX2 inline std::uint64_t add_across(__m256i lanes, std::size_t bytes) {
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  const __m128i two = _mm_add_epi64(_mm_cvtepi32_epi64(four), _mm_cvtepi32_epi64(_mm_srli_si128(four, 8)));
  const std::int64_t sum = _mm_cvtsi128_si64(two) + _mm_extract_epi64(two, 1);
  // g++ leaves it out in front of a call whose registers it knows, and SSE code behind it would pay for every instruction.
  _mm256_zeroupper();
  return static_cast<std::uint64_t>(sum + static_cast<std::int64_t>(bytes / 2 * 32768));
}

// Below it the sum across the lanes costs more than they save.
constexpr std::size_t fewest_avx2_bytes = 128;
// Above it a lane could overflow.
constexpr std::size_t most_avx2_bytes = std::size_t{1} << 18;

MR_AVX2 [[gnu::noinline]] std::uint64_t sum_vectors(const std::uint8_t* p, std::size_t n) {
  const std::size_t tail = n % 32;
  const std::uint8_t* const end = p + n - tail;
  __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
  for (; end - p >= 128; p += 128) {
    a = add_pairs(a, load256(p));
    b = add_pairs(b, load256(p + 32));
    c = add_pairs(c, load256(p + 64));
    d = add_pairs(d, load256(p + 96));
  }
  for (; p != end; p += 32) a = add_pairs(a, load256(p));
  return add_across(_mm256_add_epi32(_mm256_add_epi32(a, b), _mm256_add_epi32(c, d)), n - tail) + sum_words(end, tail);
}

MR_AVX2 [[gnu::noinline]] std::uint64_t copy_vectors(std::uint8_t* to, const std::uint8_t* from, std::size_t n) {
  const std::size_t tail = n % 64;
  const std::uint8_t* const end = from + n - tail;
  __m256i a = _mm256_setzero_si256(), b = a;
  for (; from != end; to += 64, from += 64) {
    const __m256i first = load256(from);
    const __m256i second = load256(from + 32);
    store256(to, first);
    store256(to + 32, second);
    a = add_pairs(a, first);
    b = add_pairs(b, second);
  }
  return add_across(_mm256_add_epi32(a, b), n - tail) + copy_words(to, end, tail);
}

std::uint64_t sum_avx2_bytes(const std::uint8_t* p, std::size_t n) {
  if (n < fewest_avx2_bytes) return sum_words(p, n);
  std::uint64_t sum = 0;
  for (; n > most_avx2_bytes; p += most_avx2_bytes, n -= most_avx2_bytes) sum += sum_vectors(p, most_avx2_bytes);
  return sum + sum_vectors(p, n);
}

std::uint64_t sum_avx2_copy(std::uint8_t* to, const std::uint8_t* from, std::size_t n) {
  if (n < fewest_avx2_bytes) return copy_words(to, from, n);
  std::uint64_t sum = 0;
  for (; n > most_avx2_bytes; to += most_avx2_bytes, from += most_avx2_bytes, n -= most_avx2_bytes) sum += copy_vectors(to, from, most_avx2_bytes);
  return sum + copy_vectors(to, from, n);
}

constexpr SumVariant avx2_variant{"avx2", sum_avx2_bytes, sum_avx2_copy};
#endif

}  // namespace

constinit const SumVariant sum_scalar{"scalar", sum_words, copy_words};

const SumVariant* sum_avx2() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return &avx2_variant;
#endif
  return nullptr;
}

// Scalar until the initialiser below has run, so that other static initialisers may already sum.
constinit SumVariant sum_chosen{"scalar", sum_words, copy_words};

namespace {

SumVariant choose() {
  const SumVariant* const best = sum_avx2();
  return best != nullptr && simd_bound() >= Simd::avx2 ? *best : sum_scalar;
}
[[maybe_unused]] const bool is_chosen = (sum_chosen = choose(), true);

}  // namespace

}  // namespace millrace::wire::detail
