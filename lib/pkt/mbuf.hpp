// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>

#include <cstddef>
#include <cstdint>

namespace millrace::pkt {

/// Bits of Mbuf::ol_flags that are read or set outside drivers; equal to DPDK's, asserted in mbuf.cpp.
namespace flag {
inline constexpr std::uint64_t rx_vlan = 1ULL << 0;
inline constexpr std::uint64_t rx_rss_hash = 1ULL << 1;
inline constexpr std::uint64_t rx_l4_bad = 1ULL << 3;
inline constexpr std::uint64_t rx_ip_bad = 1ULL << 4;
inline constexpr std::uint64_t rx_vlan_stripped = 1ULL << 6;
inline constexpr std::uint64_t rx_ip_good = 1ULL << 7;
inline constexpr std::uint64_t rx_l4_good = 1ULL << 8;
inline constexpr std::uint64_t rx_lro = 1ULL << 16;
inline constexpr std::uint64_t external = 1ULL << 61;  ///< its data is no pool's
inline constexpr std::uint64_t indirect = 1ULL << 62;  ///< refers to the data of another buffer
}  // namespace flag

/// What is known of a received packet's layer-4 checksum (receive_path E10).
enum class ChecksumVerdict : std::uint8_t {
  unknown,  ///< nobody looked: compute before use
  good,     ///< verified
  bad,      ///< verified wrong
  partial,  ///< the sum in the packet is not final, the data is intact (virtio NEEDS_CSUM, LRO)
  by_segment,  ///< merged unseen: each segment has its own header, unverified, before its payload (receive_path X21)
};

/// What a packet on its way out still needs of its layer-4 checksum; finished by the port or in software.
enum class ChecksumRequest : std::uint8_t { none, tcp, udp, icmp6 };

/// To whom a frame is addressed on its link (eth_type_trans).
enum class PacketType : std::uint8_t { host, broadcast, multicast, other_host, loopback };

struct Mbuf;

/// What Millrace keeps of a packet beside its bytes; it lies in the private area that follows struct rte_mbuf.
struct Meta {
  Mbuf* list_next;           ///< link of PacketList
  Instant rx_time;           ///< when the poll that received it began
  std::uint16_t l3_offset;   ///< from data(); set by wire::dissect at reception, by the emitters on output
  std::uint16_t l4_offset;   ///< 0 when there is no readable layer 4 (fragment, unknown header)
  std::uint16_t payload_offset;
  std::uint16_t ethertype;   ///< host order
  std::uint8_t l4_proto;
  ChecksumVerdict checksum;
  ChecksumRequest tx_checksum;
  PacketType type;
  std::uint16_t gso_size;    ///< payload bytes of each segment of a merged packet, 0 when not merged
  std::uint16_t gso_segs;    ///< segments merged into this packet, 1 when not merged
  std::uint32_t napi_id;
  std::uint16_t ifindex;     ///< interface of arrival or departure
  std::uint16_t rx_queue;
  std::uint16_t frame_offset; ///< Mbuf::data_off where the frame began: of received ones, and of what waits to be sent; 0: not known
  bool is_copy : 1;          ///< a neighbour message that another lcore answers: learn from it only
  bool gso_fixed_id : 1;     ///< every segment of a merged IPv4 packet had the same ID; else it counted up by one
  bool gso_accecn : 1;       ///< CWR is part of AccECN's counter, so every segment keeps it (SKB_GSO_TCP_ACCECN)
  bool has_info : 1;         ///< what a socket wants to be told beside the bytes lies in the buffer (packet_info.hpp)
  bool is_reassembled : 1;   ///< put together of fragments here: those were counted and captured as they came
  std::uint32_t cb[5];       ///< scratch of the layer that owns the packet now
};
static_assert(sizeof(Meta) == 64);

/// struct rte_mbuf as DPDK lays it out (asserted field by field in mbuf.cpp), so that the data path needs no DPDK
/// header. may_alias: the drivers write the same bytes as struct rte_mbuf.
struct [[gnu::may_alias]] alignas(64) Mbuf {
  void* buf_addr;
  std::uint64_t buf_iova;
  std::uint16_t data_off;
  std::uint16_t refcnt;
  std::uint16_t nb_segs;
  std::uint16_t port;
  std::uint64_t ol_flags;
  std::uint32_t packet_type;
  std::uint32_t pkt_len;
  std::uint16_t data_len;
  std::uint16_t vlan_tci;
  std::uint32_t rss_hash;
  std::uint32_t hash_high;
  std::uint16_t vlan_tci_outer;
  std::uint16_t buf_len;
  void* pool;
  Mbuf* next;
  std::uint64_t tx_offload;
  void* shinfo;
  std::uint16_t priv_size;
  std::uint16_t timesync;
  std::uint32_t dynfield1[9];
  Meta meta;

  [[nodiscard]] std::uint8_t* data() { return static_cast<std::uint8_t*>(buf_addr) + data_off; }
  [[nodiscard]] const std::uint8_t* data() const { return static_cast<const std::uint8_t*>(buf_addr) + data_off; }
};
static_assert(sizeof(Mbuf) == 192);

/// Whether a single buffer can go back to its pool as it is: what rte_pktmbuf_prefree_seg() would leave alone, told without
/// the buffer's second line, which may have to come from another core.
[[nodiscard]] inline bool is_sole(const Mbuf& m) {
  return m.nb_segs == 1 && __atomic_load_n(&m.refcnt, __ATOMIC_RELAXED) == 1 && (m.ol_flags & (flag::indirect | flag::external)) == 0;
}

/// Bytes in front of the data of a fresh packet: room for every header that the stack puts there.
inline constexpr std::uint16_t headroom = 128;

}  // namespace millrace::pkt
