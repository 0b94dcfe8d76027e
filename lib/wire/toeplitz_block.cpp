// SPDX-License-Identifier: BSD-3-Clause
// The Toeplitz hash of 32 tuples at once, by AVX2. Called by Toeplitz; calls nothing.
#include <millrace/wire/toeplitz_block.hpp>

#if defined(__x86_64__)
#include <immintrin.h>
#define MR_TARGET_AVX2 [[gnu::target("avx2")]]
#endif

namespace millrace::wire {

ToeplitzBlock::ToeplitzBlock(const ByNibble& by_nibble) {
  const auto byte_of = [](std::uint32_t hash, std::size_t h) { return static_cast<std::uint8_t>(hash >> 8 * h); };
  for (std::size_t n = 0; n < nibbles_.size(); ++n)
    for (std::size_t value = 0; value < 16; ++value)
      for (std::size_t h = 0; h < 4; ++h) nibbles_[n][h][value] = byte_of(by_nibble[n][value], h);
}

#if defined(__x86_64__)
namespace {

/// The columns of 32 tuples: tuples 0 to 15 in the lower half of each vector.
struct Columns {
  __m256i of[ToeplitzBlock::most_bytes];
};

/// Rows i and i + 16 from `offset` on.
MR_TARGET_AVX2 inline __m256i two_rows(const std::uint8_t* const* places, std::size_t i, std::size_t offset) {
  const auto row = [&](std::size_t n) { return reinterpret_cast<const __m128i*>(places[n] + offset); };
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(row(i))), _mm_loadu_si128(row(i + 16)), 1);
}

/// words[w][g]: word w, 4 bytes, of rows 4g to 4g + 3 in each half.
template <std::size_t count>
using Words = __m256i[count][4];

/// Words first to 3 of the 16 bytes at `offset` of eight rows, as word `to` and the next, their bytes put together: the first ones
/// of four rows, then the second ones.
template <std::size_t first, std::size_t last, std::size_t count>
MR_TARGET_AVX2 inline void read_words(const std::uint8_t* const* places, std::size_t g, std::size_t offset, Words<count>& words, std::size_t to) {
  const __m256i bytes_together = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  const __m256i a = two_rows(places, 4 * g, offset), b = two_rows(places, 4 * g + 1, offset);
  const __m256i c = two_rows(places, 4 * g + 2, offset), d = two_rows(places, 4 * g + 3, offset);
  const __m256i low_ab = _mm256_unpacklo_epi32(a, b), low_cd = _mm256_unpacklo_epi32(c, d);
  const __m256i high_ab = _mm256_unpackhi_epi32(a, b), high_cd = _mm256_unpackhi_epi32(c, d);
  const __m256i four[4] = {_mm256_unpacklo_epi64(low_ab, low_cd), _mm256_unpackhi_epi64(low_ab, low_cd),
                           _mm256_unpacklo_epi64(high_ab, high_cd), _mm256_unpackhi_epi64(high_ab, high_cd)};
  for (std::size_t w = first; w <= last; ++w) words[to + w - first][g] = _mm256_shuffle_epi8(four[w], bytes_together);
}

/// A row is read once and whole: its line may be gone when all others have been read, where they lie whole pages apart and
/// share a set of the first-level cache.
template <std::size_t bytes>
MR_TARGET_AVX2 inline void turn(const std::uint8_t* const* places, Columns& columns) {
  Words<bytes / 4> words;
  for (std::size_t g = 0; g < 4; ++g) {
    if constexpr (bytes == 12) {
      read_words<0, 2>(places, g, 0, words, 0);
    } else {
      read_words<0, 3>(places, g, 0, words, 0);
      read_words<0, 3>(places, g, 16, words, 4);
      read_words<3, 3>(places, g, 20, words, 8);
    }
  }
  __m256i* to = columns.of;
  for (const auto& word : words) {
    const __m256i low_front = _mm256_unpacklo_epi32(word[0], word[1]), low_back = _mm256_unpacklo_epi32(word[2], word[3]);
    const __m256i high_front = _mm256_unpackhi_epi32(word[0], word[1]), high_back = _mm256_unpackhi_epi32(word[2], word[3]);
    *to++ = _mm256_unpacklo_epi64(low_front, low_back);
    *to++ = _mm256_unpackhi_epi64(low_front, low_back);
    *to++ = _mm256_unpacklo_epi64(high_front, high_back);
    *to++ = _mm256_unpackhi_epi64(high_front, high_back);
  }
}

MR_TARGET_AVX2 inline __m256i in_each_half(const std::array<std::uint8_t, 16>& bytes) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(bytes.data())));
}

/// The hashes' bytes, as columns again, the lowest first.
struct HashColumns {
  __m256i of[4];
};

MR_TARGET_AVX2 inline void store(const HashColumns& columns, std::uint32_t* hashes) {
  const __m256i* const c = columns.of;
  const __m256i low = _mm256_unpacklo_epi8(c[0], c[1]), low_upper = _mm256_unpacklo_epi8(c[2], c[3]);
  const __m256i high = _mm256_unpackhi_epi8(c[0], c[1]), high_upper = _mm256_unpackhi_epi8(c[2], c[3]);
  const __m256i a = _mm256_unpacklo_epi16(low, low_upper), b = _mm256_unpackhi_epi16(low, low_upper);
  const __m256i d = _mm256_unpacklo_epi16(high, high_upper), e = _mm256_unpackhi_epi16(high, high_upper);
  const auto at = [hashes](std::size_t i) { return reinterpret_cast<__m256i*>(hashes + i); };
  _mm256_storeu_si256(at(0), _mm256_permute2x128_si256(a, b, 0x20));
  _mm256_storeu_si256(at(8), _mm256_permute2x128_si256(d, e, 0x20));
  _mm256_storeu_si256(at(16), _mm256_permute2x128_si256(a, b, 0x31));
  _mm256_storeu_si256(at(24), _mm256_permute2x128_si256(d, e, 0x31));
}

}  // namespace

template <std::size_t bytes>
MR_TARGET_AVX2 void ToeplitzBlock::hash(const std::uint8_t* const* places, std::uint32_t* hashes) const {
  Columns columns;
  turn<bytes>(places, columns);
  const __m256i low_nibble = _mm256_set1_epi8(15);
  HashColumns sum{};
  for (std::size_t n = 0; n < bytes; ++n) {
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(columns.of[n], 4), low_nibble);
    const __m256i low = _mm256_and_si256(columns.of[n], low_nibble);
    for (std::size_t h = 0; h < 4; ++h) {
      const __m256i by_high = _mm256_shuffle_epi8(in_each_half(nibbles_[2 * n][h]), high);
      const __m256i by_low = _mm256_shuffle_epi8(in_each_half(nibbles_[2 * n + 1][h]), low);
      sum.of[h] = _mm256_xor_si256(sum.of[h], _mm256_xor_si256(by_high, by_low));
    }
  }
  store(sum, hashes);
}

template void ToeplitzBlock::hash<12>(const std::uint8_t* const*, std::uint32_t*) const;
template void ToeplitzBlock::hash<36>(const std::uint8_t* const*, std::uint32_t*) const;
#endif

}  // namespace millrace::wire
