// SPDX-License-Identifier: BSD-3-Clause
// The Toeplitz hash in four variants. Called by steering, by ports that spread flows, and by whoever predicts a NIC's
// queue; calls ToeplitzBlock. Microsoft, "RSS Hashing Functions"; PCLMULQDQ: Intel SDM volume 2.
#include <millrace/wire/toeplitz.hpp>

#include <millrace/base/assert.hpp>
#include <millrace/base/simd.hpp>

#include <algorithm>

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
// g++ 12's AVX-512 intrinsics begin from a variable that they do not set on purpose (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#define MR_TARGET_PCLMUL [[gnu::target("sse4.1,pclmul")]]
#define MR_TARGET_VPCLMUL [[gnu::target("avx512f,avx512bw,avx512vl,vpclmulqdq,gfni")]]
#endif

// Why a carry-less product: hash bit j is the sum, over the input bits i, of input[i] * key[i + j]. Let A hold 64 input
// bits with the first one highest, so that input[i] stands at 63 - i. Two windows of the key give all that they add:
//   H holds key[k] at k + 1 for k = 0..62: bit 64 + j of A * H is the sum of what has i + j <= 62;
//   L holds key[k] at k - 63 for k = 63..94: bit j of A * L is the sum of the rest.
// So a hash, last bit first, is the low 32 bits of the high half of all A * H, plus those of the low half of all A * L.
// 32 input bits in the upper half of A need H alone. An IPv4 tuple is three products, an IPv6 tuple nine.

namespace millrace::wire {
namespace {

bool key_bit(const ToeplitzKey& key, std::size_t i) {
  return i < 8 * key.size() && (key[i / 8] >> (7 - i % 8) & 1) != 0;
}

struct V4 {
  static constexpr std::size_t bytes = sizeof(Ipv4Tuple::bytes);
};
struct V6 {
  static constexpr std::size_t bytes = sizeof(Ipv6Tuple::bytes);
};

#if defined(__x86_64__)

// Each half of 16 bytes with its first bit highest. In a tuple's last 16 bytes the ports go to an upper half.
constexpr char z = -1;
#define MR_ORDER_V4 _mm_setr_epi8(7, 6, 5, 4, 3, 2, 1, 0, z, z, z, z, 11, 10, 9, 8)
#define MR_ORDER_V6 _mm_setr_epi8(7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8)
#define MR_ORDER_V6_PORTS _mm_setr_epi8(z, z, z, z, z, z, z, z, z, z, z, z, 15, 14, 13, 12)
// The bytes of each 32-bit word turned round.
#define MR_ORDER_SWAP _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)

/// Sums of products with H and with L.
struct Sums {
  __m128i high;
  __m128i low;
};

MR_TARGET_PCLMUL inline __m128i load(const std::uint8_t* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }
/// H and L of the input's 64-bit word of that number.
MR_TARGET_PCLMUL inline __m128i window(const std::uint64_t* windows, std::size_t word) {
  return _mm_load_si128(reinterpret_cast<const __m128i*>(windows + 2 * word));
}

MR_TARGET_PCLMUL inline Sums sums(V4, const std::uint8_t* at, const std::uint64_t* windows) {
  const __m128i in = _mm_shuffle_epi8(load(at), MR_ORDER_V4);
  const __m128i first = window(windows, 0);
  const __m128i ports = _mm_clmulepi64_si128(in, window(windows, 1), 0x01);
  return {_mm_xor_si128(_mm_clmulepi64_si128(in, first, 0x00), ports), _mm_clmulepi64_si128(in, first, 0x10)};
}

MR_TARGET_PCLMUL inline Sums sums(V6, const std::uint8_t* at, const std::uint64_t* windows) {
  const __m128i ports = _mm_shuffle_epi8(load(at + 20), MR_ORDER_V6_PORTS);
  Sums sum{_mm_clmulepi64_si128(ports, window(windows, 4), 0x01), _mm_setzero_si128()};
  for (std::size_t half = 0; half < 2; ++half) {
    const __m128i in = _mm_shuffle_epi8(load(at + 16 * half), MR_ORDER_V6);
    const __m128i first = window(windows, 2 * half);
    const __m128i second = window(windows, 2 * half + 1);
    sum.high = _mm_xor_si128(sum.high, _mm_clmulepi64_si128(in, first, 0x00));
    sum.low = _mm_xor_si128(sum.low, _mm_clmulepi64_si128(in, first, 0x10));
    sum.high = _mm_xor_si128(sum.high, _mm_clmulepi64_si128(in, second, 0x01));
    sum.low = _mm_xor_si128(sum.low, _mm_clmulepi64_si128(in, second, 0x11));
  }
  return sum;
}

/// The bits of each 32-bit word turned round.
MR_TARGET_PCLMUL inline __m128i mirror(__m128i words) {
  const __m128i low_nibble = _mm_set1_epi8(15);
  const __m128i to_high = _mm_setr_epi8(0, -128, 64, -64, 32, -96, 96, -32, 16, -112, 80, -48, 48, -80, 112, -16);
  const __m128i to_low = _mm_setr_epi8(0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15);
  const __m128i bytes = _mm_shuffle_epi8(words, MR_ORDER_SWAP);
  const __m128i low = _mm_and_si128(bytes, low_nibble);
  const __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), low_nibble);
  return _mm_or_si128(_mm_shuffle_epi8(to_high, low), _mm_shuffle_epi8(to_low, high));
}

