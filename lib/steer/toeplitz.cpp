// SPDX-License-Identifier: BSD-3-Clause
// The Toeplitz hash in three variants. Called by steering, by whoever predicts a NIC's queue, and by tests; calls
// nothing. Microsoft, "RSS Hashing Functions"; PCLMULQDQ: Intel SDM volume 2.
#include <millrace/steer/toeplitz.hpp>

#include <millrace/base/assert.hpp>
#include <millrace/base/byte_order.hpp>

#include <cstdlib>
#include <cstring>
#include <string_view>

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
// g++ 12's AVX-512 intrinsics begin from a variable that they do not set on purpose (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#define MR_TARGET_AVX2 [[gnu::target("avx2,pclmul")]]
#define MR_TARGET_AVX512 [[gnu::target("avx512f,avx512bw,avx512vl,vpclmulqdq,gfni")]]
#endif

// Why a carry-less product: hash bit j is the sum, over the input bits i, of input[i] * key[i + j]. For a word of 32
// input bits only 63 key bits matter. Let A hold the word with its first bit highest, B those key bits with the first
// one lowest: then bit 31 + j of A * B is exactly that sum. Products of several words may be added before hash bits
// 0..31 are taken from bits 31..62 and turned round.

namespace millrace::steer {
namespace {

bool key_bit(const ToeplitzKey& key, std::size_t i) {
  return i < 8 * key.size() && (key[i / 8] >> (7 - i % 8) & 1) != 0;
}

std::uint32_t reverse_bits(std::uint32_t v) {
  v = (v >> 1 & 0x55555555) | (v & 0x55555555) << 1;
  v = (v >> 2 & 0x33333333) | (v & 0x33333333) << 2;
  v = (v >> 4 & 0x0f0f0f0f) | (v & 0x0f0f0f0f) << 4;
  return __builtin_bswap32(v);
}

ToeplitzVariant upper_bound_from_environment() {
  const char* text = std::getenv("MILLRACE_SIMD");
  const std::string_view wanted = text != nullptr ? text : "avx512";
  if (wanted == "scalar") return ToeplitzVariant::scalar;
  return wanted == "avx2" ? ToeplitzVariant::avx2 : ToeplitzVariant::avx512;
}

#if defined(__x86_64__)

MR_TARGET_AVX2 std::uint32_t finish(__m128i product) {
  return reverse_bits(static_cast<std::uint32_t>(static_cast<std::uint64_t>(_mm_cvtsi128_si64(product)) >> 31));
}

// Words 2w and 2w + 1 of the input in the two halves of `words`.
MR_TARGET_AVX2 __m128i multiply_two(__m128i words, const std::uint64_t* windows) {
  const __m128i window = _mm_load_si128(reinterpret_cast<const __m128i*>(windows));
  return _mm_xor_si128(_mm_clmulepi64_si128(words, window, 0x00), _mm_clmulepi64_si128(words, window, 0x11));
}

MR_TARGET_AVX2 std::uint32_t hash_v4_avx2(const Ipv4Tuple& tuple, const std::uint64_t* windows) {
  const __m128i in = _mm_load_si128(reinterpret_cast<const __m128i*>(&tuple));
  const __m128i first = _mm_shuffle_epi8(in, _mm_setr_epi8(3, 2, 1, 0, -1, -1, -1, -1, 7, 6, 5, 4, -1, -1, -1, -1));
  const __m128i ports = _mm_cvtsi64_si128(load_be32(&tuple.bytes[8]));
  const __m128i last = _mm_clmulepi64_si128(ports, _mm_cvtsi64_si128(static_cast<long long>(windows[2])), 0x00);
  return finish(_mm_xor_si128(multiply_two(first, windows), last));
}

MR_TARGET_AVX2 std::uint32_t hash_v6_avx2(const Ipv6Tuple& tuple, const std::uint64_t* windows) {
  const __m128i low = _mm_setr_epi8(3, 2, 1, 0, -1, -1, -1, -1, 7, 6, 5, 4, -1, -1, -1, -1);
  const __m128i high = _mm_setr_epi8(11, 10, 9, 8, -1, -1, -1, -1, 15, 14, 13, 12, -1, -1, -1, -1);
  const __m128i ports = _mm_cvtsi64_si128(load_be32(&tuple.bytes[32]));
  __m128i sum = _mm_clmulepi64_si128(ports, _mm_cvtsi64_si128(static_cast<long long>(windows[8])), 0x00);
  for (std::size_t half = 0; half < 2; ++half) {
    const __m128i in = _mm_loadu_si128(reinterpret_cast<const __m128i*>(&tuple.bytes[16 * half]));
    sum = _mm_xor_si128(sum, multiply_two(_mm_shuffle_epi8(in, low), windows + 4 * half));
    sum = _mm_xor_si128(sum, multiply_two(_mm_shuffle_epi8(in, high), windows + 4 * half + 2));
  }
  return finish(sum);
}

// One tuple in each 128-bit lane from here on.
MR_TARGET_AVX512 __m512i window_pair(const std::uint64_t* windows) {
  return _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(windows)));
}

