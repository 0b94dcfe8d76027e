// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/gro/header_mask.hpp>
#include <millrace/gro/words.hpp>

#include <algorithm>
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
  MR_TARGET_SSE static __m128i load(const std::uint8_t* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
  MR_TARGET_SSE static __m128i block(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask, std::size_t at) {
    return _mm_and_si128(_mm_xor_si128(load(a + at), load(b + at)), load(&mask.bits[at]));
  }
  MR_TARGET_SSE static bool differs(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask, std::size_t bytes) {
    __m128i differ = _mm_or_si128(_mm_or_si128(block(a, b, mask, 0), block(a, b, mask, 16)), block(a, b, mask, 32));
    for (std::size_t at = 48; at + 16 <= bytes; at += 16) differ = _mm_or_si128(differ, block(a, b, mask, at));
    differ = _mm_or_si128(differ, block(a, b, mask, bytes - 16));
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
  MR_TARGET_AVX2 static bool differs(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask, std::size_t bytes) {
    // The last blocks overlap, so that none reaches beyond the header.
    const std::size_t last = bytes - 32;
    __m256i differ = _mm256_or_si256(block(a, b, mask, 0), block(a, b, mask, std::min<std::size_t>(32, last)));
    if (bytes > 96) [[unlikely]] differ = _mm256_or_si256(differ, block(a, b, mask, 64));
    differ = _mm256_or_si256(differ, block(a, b, mask, last));
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
  MR_TARGET_AVX512 static bool differs(const std::uint8_t* a, const std::uint8_t* b, const HeaderMask& mask, std::size_t bytes) {
    const std::size_t last = bytes - 32;
    __m256i differ = _mm256_or_si256(block(a, b, mask, 0), block(a, b, mask, std::min<std::size_t>(32, last)));
    if (bytes > 96) [[unlikely]] differ = _mm256_or_si256(differ, block(a, b, mask, 64));
    differ = _mm256_or_si256(differ, block(a, b, mask, last));
    return _mm256_testz_si256(differ, differ) == 0;
  }
  MR_TARGET_AVX512 static std::uint32_t matches(const std::uint32_t* tags, std::uint32_t tag) { return CompareAvx2::matches(tags, tag); }
};

#endif

}  // namespace millrace::gro