/// Of two tuples, in words 0 and 2.
MR_TARGET_PCLMUL inline __m128i join(const Sums& a, const Sums& b) {
  return _mm_xor_si128(_mm_unpackhi_epi64(a.high, b.high), _mm_unpacklo_epi64(a.low, b.low));
}

template <class Family>
MR_TARGET_PCLMUL std::uint32_t hash_one(const std::uint8_t* at, const std::uint64_t* windows) {
  const Sums sum = sums(Family{}, at, windows);
  return static_cast<std::uint32_t>(_mm_cvtsi128_si32(mirror(join(sum, sum))));
}

template <class Family>
MR_TARGET_PCLMUL void hash_fours(const std::uint8_t* const* at, std::size_t count, const std::uint64_t* windows, std::uint32_t* hashes) {
  for (std::size_t i = 0; i < count; i += 4) {
    const __m128i ab = join(sums(Family{}, at[i], windows), sums(Family{}, at[i + 1], windows));
    const __m128i cd = join(sums(Family{}, at[i + 2], windows), sums(Family{}, at[i + 3], windows));
    const __m128i four = _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(ab), _mm_castsi128_ps(cd), 0x88));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(hashes + i), mirror(four));
  }
}

/// The same of four tuples, one in each 128-bit lane.
struct FourSums {
  __m512i high;
  __m512i low;
};

MR_TARGET_VPCLMUL inline __m512i in_each_lane(__m128i v) { return _mm512_broadcast_i32x4(v); }
MR_TARGET_VPCLMUL inline __m512i window_of_four(const std::uint64_t* windows, std::size_t word) {
  return in_each_lane(_mm_load_si128(reinterpret_cast<const __m128i*>(windows + 2 * word)));
}

/// 16 bytes from `offset` of four tuples.
MR_TARGET_VPCLMUL inline __m512i load_four(const std::uint8_t* const* at, std::size_t offset) {
  const auto lane = [&](std::size_t n) { return reinterpret_cast<const __m128i*>(at[n] + offset); };
  __m512i v = _mm512_castsi128_si512(_mm_loadu_si128(lane(0)));
  v = _mm512_inserti32x4(v, _mm_loadu_si128(lane(1)), 1);
  v = _mm512_inserti32x4(v, _mm_loadu_si128(lane(2)), 2);
  return _mm512_inserti32x4(v, _mm_loadu_si128(lane(3)), 3);
}

MR_TARGET_VPCLMUL inline FourSums sums_of_four(V4, const std::uint8_t* const* at, const std::uint64_t* windows) {
  const __m512i in = _mm512_shuffle_epi8(load_four(at, 0), in_each_lane(MR_ORDER_V4));
  const __m512i first = window_of_four(windows, 0);
  const __m512i ports = _mm512_clmulepi64_epi128(in, window_of_four(windows, 1), 0x01);
  return {_mm512_xor_si512(_mm512_clmulepi64_epi128(in, first, 0x00), ports), _mm512_clmulepi64_epi128(in, first, 0x10)};
}

MR_TARGET_VPCLMUL inline __m512i add(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }

