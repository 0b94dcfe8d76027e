// SPDX-License-Identifier: BSD-3-Clause
// The peers of B1: DPDK's Toeplitz hashes, used as well as they can be. Called by hash.cpp.
#include "tests/bench/hash_peer.hpp"

#if defined(__GNUC__) && !defined(__clang__)
// g++ 12's AVX-512 intrinsics begin from a variable that they do not set on purpose (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <rte_byteorder.h>
#include <rte_thash.h>

#include <array>
#include <cstring>

namespace millrace::bench::peer {
namespace {

alignas(64) std::array<std::uint8_t, 40> converted_key;
alignas(64) std::array<std::uint64_t, 40> matrices;

std::uint32_t word(const std::uint8_t* at) {
  std::uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return rte_be_to_cpu_32(value);
}

}  // namespace

void set_hash_key(std::span<const std::uint8_t, 40> key) {
  alignas(4) std::array<std::uint8_t, 40> original;
  std::memcpy(original.data(), key.data(), original.size());
  rte_convert_rss_key(reinterpret_cast<const std::uint32_t*>(original.data()), reinterpret_cast<std::uint32_t*>(converted_key.data()),
                      static_cast<int>(original.size()));
  rte_thash_complete_matrix(matrices.data(), original.data(), static_cast<int>(original.size()));
}

void softrss_be_v4(Places at, std::uint32_t* hashes) {
  for (std::size_t i = 0; i < at.size(); ++i) {
    std::uint32_t tuple[3] = {word(at[i]), word(at[i] + 4), word(at[i] + 8)};
    hashes[i] = rte_softrss_be(tuple, 3, converted_key.data());
  }
}

void softrss_be_v6(Places at, std::uint32_t* hashes) {
  constexpr std::size_t addresses = offsetof(rte_ipv6_hdr, src_addr);
  for (std::size_t i = 0; i < at.size(); ++i) {
    rte_thash_tuple tuple;
    rte_thash_load_v6_addrs(reinterpret_cast<const rte_ipv6_hdr*>(at[i] - addresses), &tuple);
    tuple.v6.sctp_tag = word(at[i] + 32);
    hashes[i] = rte_softrss_be(reinterpret_cast<std::uint32_t*>(&tuple), RTE_THASH_V6_L4_LEN, converted_key.data());
  }
}

#if defined(RTE_THASH_GFNI_DEFINED)
bool has_gfni() { return __builtin_cpu_supports("gfni") && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bw"); }

void gfni_bulk_v4(Places at, std::uint32_t* hashes) {
  rte_thash_gfni_bulk(matrices.data(), 12, const_cast<std::uint8_t**>(at.data()), hashes, static_cast<std::uint32_t>(at.size()));
}
void gfni_bulk_v6(Places at, std::uint32_t* hashes) {
  rte_thash_gfni_bulk(matrices.data(), 36, const_cast<std::uint8_t**>(at.data()), hashes, static_cast<std::uint32_t>(at.size()));
}
#else
bool has_gfni() { return false; }
void gfni_bulk_v4(Places, std::uint32_t*) {}
void gfni_bulk_v6(Places, std::uint32_t*) {}
#endif

}  // namespace millrace::bench::peer
