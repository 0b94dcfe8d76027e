// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/gro/header_mask.hpp>
#include <millrace/gro/words.hpp>

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
// g++ 12's AVX-512 intrinsics begin from a variable that they do not set on purpose (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#define MR_TARGET_SSE [[gnu::target("sse4.1")]]
#define MR_TARGET_AVX2 [[gnu::target("avx2")]]
#define MR_TARGET_AVX512 [[gnu::target("avx512f,avx512bw,avx512vl,bmi2")]]
#endif

namespace millrace::gro {

// Each variant has two answers. differs(): whether the first `bytes` of two frames differ where the mask looks;
// both may be read up to HeaderMask::bytes. matches(): a bit for each of the four tags that is equal to `tag`.

struct CompareScalar {
  static bool differs(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask, std::size_t bytes) {
    std::uint64_t differ = 0;
    std::size_t at = 0;
    for (; at + 8 <= bytes; at += 8) differ |= (load64(a + at) ^ load64(b + at)) & load64(&mask.bits[at]);
    // A header of Ethernet, IP and TCP ends two bytes behind a multiple of four.
    for (; at < bytes; at += 2) differ |= static_cast<std::uint64_t>((load16(a + at) ^ load16(b + at)) & load16(&mask.bits[at]));
    return differ != 0;
  }
  static std::uint32_t matches(const std::uint32_t* tags, std::uint32_t tag) {
    std::uint32_t found = 0;
    for (std::uint32_t i = 0; i < 4; ++i) found |= static_cast<std::uint32_t>(tags[i] == tag) << i;
    return found;
  }
};

#if defined(__x86_64__)

struct CompareSse {
  MR_TARGET_SSE static __m128i block(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask, std::size_t at) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a + at));
    const __m128i y = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b + at));
    return _mm_and_si128(_mm_xor_si128(x, y), _mm_load_si128(reinterpret_cast<const __m128i*>(&mask.bits[at])));
  }
  MR_TARGET_SSE static bool differs(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask, std::size_t bytes) {
    __m128i differ = _mm_or_si128(_mm_or_si128(block(a, b, mask, 0), block(a, b, mask, 16)), block(a, b, mask, 32));
    const std::uint8_t* const ones = &edge.bytes[128 - bytes];
    for (std::size_t at = 48; at < bytes; at += 16) {
      const __m128i inside = _mm_loadu_si128(reinterpret_cast<const __m128i*>(ones + at));
      differ = _mm_or_si128(differ, _mm_and_si128(block(a, b, mask, at), inside));
    }
    return _mm_testz_si128(differ, differ) == 0;
  }
  MR_TARGET_SSE static std::uint32_t matches(const std::uint32_t* tags, std::uint32_t tag) {
    const __m128i set = _mm_load_si128(reinterpret_cast<const __m128i*>(tags));
    const __m128i equal = _mm_cmpeq_epi32(set, _mm_set1_epi32(static_cast<int>(tag)));
    return static_cast<std::uint32_t>(_mm_movemask_ps(_mm_castsi128_ps(equal)));
  }
};

struct CompareAvx2 {
  MR_TARGET_AVX2 static __m256i block(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask, std::size_t at) {
    const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + at));
    const __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + at));
    return _mm256_and_si256(_mm256_xor_si256(x, y), _mm256_load_si256(reinterpret_cast<const __m256i*>(&mask.bits[at])));
  }
  MR_TARGET_AVX2 static bool differs(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask, std::size_t bytes) {
    __m256i differ = block(a, b, mask, 0);
    const std::uint8_t* const ones = &edge.bytes[128 - bytes];
    for (std::size_t at = 32; at < bytes; at += 32) {
      const __m256i inside = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ones + at));
      differ = _mm256_or_si256(differ, _mm256_and_si256(block(a, b, mask, at), inside));
    }
    return _mm256_testz_si256(differ, differ) == 0;
  }
  MR_TARGET_AVX2 static std::uint32_t matches(const std::uint32_t* tags, std::uint32_t tag) {
    const __m128i set = _mm_load_si128(reinterpret_cast<const __m128i*>(tags));
    const __m128i equal = _mm_cmpeq_epi32(set, _mm_set1_epi32(static_cast<int>(tag)));
    return static_cast<std::uint32_t>(_mm_movemask_ps(_mm_castsi128_ps(equal)));
  }
};

struct CompareAvx512 {
  MR_TARGET_AVX512 static __mmask64 block(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask, std::size_t at, std::uint64_t inside) {
    const __m512i x = _mm512_loadu_si512(a + at);
    const __m512i y = _mm512_loadu_si512(b + at);
    return _mm512_mask_test_epi8_mask(inside, _mm512_xor_si512(x, y), _mm512_load_si512(&mask.bits[at]));
  }
  MR_TARGET_AVX512 static bool differs(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask, std::size_t bytes) {
    constexpr std::size_t line = 64;
    if (bytes <= line) return block(a, b, mask, 0, ~std::uint64_t{0} >> (line - bytes)) != 0;
    return (block(a, b, mask, 0, ~std::uint64_t{0}) | block(a, b, mask, line, ~std::uint64_t{0} >> (2 * line - bytes))) != 0;
  }
  MR_TARGET_AVX512 static std::uint32_t matches(const std::uint32_t* tags, std::uint32_t tag) {
    const __m128i set = _mm_load_si128(reinterpret_cast<const __m128i*>(tags));
    return _mm_cmpeq_epi32_mask(set, _mm_set1_epi32(static_cast<int>(tag)));
  }
};

#endif

}  // namespace millrace::gro
