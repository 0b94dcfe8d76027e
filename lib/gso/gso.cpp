// SPDX-License-Identifier: BSD-3-Clause
// Cuts packets of many segments just before the driver. Called by runtime::TxPath; calls split_front() of Env.
// Clauses: receive_path E15, E18, E19; Linux's tcp_gso_segment(), __udp_gso_segment(), inet_gso_segment().
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
  if (proto == wire::ip_proto::tcp) return pkt::ChecksumRequest::tcp;
  return proto == wire::ip_proto::udp ? pkt::ChecksumRequest::udp : pkt::ChecksumRequest::none;
}

std::uint32_t segments_of(std::uint32_t payload, std::uint32_t size) { return std::max(1u, (payload + size - 1) / size); }

// Who cuts a packet that is neither TCP nor UDP, and where that protocol's header begins.
struct User {
  const wire::PacketOffload* offload = nullptr;
  std::uint16_t start = 0;
};

User user_of(const pkt::Packet& packet, const wire::PacketOffloads& protocols) {
  using Key = wire::PacketOffload::Key;
  const pkt::Meta& meta = packet.meta();
  const bool is_v4 = meta.ethertype == wire::ethertype::ipv4;
  if (!is_v4 && meta.ethertype != wire::ethertype::ipv6) return {protocols.segmenting(Key::ethertype, meta.ethertype), meta.l3_offset};
  return {protocols.segmenting(Key::ip_proto, meta.l4_proto), static_cast<std::uint16_t>(meta.l3_offset + (is_v4 ? 20 : 40))};
}

// Bytes in front of the payload; 0 when the packet has no header that could be written for each segment.
std::uint16_t header_of(pkt::Packet& packet, const User& user) {
  if (user.offload == nullptr) return port::header_bytes(packet.mbuf());
  const std::uint16_t header = packet.meta().payload_offset;
  return header > user.start && header <= packet.data().size() ? header : std::uint16_t{0};
}

// The headers of the packet as they came, and what each segment makes of them.
class Headers {
 public:
  Headers(const pkt::Packet& packet, std::uint16_t bytes, const User& user) : meta_(packet.meta()), bytes_(bytes), user_(user) {
    std::memcpy(original_.data(), packet.data().data(), bytes);
  }
  [[nodiscard]] std::span<const std::uint8_t> original() const { return {original_.data(), bytes_}; }

  void write(pkt::Packet& segment, std::uint32_t index, bool is_last) const {
    std::uint8_t* const frame = segment.data().data();
    describe(segment.meta());
    if (user_.start != meta_.l3_offset) write_ip(frame + meta_.l3_offset, segment.length() - meta_.l3_offset, index);
    if (user_.offload != nullptr) return write_user(segment, index, is_last);
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

  void write_user(pkt::Packet& segment, std::uint32_t index, bool is_last) const {
    std::array<std::span<const std::uint8_t>, most_pieces> pieces;
    std::size_t n = 0;
    std::size_t skip = bytes_;
    segment.for_each_segment([&](std::span<const std::uint8_t> bytes) {
      if (bytes.size() > skip && n < pieces.size()) pieces[n++] = bytes.subspan(skip);
      skip = 0;
    });
    user_.offload->gso_segment(segment.data().subspan(user_.start, bytes_ - std::size_t{user_.start}),
                               {.index = index, .offset = index * meta_.gso_size, .size = meta_.gso_size, .is_last = is_last, .payload = {pieces.data(), n}});
  }

  static constexpr std::size_t most_pieces = 64;  // a segment of more buffers shows its protocol the first

  const pkt::Meta meta_;
  const std::uint16_t bytes_;
  const User user_;
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

void validate_xmit(Env& env, pkt::Packet packet, const port::Offloads& offloads, pkt::PacketList& out, const wire::PacketOffloads* protocols) {
  env.stats->gso.add(Counter::packets);
  // What GRO merged has not been asked for one yet.
  packet.meta().tx_checksum = request_of(packet.meta().l4_proto);
  if (port::needs_gso(packet.mbuf(), offloads)) return segment(env, std::move(packet), out, protocols);
  env.stats->gso.add(Counter::hardware);
  env.stats->gso.add(Counter::segments, packet.meta().gso_segs);
  out.push_back(std::move(packet));
}

void segment(Env& env, pkt::Packet packet, pkt::PacketList& out, const wire::PacketOffloads* protocols) {
  const std::uint32_t size = packet.meta().gso_size;
  const User user = protocols != nullptr ? user_of(packet, *protocols) : User{};
  const std::uint16_t header = header_of(packet, user);
  if (header == 0 || header > std::size_t{256} || size == 0) return drop(env, std::move(packet), DropReason::gso_malformed);
  const Headers headers(packet, header, user);
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
