// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/words.hpp>
#include <millrace/gro/header_mask.hpp>

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
#define MR_TARGET_AVX2 [[gnu::target("avx2,bmi,bmi2")]]
#define MR_TARGET_AVX512 [[gnu::target("avx512f,avx512bw,avx512vl,bmi,bmi2")]]
#endif

namespace millrace::gro {

// Each variant has two answers. differs(): whether the first `bytes`, a multiple of 32, of two frames differ where the
// mask looks; that much of both can be read. matches(): a bit for each of the four tags that is equal to `tag`.

struct CompareScalar {
  template <std::size_t bytes>
  static bool differs(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask) {
    std::uint64_t differ = 0;
    for (std::size_t at = 0; at < bytes; at += 8) differ |= (load64(a + at) ^ load64(b + at)) & load64(&mask.bits[at]);
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
  MR_TARGET_SSE static __m128i load(const std::uint8_t* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
  MR_TARGET_SSE static __m128i block(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask, std::size_t at) {
    return _mm_and_si128(_mm_xor_si128(load(a + at), load(b + at)), load(&mask.bits[at]));
  }
  template <std::size_t bytes>
  MR_TARGET_SSE static bool differs(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask) {
    __m128i differ = block(a, b, mask, 0);
    for (std::size_t at = 16; at < bytes; at += 16) differ = _mm_or_si128(differ, block(a, b, mask, at));
    return _mm_testz_si128(differ, differ) == 0;
  }
  MR_TARGET_SSE static std::uint32_t matches(const std::uint32_t* tags, std::uint32_t tag) {
    const __m128i set = _mm_load_si128(reinterpret_cast<const __m128i*>(tags));
    const __m128i equal = _mm_cmpeq_epi32(set, _mm_set1_epi32(static_cast<int>(tag)));
    return static_cast<std::uint32_t>(_mm_movemask_ps(_mm_castsi128_ps(equal)));
  }
};

struct CompareAvx2 {
  MR_TARGET_AVX2 static __m256i load(const std::uint8_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  MR_TARGET_AVX2 static __m256i block(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask, std::size_t at) {
    return _mm256_and_si256(_mm256_xor_si256(load(a + at), load(b + at)), load(mask.bits.data() + at));
  }
  template <std::size_t bytes>
  MR_TARGET_AVX2 static bool differs(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask) {
    __m256i differ = block(a, b, mask, 0);
    for (std::size_t at = 32; at < bytes; at += 32) differ = _mm256_or_si256(differ, block(a, b, mask, at));
    return _mm256_testz_si256(differ, differ) == 0;
  }
  MR_TARGET_AVX2 static std::uint32_t matches(const std::uint32_t* tags, std::uint32_t tag) {
    const __m128i set = _mm_load_si128(reinterpret_cast<const __m128i*>(tags));
    const __m128i equal = _mm_cmpeq_epi32(set, _mm_set1_epi32(static_cast<int>(tag)));
    return static_cast<std::uint32_t>(_mm_movemask_ps(_mm_castsi128_ps(equal)));
  }
};

// Half of the register's width: some cores take longer to test 64 bytes than twice 32.
struct CompareAvx512 {
  MR_TARGET_AVX512 static __m256i load(const std::uint8_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  MR_TARGET_AVX512 static __m256i block(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask, std::size_t at) {
    constexpr int xor_and = 0x28;
    return _mm256_ternarylogic_epi64(load(a + at), load(b + at), load(&mask.bits[at]), xor_and);
  }
  template <std::size_t bytes>
  MR_TARGET_AVX512 static bool differs(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask) {
    __m256i differ = block(a, b, mask, 0);
    for (std::size_t at = 32; at < bytes; at += 32) differ = _mm256_or_si256(differ, block(a, b, mask, at));
    return _mm256_testz_si256(differ, differ) == 0;
  }
  MR_TARGET_AVX512 static std::uint32_t matches(const std::uint32_t* tags, std::uint32_t tag) { return CompareAvx2::matches(tags, tag); }
};

#endif

}  // namespace millrace::gro
