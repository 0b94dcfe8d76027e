// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/port/port.hpp>

#include <cstdint>

namespace millrace::port {

/// Makes every packet of the burst one that a port with this Info can send, before the driver looks at it: checksums
/// that the port does not finish are computed here, chains that it cannot send become one buffer. Packets that cannot
/// be helped (longer than the MTU allows, a chain too long for one buffer, no buffer free) are dropped with their
/// reason. Doing it twice to a packet that stayed in the burst changes nothing. What needs_gso() has been through
/// lib/gso before.
void prepare(Env& env, pkt::Burst& burst, const Info& info);

/// Whether a port with `offloads` finishes such a checksum itself. ICMPv6 is always ours: no common device has it.
[[nodiscard]] bool device_finishes(pkt::ChecksumRequest request, const Offloads& offloads);

/// netif_needs_gso(): whether the packet has more than one segment and a port with `offloads` cannot cut it itself.
[[nodiscard]] bool needs_gso(const pkt::Mbuf& packet, const Offloads& offloads);

/// Bytes in front of the payload of a packet with a whole TCP or UDP header in its first buffer; 0 when there is none.
[[nodiscard]] std::uint16_t header_bytes(pkt::Mbuf& packet);

/// Where the checksum that the packet asks for lies, from data().
[[nodiscard]] std::uint16_t checksum_offset(const pkt::Mbuf& packet);

/// Computes the layer-4 checksum that the packet asks for over its whole chain and clears the request. The protocol
/// comes from Meta::tx_checksum, the addresses and the length from the IP header at Meta::l3_offset; the whole
/// layer-4 header lies in the first buffer.
void finish_checksum(pkt::Mbuf& packet);

/// Puts the sum of the pseudo header where the checksum belongs, from which a device goes on (virtio 1.2 section
/// 5.1.6.2, and what DPDK asks of its callers). The request stays.
void write_pseudo_sum(pkt::Mbuf& packet);
/// The same with another length of layer 4 than the packet's.
void write_pseudo_sum(pkt::Mbuf& packet, std::uint32_t length);

}  // namespace millrace::port