MR_TARGET_VPCLMUL inline FourSums sums_of_four(V6, const std::uint8_t* const* at, const std::uint64_t* windows) {
  const __m512i ports = _mm512_shuffle_epi8(load_four(at, 20), in_each_lane(MR_ORDER_V6_PORTS));
  FourSums sum{_mm512_clmulepi64_epi128(ports, window_of_four(windows, 4), 0x01), _mm512_setzero_si512()};
  for (std::size_t half = 0; half < 2; ++half) {
    const __m512i in = _mm512_shuffle_epi8(load_four(at, 16 * half), in_each_lane(MR_ORDER_V6));
    const __m512i first = window_of_four(windows, 2 * half);
    const __m512i second = window_of_four(windows, 2 * half + 1);
    sum.high = add(sum.high, _mm512_clmulepi64_epi128(in, first, 0x00), _mm512_clmulepi64_epi128(in, second, 0x01));
    sum.low = add(sum.low, _mm512_clmulepi64_epi128(in, first, 0x10), _mm512_clmulepi64_epi128(in, second, 0x11));
  }
  return sum;
}

template <class Family>
MR_TARGET_VPCLMUL void hash_eights(const std::uint8_t* const* at, std::size_t count, const std::uint64_t* windows, std::uint32_t* hashes) {
  const __m512i high = _mm512_setr_epi32(2, 6, 10, 14, 18, 22, 26, 30, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m512i low = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m256i turned_bits = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201));
  for (std::size_t i = 0; i < count; i += 8) {
    const FourSums a = sums_of_four(Family{}, at + i, windows);
    const FourSums b = sums_of_four(Family{}, at + i + 4, windows);
    const __m512i both =
        _mm512_xor_si512(_mm512_permutex2var_epi32(a.high, high, b.high), _mm512_permutex2var_epi32(a.low, low, b.low));
    const __m256i bytes = _mm256_gf2p8affine_epi64_epi8(_mm512_castsi512_si256(both), turned_bits, 0);
    const __m256i eight = _mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(MR_ORDER_SWAP));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(hashes + i), eight);
  }
}

#endif

}  // namespace

bool is_supported(ToeplitzVariant variant) {
#if defined(__x86_64__)
  const bool pclmul = __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("pclmul");
  if (variant == ToeplitzVariant::pclmul) return pclmul;
  if (variant == ToeplitzVariant::avx2) return pclmul && __builtin_cpu_supports("avx2");
  if (variant == ToeplitzVariant::vpclmul) {
    return pclmul && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("gfni");
  }
#endif
  return variant == ToeplitzVariant::scalar;
}

ToeplitzVariant best_toeplitz_variant() {
  static const ToeplitzVariant best = [] {
    const Simd bound = simd_bound();
    if (bound >= Simd::avx512 && is_supported(ToeplitzVariant::vpclmul)) return ToeplitzVariant::vpclmul;
    if (bound >= Simd::avx2 && is_supported(ToeplitzVariant::avx2)) return ToeplitzVariant::avx2;
    if (bound >= Simd::sse && is_supported(ToeplitzVariant::pclmul)) return ToeplitzVariant::pclmul;
    return ToeplitzVariant::scalar;
  }();
  return best;
}

const char* name(ToeplitzVariant variant) {
  switch (variant) {
    case ToeplitzVariant::avx2: return "avx2";
    case ToeplitzVariant::vpclmul: return "vpclmul";
    case ToeplitzVariant::pclmul: return "pclmul";
    case ToeplitzVariant::scalar: break;
  }
  return "scalar";
}

namespace {

/// Per 4 bits of input: what each of their 16 values adds to the hash.
ToeplitzBlock::ByNibble tables(const ToeplitzKey& key) {
  ToeplitzBlock::ByNibble nibbles{};
  for (std::size_t n = 0; n < nibbles.size(); ++n) {
    std::uint32_t window[4] = {};  // the 32 key bits that each of the nibble's bits adds
    for (std::size_t bit = 0; bit < 4; ++bit)
      for (std::size_t j = 0; j < 32; ++j) window[bit] = window[bit] << 1 | key_bit(key, 4 * n + bit + j);
    for (std::uint32_t value = 0; value < 16; ++value)
      for (std::size_t bit = 0; bit < 4; ++bit)
        if (value >> (3 - bit) & 1) nibbles[n][value] ^= window[bit];
  }
  return nibbles;
}

}  // namespace

Toeplitz::Toeplitz(const ToeplitzKey& key, ToeplitzVariant variant) : key_(key), variant_(variant), nibbles_(tables(key)), block_(nibbles_) {
  MR_ASSERT(is_supported(variant));
  for (std::size_t word = 0; word < windows_.size() / 2; ++word) {
    for (std::size_t k = 0; k < 95; ++k) {
      std::uint64_t& window = windows_[2 * word + (k < 63 ? 0 : 1)];
      window |= std::uint64_t{key_bit(key, 64 * word + k)} << (k < 63 ? k + 1 : k - 63);
    }
  }
}

