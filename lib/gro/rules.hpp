// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/gro/held.hpp>

namespace millrace::gro {

/// Whether a candidate of the held packet's flow may be joined to it: receive_path E4, E6, E7, E8 in full, E16
/// for UDP, of whose datagrams only the last may be shorter. `max_size`
/// is what the merged packet must stay below, IP header included.
[[nodiscard]] bool may_join(const Held& held, const Segment& segment, const pkt::Mbuf& mbuf, std::uint32_t max_size);

/// E4: what the device says of two frames, 0 when it says the same. The VLAN id is the flow's; priority bits count here.
[[nodiscard]] inline std::uint32_t device_differs(const pkt::Mbuf& a, const pkt::Mbuf& b) {
  constexpr std::uint64_t marks = pkt::flag::rx_rss_hash | pkt::flag::rx_vlan;
  if (((a.ol_flags | b.ol_flags) & marks) == 0) return 0;
  const std::uint64_t flags = a.ol_flags ^ b.ol_flags;
  std::uint32_t differs = (flags & marks) != 0 ? 1 : 0;
  if ((a.ol_flags & pkt::flag::rx_rss_hash) != 0) differs |= a.rss_hash ^ b.rss_hash;
  if ((a.ol_flags & pkt::flag::rx_vlan) != 0) differs |= static_cast<std::uint32_t>(a.vlan_tci ^ b.vlan_tci);
  return differs;
}

/// E6: of a held packet of one segment, whether the identification stands still.
[[nodiscard]] inline bool repeats_id(const Held& held, std::uint16_t id) {
  return static_cast<std::uint16_t>(id + 1) == held.next_id;
}

/// UDP_GRO_CNT_MAX: datagrams of one merged packet.
inline constexpr std::uint16_t udp_most_segments = 64;

/// Whether a held packet takes no more segments, whatever they are.
[[nodiscard]] bool is_full(const Held& held);

/// Whether nothing may follow the segment in a packet (E9): it has a flag that the stack must see at once, or is
/// shorter than `mss`.
[[nodiscard]] bool is_last(const Segment& segment, std::uint16_t mss);

/// Whether an unmerged candidate is to be held (E9): it has payload, of whole segments, and nothing that the stack
/// must see at once.
[[nodiscard]] bool may_begin(const Segment& segment);

/// Whether nobody has looked at the packet's payload: what is held so was merged on headers alone (X21).
[[nodiscard]] inline bool is_unseen(const pkt::Mbuf& packet) {
  const auto verdict = packet.meta.checksum;
  return verdict == pkt::ChecksumVerdict::unknown || verdict == pkt::ChecksumVerdict::by_segment;
}

/// A port sets gso_segs only, and buffers are used again: what is not merged says so.
inline void clear_merge_marks(pkt::Meta& meta) {
  meta.gso_segs = 1;
  meta.gso_size = 0;
  meta.gso_fixed_id = false;
  meta.gso_accecn = false;
}

/// Makes the headers and Meta of a merged packet fit its contents (E13); leaves a packet of one segment untouched, and of
/// one that was merged unseen the headers, which verify() finishes.
void finish(Held& held);

/// The headers of a merged packet: lengths, the IPv4 header checksum, the sum of the pseudo-header in the place of the
/// layer-4 checksum. `length`: bytes from the IP header on.
void write_merged_headers(std::uint8_t* frame, const Layout& layout, std::uint8_t family, bool is_udp, std::uint32_t length);

}  // namespace millrace::gro
