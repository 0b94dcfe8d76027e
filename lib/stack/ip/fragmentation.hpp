// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>

#include <cstdint>
#include <span>

namespace millrace::ip {

/// Cuts a datagram, data() at its transport header, into IP packets of at most `mtu` bytes, which are added to `out` in
/// order, data() at their IP headers. Its bytes are referred to, not copied, but for the first 8, which errors quote.
/// The transport checksum is finished before, since no port can. False: buffers ran out, and nothing was added.
/// `header` is that of each fragment but for length, offset and flags (RFC 791 section 3.2); of the options behind it the later
/// ones have those with the copied bit. `mtu` is 68 or more.
[[nodiscard]] bool cut_into_fragments(Env& env, pkt::Packet& datagram, const wire::Ipv4Header& header,
                                      std::span<const std::uint8_t> options, std::uint32_t mtu, pkt::PacketList& out);
/// RFC 8200 section 4.5, with that identification. `mtu` is 1280 or more.
[[nodiscard]] bool cut_into_fragments(Env& env, pkt::Packet& datagram, const wire::Ipv6Header& header, std::uint32_t id,
                                      std::uint32_t mtu, pkt::PacketList& out);

/// ip_do_fragment(): the same of an IPv4 packet that came from elsewhere, data() at its IP header, whose checksums are right:
/// perhaps a fragment itself. Each keeps what the header says; of its options the later ones have those with the copied bit.
/// False: buffers ran out, nothing was added, and the packet is at its transport header.
[[nodiscard]] bool cut_forwarded(Env& env, pkt::Packet& packet, std::uint32_t mtu, pkt::PacketList& out);

}  // namespace millrace::ip