std::uint32_t Toeplitz::hash_scalar(std::span<const std::uint8_t> bytes) const {
  std::uint32_t hash = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    hash ^= nibbles_[2 * i][bytes[i] >> 4] ^ nibbles_[2 * i + 1][bytes[i] & 15];
  return hash;
}

#if defined(__x86_64__)
// A block that is not full is filled up with its first tuple, if it is full enough to pay: a block costs about a third of
// its tuples one by one.
template <class Family>
std::size_t Toeplitz::hash_blocks(Places places, std::span<std::uint32_t> hashes) const {
  constexpr std::size_t block = ToeplitzBlock::tuples;
  const std::size_t whole = places.size() / block * block;
  for (std::size_t i = 0; i < whole; i += block) block_.hash<Family::bytes>(&places[i], &hashes[i]);
  const std::size_t rest = places.size() - whole;
  if (rest < block / 3) return whole;
  std::array<const std::uint8_t*, block> some;
  std::array<std::uint32_t, block> their_hashes;
  std::fill(std::copy_n(&places[whole], rest, some.begin()), some.end(), places[whole]);
  block_.hash<Family::bytes>(some.data(), their_hashes.data());
  std::copy_n(their_hashes.begin(), rest, &hashes[whole]);
  return places.size();
}

/// As many as the variant takes at once; returns how many those are.
template <class Family>
std::size_t Toeplitz::hash_bulk(Places places, std::span<std::uint32_t> hashes) const {
  if (variant_ == ToeplitzVariant::vpclmul) {
    const std::size_t eights = places.size() / 8 * 8;
    hash_eights<Family>(places.data(), eights, windows_.data(), hashes.data());
    return eights;
  }
  std::size_t done = variant_ == ToeplitzVariant::avx2 ? hash_blocks<Family>(places, hashes) : 0;
  const std::size_t fours = (places.size() - done) / 4 * 4;
  hash_fours<Family>(places.data() + done, fours, windows_.data(), hashes.data() + done);
  return done + fours;
}
#endif

template <class Family>
void Toeplitz::hash_all(Places places, std::span<std::uint32_t> hashes) const {
  MR_ASSERT(places.size() == hashes.size());
  std::size_t done = 0;
#if defined(__x86_64__)
  if (variant_ != ToeplitzVariant::scalar) {
    for (done = hash_bulk<Family>(places, hashes); done < hashes.size(); ++done) hashes[done] = hash_one<Family>(places[done], windows_.data());
  }
#endif
  for (; done < hashes.size(); ++done) hashes[done] = hash_scalar({places[done], Family::bytes});
}

template <class Family, class Tuple>
void Toeplitz::hash_rows(std::span<const Tuple> tuples, std::span<std::uint32_t> hashes) const {
  MR_ASSERT(tuples.size() == hashes.size());
  std::array<const std::uint8_t*, ToeplitzBlock::tuples> places;
  for (std::size_t done = 0; done < tuples.size();) {
    const std::size_t n = std::min(places.size(), tuples.size() - done);
    for (std::size_t i = 0; i < n; ++i) places[i] = tuples[done + i].bytes.data();
    hash_all<Family>({places.data(), n}, hashes.subspan(done, n));
    done += n;
  }
}

std::uint32_t Toeplitz::hash(const Ipv4Tuple& tuple) const {
#if defined(__x86_64__)
  if (variant_ != ToeplitzVariant::scalar) return hash_one<V4>(tuple.bytes.data(), windows_.data());
#endif
  return hash_scalar(tuple.bytes);
}

std::uint32_t Toeplitz::hash(const Ipv6Tuple& tuple) const {
#if defined(__x86_64__)
  if (variant_ != ToeplitzVariant::scalar) return hash_one<V6>(tuple.bytes.data(), windows_.data());
#endif
  return hash_scalar(tuple.bytes);
}

void Toeplitz::hash(std::span<const Ipv4Tuple> tuples, std::span<std::uint32_t> hashes) const { hash_rows<V4>(tuples, hashes); }
void Toeplitz::hash(std::span<const Ipv6Tuple> tuples, std::span<std::uint32_t> hashes) const { hash_rows<V6>(tuples, hashes); }
void Toeplitz::hash_v4(std::span<const std::uint8_t* const> sources, std::span<std::uint32_t> hashes) const { hash_all<V4>(sources, hashes); }
void Toeplitz::hash_v6(std::span<const std::uint8_t* const> sources, std::span<std::uint32_t> hashes) const { hash_all<V6>(sources, hashes); }

}  // namespace millrace::wire
