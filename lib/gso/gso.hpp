// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/port/port.hpp>
#include <millrace/wire/packet_offload.hpp>

namespace millrace::gso {

/// Generic segmentation offload: a packet of many segments (Meta::gso_size is not 0) goes through stack and tx queue as
/// one, and is cut just before the driver, or by the port if it can (receive_path E18, E19). All of it belongs to the
/// lcore that owns the tx queue.

/// validate_xmit_skb(): appends to `out` what the driver is to be given of a packet with Meta::{gso_size, l3_offset,
/// l4_offset, l4_proto}: the packet as it is when a port with `offloads` cuts it, otherwise its segments. Each asks for its
/// layer-4 checksum. Counted in group gso. `protocols`: those of applications, see segment().
void validate_xmit(Env& env, pkt::Packet packet, const port::Offloads& offloads, pkt::PacketList& out,
                   const wire::PacketOffloads* protocols = nullptr);

/// skb_gso_segment() for TCP (tcp_gso_segment) and UDP (__udp_gso_segment) over IPv4 and IPv6: appends the segments to
/// `out`, each with up to gso_size bytes of payload. A segment has a header buffer of its own, the first the packet's;
/// payload is never copied: whole buffers move over, cut ones are referred to. What is left when the pool is empty is
/// dropped (no_buffer), a packet without a whole TCP or UDP header in its first buffer too (gso_malformed).
///
/// Of segment i: lengths and the IPv4 header checksum are right; the IPv4 identification is the packet's plus i, or the
/// packet's with Meta::gso_fixed_id. TCP: the sequence number goes on; FIN and PSH are on the last alone, CWR on the first
/// alone unless Meta::gso_accecn.
///
/// A packet of another protocol, by EtherType or directly over IP, is cut if one of `protocols` has a gso_segment() for it
/// (receive_path E15): its payload begins at Meta::payload_offset. Checksums are the protocol's matter.
void segment(Env& env, pkt::Packet packet, pkt::PacketList& out, const wire::PacketOffloads* protocols = nullptr);

}  // namespace millrace::gso
