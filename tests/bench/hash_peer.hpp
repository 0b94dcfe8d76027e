// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <span>

// The peers of B1; in files of its own for the same reason as gro_peer.hpp.
namespace millrace::bench::peer {

/// Both are given the places of the tuples in their packets, as we are.
using Places = std::span<const std::uint8_t* const>;

/// The key in the forms that the peers want; before anything else.
void set_hash_key(std::span<const std::uint8_t, 40> key);

/// rte_softrss_be, one tuple after the other, its words turned into host order as rte_thash_load_v6_addrs does.
void softrss_be_v4(Places at, std::uint32_t* hashes);
void softrss_be_v6(Places at, std::uint32_t* hashes);

/// Whether rte_thash_gfni_bulk was compiled here and runs here. rte_thash_gfni_supported() is not asked: it says how
/// DPDK's library was built, and these functions are inline.
[[nodiscard]] bool has_gfni();
void gfni_bulk_v4(Places at, std::uint32_t* hashes);
void gfni_bulk_v6(Places at, std::uint32_t* hashes);

}  // namespace millrace::bench::peer