MR_TARGET_AVX512 __m512i add(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }

// The words at bytes 0-7 of each lane in its halves, first bit highest; the same for bytes 8-15.
MR_TARGET_AVX512 __m512i low_words(__m512i in) {
  const __m128i order = _mm_setr_epi8(3, 2, 1, 0, -1, -1, -1, -1, 7, 6, 5, 4, -1, -1, -1, -1);
  return _mm512_shuffle_epi8(in, _mm512_broadcast_i32x4(order));
}
MR_TARGET_AVX512 __m512i high_words(__m512i in) {
  const __m128i order = _mm_setr_epi8(11, 10, 9, 8, -1, -1, -1, -1, 15, 14, 13, 12, -1, -1, -1, -1);
  return _mm512_shuffle_epi8(in, _mm512_broadcast_i32x4(order));
}

MR_TARGET_AVX512 __m128i finish_four(__m512i products) {
  // The affine map turns the bits of each byte round, the shuffle the bytes of each hash.
  const __m512i mirror = _mm512_set1_epi64(static_cast<long long>(0x8040201008040201));
  const __m512i hashes = _mm512_gf2p8affine_epi64_epi8(_mm512_srli_epi64(products, 31), mirror, 0);
  const __m512i lanes = _mm512_castsi128_si512(_mm_setr_epi32(0, 4, 8, 12));
  const __m128i four = _mm512_castsi512_si128(_mm512_permutexvar_epi32(lanes, hashes));
  return _mm_shuffle_epi8(four, _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
}

MR_TARGET_AVX512 void hash_v4_avx512(const Ipv4Tuple* tuples, std::size_t fours, const std::uint64_t* windows,
                                     std::uint32_t* hashes) {
  const __m512i first = window_pair(windows);
  const __m512i third = window_pair(windows + 2);
  for (std::size_t i = 0; i < fours; ++i, tuples += 4, hashes += 4) {
    const __m512i in = _mm512_loadu_si512(tuples);
    const __m512i low = low_words(in);
    const __m512i product = add(_mm512_clmulepi64_epi128(low, first, 0x00), _mm512_clmulepi64_epi128(low, first, 0x11),
                                _mm512_clmulepi64_epi128(high_words(in), third, 0x00));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(hashes), finish_four(product));
  }
}

// 16 bytes from `offset` of each of four tuples.
MR_TARGET_AVX512 __m512i load_four(const Ipv6Tuple* t, std::size_t offset) {
  const auto lane = [&](std::size_t i) { return reinterpret_cast<const __m128i*>(&t[i].bytes[offset]); };
  __m512i v = _mm512_castsi128_si512(_mm_loadu_si128(lane(0)));
  v = _mm512_inserti32x4(v, _mm_loadu_si128(lane(1)), 1);
  v = _mm512_inserti32x4(v, _mm_loadu_si128(lane(2)), 2);
  return _mm512_inserti32x4(v, _mm_loadu_si128(lane(3)), 3);
}

MR_TARGET_AVX512 __m512i multiply_four_words(__m512i sum, __m512i in, const std::uint64_t* windows) {
  const __m512i low = low_words(in);
  const __m512i high = high_words(in);
  const __m512i low_window = window_pair(windows);
  const __m512i high_window = window_pair(windows + 2);
  sum = add(sum, _mm512_clmulepi64_epi128(low, low_window, 0x00), _mm512_clmulepi64_epi128(low, low_window, 0x11));
  return add(sum, _mm512_clmulepi64_epi128(high, high_window, 0x00), _mm512_clmulepi64_epi128(high, high_window, 0x11));
}

