// SPDX-License-Identifier: BSD-3-Clause
// Cuts packets of many segments just before the driver. Called by runtime::TxPath; calls split_front() of Env.
// Clauses: receive_path E18, E19; Linux's tcp_gso_segment(), __udp_gso_segment(), inet_gso_segment().
#include <millrace/gso/gso.hpp>

#include <millrace/port/tx_offload.hpp>
#include <millrace/wire/checksum.hpp>
#include <millrace/wire/protocol.hpp>
#include <millrace/wire/tcp.hpp>

#include <algorithm>
#include <cstring>

namespace millrace::gso {
namespace {

using Counter = stats::Gso;
using stats::DropReason;

pkt::ChecksumRequest request_of(std::uint8_t proto) {
  return proto == wire::ip_proto::tcp ? pkt::ChecksumRequest::tcp : pkt::ChecksumRequest::udp;
}

std::uint32_t segments_of(std::uint32_t payload, std::uint32_t size) { return std::max(1u, (payload + size - 1) / size); }

// The headers of the packet as they came, and what each segment makes of them.
class Headers {
 public:
  Headers(const pkt::Packet& packet, std::uint16_t bytes) : meta_(packet.meta()), bytes_(bytes) {
    std::memcpy(original_.data(), packet.data().data(), bytes);
  }
  [[nodiscard]] std::span<const std::uint8_t> original() const { return {original_.data(), bytes_}; }

  void write(pkt::Packet& segment, std::uint32_t index, bool is_last) const {
    std::uint8_t* const frame = segment.data().data();
    describe(segment.meta());
    write_ip(frame + meta_.l3_offset, segment.length() - meta_.l3_offset, index);
    std::uint8_t* const l4 = frame + meta_.l4_offset;
    if (meta_.l4_proto == wire::ip_proto::tcp) {
      write_tcp(l4, index, is_last);
    } else {
      store_be16(l4 + 4, static_cast<std::uint16_t>(segment.length() - meta_.l4_offset));
    }
  }

 private:
  void describe(pkt::Meta& meta) const {
    meta = meta_;
    meta.gso_size = 0;
    meta.gso_segs = 1;
    meta.tx_checksum = request_of(meta_.l4_proto);
  }

  void write_ip(std::uint8_t* ip, std::uint32_t length, std::uint32_t index) const {
    if (ip[0] >> 4 == 6) return store_be16(ip + 4, static_cast<std::uint16_t>(length - 40));
    const std::size_t header = (ip[0] & 0xfu) * 4u;
    store_be16(ip + 2, static_cast<std::uint16_t>(length));
    if (!meta_.gso_fixed_id) {
      const std::uint16_t first = load_be16(&original_[meta_.l3_offset + 4u]);
      store_be16(ip + 4, static_cast<std::uint16_t>(first + index));
    }
    store_be16(ip + 10, 0);
    store_be16(ip + 10, wire::checksum({ip, header}));
  }

  void write_tcp(std::uint8_t* tcp, std::uint32_t index, bool is_last) const {
    using namespace wire::tcp_flag;
    const std::uint8_t* const first = &original_[meta_.l4_offset];
    store_be32(tcp + 4, load_be32(first + 4) + index * meta_.gso_size);
    std::uint8_t flags = first[13];
    if (!is_last) flags &= static_cast<std::uint8_t>(~(fin | psh));
    if (index != 0 && !meta_.gso_accecn) flags &= static_cast<std::uint8_t>(~cwr);
    tcp[13] = flags;
  }

  const pkt::Meta meta_;
  const std::uint16_t bytes_;
  std::array<std::uint8_t, 256> original_;
};

// A segment's header in a buffer of its own, in front of its payload; null when there is no buffer for it.
pkt::Packet with_header(Env& env, std::span<const std::uint8_t> header, pkt::Packet payload) {
  pkt::Packet segment = make_packet(env);
  if (!segment) {
    drop(env, std::move(payload), DropReason::no_buffer);
    return segment;
  }
  std::memcpy(segment.append(static_cast<std::uint16_t>(header.size())), header.data(), header.size());
  join(env, segment, std::move(payload));
  return segment;
}

}  // namespace

void validate_xmit(Env& env, pkt::Packet packet, const port::Offloads& offloads, pkt::PacketList& out) {
  env.stats->gso.add(Counter::packets);
  // What GRO merged has not been asked for one yet.
  packet.meta().tx_checksum = request_of(packet.meta().l4_proto);
  if (port::needs_gso(packet.mbuf(), offloads)) return segment(env, std::move(packet), out);
  env.stats->gso.add(Counter::hardware);
  env.stats->gso.add(Counter::segments, packet.meta().gso_segs);
  out.push_back(std::move(packet));
}

void segment(Env& env, pkt::Packet packet, pkt::PacketList& out) {
  const std::uint32_t size = packet.meta().gso_size;
  const std::uint16_t header = port::header_bytes(packet.mbuf());
  if (header == 0 || header > std::size_t{256} || size == 0) return drop(env, std::move(packet), DropReason::gso_malformed);
  const Headers headers(packet, header);
  const std::uint32_t count = segments_of(packet.length() - header, size);
  env.stats->gso.add(Counter::software);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t wanted = size + (i == 0 ? header : 0u);
    pkt::Packet part = split_front(env, packet, std::min(wanted, packet.length()));
    if (part && i > 0) part = with_header(env, headers.original(), std::move(part));
    if (!part) break;
    headers.write(part, i, i + 1 == count);
    env.stats->gso.add(Counter::segments);
    out.push_back(std::move(part));
  }
  if (packet) drop(env, std::move(packet), DropReason::no_buffer);
}

}  // namespace millrace::gso
