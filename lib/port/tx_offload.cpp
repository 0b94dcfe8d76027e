// SPDX-License-Identifier: BSD-3-Clause
// What a port lacks, done in software: layer-4 checksums over chains, chains made one buffer, frames that cannot go.
// Called by drivers before each transmit; calls wire's checksum.
#include <millrace/port/tx_offload.hpp>

#include <millrace/pkt/pool.hpp>
#include <millrace/wire/checksum.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/tcp.hpp>
#include <millrace/wire/udp.hpp>

#include <algorithm>
#include <optional>

namespace millrace::port {
namespace {

using pkt::ChecksumRequest;

/// Whose checksum is asked for, and where it lies in that header.
struct Field {
  std::uint8_t proto;
  std::uint8_t at;
};
Field field_of(ChecksumRequest request) {
  switch (request) {
    case ChecksumRequest::tcp: return {wire::ip_proto::tcp, 16};
    case ChecksumRequest::udp: return {wire::ip_proto::udp, 6};
    default: return {wire::ip_proto::icmp6, 2};  // RFC 4443 section 2.1
  }
}

/// Layer-4 header and payload, by the IP header in front, which is our own and so right; what follows is Ethernet padding.
std::uint32_t transport_length(pkt::Mbuf& packet) {
  const pkt::Meta& meta = packet.meta;
  MR_ASSERT(meta.l4_offset > meta.l3_offset && meta.l4_offset < packet.data_len);
  const std::uint8_t* ip = packet.data() + meta.l3_offset;
  const std::uint32_t headers = static_cast<std::uint32_t>(meta.l4_offset - meta.l3_offset);
  if (ip[0] >> 4 == 4) return load_be16(ip + 2) - headers;
  return load_be16(ip + 4) + static_cast<std::uint32_t>(wire::ipv6_header_bytes) - headers;
}

wire::Sum pseudo_header_of(pkt::Mbuf& packet, std::uint32_t length) {
  return wire::pseudo_header_of(packet.data() + packet.meta.l3_offset, field_of(packet.meta.tx_checksum).proto, length);
}

/// Adds `length` bytes of the chain, from `offset` in its first buffer.
void add_chain(wire::Sum& sum, pkt::Mbuf* m, std::uint32_t offset, std::uint32_t length) {
  for (; m != nullptr && length > 0; m = m->next) {
    const std::uint32_t n = std::min<std::uint32_t>(length, m->data_len - offset);
    sum.add({m->data() + offset, n});
    length -= n;
    offset = 0;
  }
}

/// The packet as one buffer; when there is none, or it does not fit, the reason.
std::optional<stats::DropReason> linearise(Env& env, pkt::Packet& packet) {
  pkt::Packet one = make_packet(env);
  if (!one) return stats::DropReason::no_buffer;
  if (packet.length() > one.tailroom()) {
    consume(env, std::move(one), stats::Ledger::used);
    return stats::DropReason::tx_too_long;
  }
  const auto length = static_cast<std::uint16_t>(packet.length());
  packet.copy_out(0, {one.append(length), length});
  one.meta() = packet.meta();
  consume(env, std::exchange(packet, std::move(one)), stats::Ledger::used);
  return std::nullopt;
}

/// Bytes of the longest frame that the port makes of the packet.
std::uint32_t longest_frame(pkt::Mbuf& packet, const Offloads& offloads) {
  if (packet.meta.gso_size == 0 || needs_gso(packet, offloads)) return packet.pkt_len;
  return std::min<std::uint32_t>(packet.pkt_len, std::uint32_t{header_bytes(packet)} + packet.meta.gso_size);
}

/// Null when the packet can go to the driver as it now is; otherwise why it cannot.
std::optional<stats::DropReason> make_sendable(Env& env, pkt::Packet& packet, const Info& info) {
  // A VLAN tag does not count against the MTU.
  constexpr std::size_t framing = wire::ethernet_header_bytes + wire::vlan_tag_bytes;
  if (longest_frame(packet.mbuf(), info.offloads) > info.mtu + framing) return stats::DropReason::tx_too_long;
  // A driver that refuses a runt (TAP) would offer it again for ever.
  if (packet.length() < wire::ethernet_header_bytes) return stats::DropReason::bad_frame;
  const ChecksumRequest request = packet.meta().tx_checksum;
  const bool cut_by_port = packet.meta().gso_size != 0;
  if (request != ChecksumRequest::none && !cut_by_port && !device_finishes(request, info.offloads)) {
    finish_checksum(packet.mbuf());
    env.stats->port.add(stats::Port::tx_csum_software);
  }
  const bool is_scattered = packet.segments() > 1 && !info.offloads.tx_multi_segment;
  if (is_scattered || (!cut_by_port && packet.segments() > info.offloads.tx_max_buffers)) return linearise(env, packet);
  return std::nullopt;
}

}  // namespace

bool device_finishes(ChecksumRequest request, const Offloads& offloads) {
  return (request == ChecksumRequest::tcp && offloads.tx_tcp_checksum) ||
         (request == ChecksumRequest::udp && offloads.tx_udp_checksum);
}

bool needs_gso(const pkt::Mbuf& packet, const Offloads& offloads) {
  const pkt::Meta& meta = packet.meta;
  if (meta.gso_size == 0) return false;
  const Segmentation& port = offloads.tx_segmentation;
  const bool has_engine = (meta.l4_proto == wire::ip_proto::tcp && port.tcp) || (meta.l4_proto == wire::ip_proto::udp && port.udp);
  const bool is_v4 = packet.data()[meta.l3_offset] >> 4 == 4;
  return !has_engine || (port.v4_only && !is_v4) || meta.gso_accecn || meta.gso_segs > port.max_segments ||
         packet.pkt_len - meta.l3_offset > port.max_bytes || packet.nb_segs > port.max_buffers;
}

std::uint16_t header_bytes(pkt::Mbuf& packet) {
  const pkt::Meta& meta = packet.meta;
  const std::uint8_t* l4 = packet.data() + meta.l4_offset;
  std::uint32_t bytes = 0;
  if (meta.l4_offset == 0) return 0;
  if (meta.l4_proto == wire::ip_proto::udp) bytes = meta.l4_offset + wire::udp_header_bytes;
  if (meta.l4_proto == wire::ip_proto::tcp && meta.l4_offset + wire::tcp_header_bytes <= packet.data_len)
    bytes = meta.l4_offset + (l4[12] >> 4) * 4u;
  return bytes <= packet.data_len ? static_cast<std::uint16_t>(bytes) : std::uint16_t{0};
}

std::uint16_t checksum_offset(const pkt::Mbuf& packet) { return static_cast<std::uint16_t>(packet.meta.l4_offset + field_of(packet.meta.tx_checksum).at); }

void finish_checksum(pkt::Mbuf& packet) {
  const std::uint32_t length = transport_length(packet);
  const Field field = field_of(packet.meta.tx_checksum);
  std::uint8_t* const l4 = packet.data() + packet.meta.l4_offset;
  const std::uint16_t before = load_be16(l4 + field.at);
  const std::uint8_t* const ip = packet.data() + packet.meta.l3_offset;
  const bool v4 = ip[0] >> 4 == 4;
  wire::Sum sum;
  if (packet.nb_segs == 1 && l4 == ip + (v4 ? wire::ipv4_header_bytes : wire::ipv6_header_bytes)) {
    sum = wire::sum_behind_plain_ip(ip, v4, field.proto, length);
  } else {
    sum = pseudo_header_of(packet, length);
    add_chain(sum, &packet, packet.meta.l4_offset, length);
  }
  sum.add_be16(static_cast<std::uint16_t>(~before));  // as if the field were 0, which written now would hold up the reading of its word
  packet.meta.tx_checksum = ChecksumRequest::none;
  if (field.proto == wire::ip_proto::udp) return wire::set_udp_checksum(l4, sum.checksum());
  store_be16(l4 + field.at, sum.checksum());
}

void write_pseudo_sum(pkt::Mbuf& packet) {
  write_pseudo_sum(packet, transport_length(packet));
}

void write_pseudo_sum(pkt::Mbuf& packet, std::uint32_t length) {
  store_be16(packet.data() + checksum_offset(packet), pseudo_header_of(packet, length).folded());
}

void prepare(Env& env, pkt::Burst& burst, const Info& info) {
  const std::uint16_t count = burst.size();
  std::uint16_t kept = 0;
  for (std::uint16_t i = 0; i < count; ++i) {
    pkt::Packet packet = pkt::Packet::adopt(burst.slots()[i]);
    if (const auto reason = make_sendable(env, packet, info)) {
      drop(env, std::move(packet), *reason);
    } else {
      burst.slots()[kept++] = packet.release();
    }
  }
  burst.drop_front(count);
  burst.commit(kept);
}

}  // namespace millrace::port