MR_TARGET_AVX512 void hash_v6_avx512(const Ipv6Tuple* tuples, std::size_t fours, const std::uint64_t* windows,
                                     std::uint32_t* hashes) {
  for (std::size_t i = 0; i < fours; ++i, tuples += 4, hashes += 4) {
    // The ports are the last word of the 16 bytes that end the tuple.
    const __m512i tail = high_words(load_four(tuples, 20));
    __m512i sum = _mm512_clmulepi64_epi128(tail, window_pair(windows + 8), 0x01);
    sum = multiply_four_words(sum, load_four(tuples, 0), windows);
    sum = multiply_four_words(sum, load_four(tuples, 16), windows + 4);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(hashes), finish_four(sum));
  }
}

#endif

}  // namespace

bool is_supported(ToeplitzVariant variant) {
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul");
  if (variant == ToeplitzVariant::avx2) return avx2;
  if (variant == ToeplitzVariant::avx512) {
    return avx2 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("gfni");
  }
#endif
  return variant == ToeplitzVariant::scalar;
}

ToeplitzVariant best_toeplitz_variant() {
  static const ToeplitzVariant best = [] {
    const ToeplitzVariant bound = upper_bound_from_environment();
    for (ToeplitzVariant v : {ToeplitzVariant::avx512, ToeplitzVariant::avx2})
      if (v <= bound && is_supported(v)) return v;
    return ToeplitzVariant::scalar;
  }();
  return best;
}

const char* name(ToeplitzVariant variant) {
  switch (variant) {
    case ToeplitzVariant::avx512: return "avx512";
    case ToeplitzVariant::avx2: return "avx2";
    case ToeplitzVariant::scalar: break;
  }
  return "scalar";
}

Toeplitz::Toeplitz(const ToeplitzKey& key, ToeplitzVariant variant) : key_(key), variant_(variant) {
  MR_ASSERT(is_supported(variant));
  for (std::size_t w = 0; w < words; ++w)
    for (std::size_t bit = 0; bit < 63; ++bit) windows_[w] |= std::uint64_t{key_bit(key, 32 * w + bit)} << bit;

  for (std::size_t n = 0; n < nibbles_.size(); ++n) {
    std::uint32_t window[4] = {};  // the 32 key bits that each of the nibble's bits adds
    for (std::size_t bit = 0; bit < 4; ++bit)
      for (std::size_t j = 0; j < 32; ++j) window[bit] = window[bit] << 1 | key_bit(key, 4 * n + bit + j);
    for (std::uint32_t value = 0; value < 16; ++value)
      for (std::size_t bit = 0; bit < 4; ++bit)
        if (value >> (3 - bit) & 1) nibbles_[n][value] ^= window[bit];
  }
}

std::uint32_t Toeplitz::hash_scalar(std::span<const std::uint8_t> bytes) const {
  std::uint32_t hash = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    hash ^= nibbles_[2 * i][bytes[i] >> 4] ^ nibbles_[2 * i + 1][bytes[i] & 15];
  return hash;
}

std::uint32_t Toeplitz::hash(const Ipv4Tuple& tuple) const {
#if defined(__x86_64__)
  if (variant_ != ToeplitzVariant::scalar) return hash_v4_avx2(tuple, windows_.data());
#endif
  return hash_scalar(tuple.bytes);
}

std::uint32_t Toeplitz::hash(const Ipv6Tuple& tuple) const {
#if defined(__x86_64__)
  if (variant_ != ToeplitzVariant::scalar) return hash_v6_avx2(tuple, windows_.data());
#endif
  return hash_scalar(tuple.bytes);
}

void Toeplitz::hash(std::span<const Ipv4Tuple> tuples, std::span<std::uint32_t> hashes) const {
  MR_ASSERT(tuples.size() == hashes.size());
  std::size_t done = 0;
#if defined(__x86_64__)
  if (variant_ == ToeplitzVariant::avx512) {
    hash_v4_avx512(tuples.data(), tuples.size() / 4, windows_.data(), hashes.data());
    done = tuples.size() / 4 * 4;
  }
#endif
  for (; done < tuples.size(); ++done) hashes[done] = hash(tuples[done]);
}

void Toeplitz::hash(std::span<const Ipv6Tuple> tuples, std::span<std::uint32_t> hashes) const {
  MR_ASSERT(tuples.size() == hashes.size());
  std::size_t done = 0;
#if defined(__x86_64__)
  if (variant_ == ToeplitzVariant::avx512) {
    hash_v6_avx512(tuples.data(), tuples.size() / 4, windows_.data(), hashes.data());
    done = tuples.size() / 4 * 4;
  }
#endif
  for (; done < tuples.size(); ++done) hashes[done] = hash(tuples[done]);
}

}  // namespace millrace::steer
