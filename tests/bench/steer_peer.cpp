// SPDX-License-Identifier: BSD-3-Clause
// The peers of B3: what an application that steers by itself would write with DPDK. Called by steer.cpp, hand_over.cpp.
#include "tests/bench/steer_peer.hpp"

#include "tests/bench/hash_peer.hpp"

#include <millrace/wire/toeplitz.hpp>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_net.h>
#include <rte_ring.h>
#include <rte_thash.h>
#include <rte_udp.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace millrace::bench::peer {
namespace {

/// 16 bytes: the shortest whole number of words that holds a 5-tuple.
struct Key {
  std::uint32_t source;
  std::uint32_t destination;
  std::uint32_t ports;  ///< both, as on the wire
  std::uint32_t proto;
};

alignas(64) std::array<std::uint8_t, 40> converted_key;

std::uint32_t hash_of_key(const void* key, std::uint32_t, std::uint32_t init) {
  std::array<std::uint64_t, 2> words;
  std::memcpy(words.data(), key, sizeof words);
  return rte_hash_crc_8byte(words[1], rte_hash_crc_8byte(words[0], init));
}

std::uint32_t rss_hash(const Key& key) {
  std::uint32_t tuple[3] = {rte_be_to_cpu_32(key.source), rte_be_to_cpu_32(key.destination), rte_be_to_cpu_32(key.ports)};
  return rte_softrss_be(tuple, 3, converted_key.data());
}

/// Where the source address stands; ends the process when the packet is not IPv4 with ports, for B3 has no others.
const std::uint8_t* parse(const rte_mbuf* m, Key& key) {
  rte_net_hdr_lens lengths;
  const std::uint32_t type = rte_net_get_ptype(m, &lengths, RTE_PTYPE_L2_MASK | RTE_PTYPE_L3_MASK | RTE_PTYPE_L4_MASK);
  if (!RTE_ETH_IS_IPV4_HDR(type)) std::abort();
  const auto* ip = rte_pktmbuf_mtod_offset(m, const rte_ipv4_hdr*, lengths.l2_len);
  key.source = ip->src_addr;
  key.destination = ip->dst_addr;
  key.proto = ip->next_proto_id;
  std::memcpy(&key.ports, reinterpret_cast<const std::uint8_t*>(ip) + lengths.l3_len, 4);
  return reinterpret_cast<const std::uint8_t*>(&ip->src_addr);
}

}  // namespace

OwnerLookup::OwnerLookup(std::uint32_t capacity) {
  alignas(4) std::array<std::uint8_t, 40> original = wire::microsoft_key;
  rte_convert_rss_key(reinterpret_cast<const std::uint32_t*>(original.data()), reinterpret_cast<std::uint32_t*>(converted_key.data()), 40);
  rte_hash_parameters parameters{};
  parameters.name = "bench_owners";
  parameters.entries = capacity;
  parameters.key_len = sizeof(Key);
  parameters.hash_func = hash_of_key;
  parameters.socket_id = static_cast<int>(SOCKET_ID_ANY);
  hash_ = rte_hash_create(&parameters);
  if (hash_ == nullptr) throw std::runtime_error("rte_hash_create failed");
}

OwnerLookup::~OwnerLookup() { rte_hash_free(hash_); }

bool OwnerLookup::insert(const FlowKey& flow, std::uint16_t lcore) {
  Key key{};
  std::memcpy(&key.source, flow.remote.v4_bytes(), 4);
  std::memcpy(&key.destination, flow.local.v4_bytes(), 4);
  const std::uint16_t ports[2] = {rte_cpu_to_be_16(flow.remote_port), rte_cpu_to_be_16(flow.local_port)};
  std::memcpy(&key.ports, ports, 4);
  key.proto = flow.proto;
  return rte_hash_add_key_data(hash_, &key, reinterpret_cast<void*>(std::uintptr_t{lcore} + 1)) == 0;
}

void OwnerLookup::look_up(rte_mbuf* const* packets, std::uint16_t* owners) {
  std::array<Key, burst> keys;
  std::array<const void*, burst> pointers;
  std::array<const std::uint8_t*, burst> sources;
  std::array<void*, burst> found{};
  for (std::size_t i = 0; i < burst; ++i) {
    sources[i] = parse(packets[i], keys[i]);
    pointers[i] = &keys[i];
  }
  std::array<std::uint32_t, burst> hashes;
  if (has_gfni()) {
    gfni_bulk_v4(sources, hashes.data());
  } else {
    for (std::size_t i = 0; i < burst; ++i) hashes[i] = rss_hash(keys[i]);
  }
  for (std::size_t i = 0; i < burst; ++i) packets[i]->hash.rss = hashes[i];
  std::uint64_t hits = 0;
  rte_hash_lookup_bulk_data(hash_, pointers.data(), burst, &hits, found.data());
  for (std::size_t i = 0; i < burst; ++i)
    owners[i] = (hits >> i & 1) != 0 ? static_cast<std::uint16_t>(reinterpret_cast<std::uintptr_t>(found[i]) - 1) : std::uint16_t{0xffff};
}

Ring::Ring(std::uint32_t capacity) : ring_(rte_ring_create("bench_hand_over", capacity, static_cast<int>(SOCKET_ID_ANY), RING_F_SP_ENQ | RING_F_SC_DEQ)) {
  if (ring_ == nullptr) throw std::runtime_error("rte_ring_create failed");
}
Ring::~Ring() { rte_ring_free(ring_); }

std::uint32_t Ring::enqueue(void* const* items, std::uint32_t count) { return rte_ring_sp_enqueue_burst(ring_, items, count, nullptr); }
std::uint32_t Ring::dequeue(void** items, std::uint32_t count) { return rte_ring_sc_dequeue_burst(ring_, items, count, nullptr); }

}  // namespace millrace::bench::peer
