// SPDX-License-Identifier: BSD-3-Clause
// The short way out of what follows another to the same destination. Called by UDP through ip::Output; calls the neighbour.
// It differs from Stack::send() (output.cpp) in nothing but its cost, and leaves to it what is not as it was (receive_path I2).
#include <millrace/stack/ip/mib.hpp>
#include <millrace/stack/ip/stack.hpp>

#include <millrace/stack/neighbor/link_address.hpp>
#include <millrace/wire/checksum.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>

#include <algorithm>
#include <cstring>

namespace millrace::ip {
namespace {

// In the words in which it is summed, here and with what follows: each is read as it was written.
void write_known_v4(std::uint8_t* ip, const KnownPath& path, std::uint32_t length, std::uint8_t hop_limit) {
  const std::uint8_t* const known = path.header.data();
  const std::uint16_t id = path.next_id != nullptr ? (*path.next_id)++ : std::uint16_t{0};
  const std::uint64_t first = std::uint64_t{load_be16(known)} << 48 | std::uint64_t{length} << 32 | std::uint64_t{id} << 16 | load_be16(known + 6);
  const std::uint32_t second = std::uint32_t{hop_limit} << 24 | std::uint32_t{wire::ip_proto::udp} << 16;
  const std::uint64_t addresses = load_be64(known + 12);
  store_be64(ip, first);
  store_be32(ip + 8, second | static_cast<std::uint16_t>(~wire::fold_sum(wire::add_sums(wire::add_sums(first, addresses), second))));
  store_be64(ip + 12, addresses);
}

void write_known_v6(std::uint8_t* ip, const KnownPath& path, std::uint32_t length, std::uint8_t hop_limit) {
  std::memcpy(ip, path.header.data(), wire::ipv6_header_bytes);
  store_be16(ip + 4, static_cast<std::uint16_t>(length - wire::ipv6_header_bytes));
  ip[7] = hop_limit;
}

void write_known(pkt::Packet& packet, const KnownPath& path, std::uint8_t hop_limit) {
  const std::uint32_t length = packet.length() + path.header_bytes;
  pkt::Meta& meta = packet.meta();
  meta.frame_offset = 0;  // its buffer may be that of a frame which it answers
  meta.l3_offset = wire::ethernet_header_bytes;
  meta.l4_offset = static_cast<std::uint16_t>(wire::ethernet_header_bytes + path.header_bytes);
  meta.l4_proto = wire::ip_proto::udp;
  std::uint8_t* const ip = packet.prepend(path.header_bytes);
  path.header_bytes == wire::ipv4_header_bytes ? write_known_v4(ip, path, length, hop_limit) : write_known_v6(ip, path, length, hop_limit);
}

// Those at the front that are no longer.
pkt::PacketList those_up_to(std::uint32_t bytes, pkt::PacketList& datagrams) {
  pkt::Mbuf* last = nullptr;
  std::uint32_t count = 0;
  for (pkt::Mbuf* m = datagrams.front(); m != nullptr && m->pkt_len <= bytes; m = m->meta.list_next) {
    last = m;
    ++count;
  }
  return last != nullptr ? datagrams.split_behind(*last, count) : pkt::PacketList{};
}

template <class Counter>
void count_sent(stats::CounterBlock<Counter>& count, std::uint32_t packets, std::uint64_t bytes) {
  count.add(Counter::OutRequests, packets);
  count.add(Counter::OutTransmits, packets);
  count.add(Counter::OutOctets, bytes);
}

}  // namespace

void Stack::send_known(pkt::PacketList& datagrams, KnownPath& path) {
  const bool v4 = path.header_bytes == wire::ipv4_header_bytes;
  neighbor::Interface& out = *path.interface;
  if (path.generation != generation() || hooks_ != nullptr || !neighbor::Neighbors::is_at_hand(*path.neighbor, out, path.next_hop)) return;
  const std::uint32_t mtu = std::min(largest_packet, path.link_mtu_only ? out.mtu_of(v4) : path_mtus_.lookup(path.destination, out.mtu_of(v4)));
  pkt::PacketList packets = those_up_to(mtu - path.header_bytes, datagrams);
  if (packets.empty()) return;
  const std::uint8_t own_limit = !v4 && out.hop_limit_v6 != 0 ? out.hop_limit_v6 : default_hop_limit_;
  const std::uint8_t hop_limit = path.hop_limit != 0 ? path.hop_limit : own_limit;
  std::uint64_t bytes = 0;
  packets.for_each([&](pkt::Packet& packet) {
    trace(env_, TracePoint::ip_queue_xmit);
    write_known(packet, path, hop_limit);
    bytes += packet.length();
    trace(env_, TracePoint::ip_finish_output2);
  });
  v4 ? count_sent(env_.stats->ip, packets.size(), bytes) : count_sent(env_.stats->ip6, packets.size(), bytes);
  neighbors_.send_at_hand(*path.neighbor, packets);
}

// Of what has just been sent so, with the header `ip`.
void Stack::know_path(KnownPath& path, const Hop& hop, const KnownPath::Header& ip, const IpAddress& source, const SendHeader& header) {
  path.generation = 0;
  neighbor::Entry* const neighbor = neighbors_.last_sent_to(*hop.interface, hop.next_hop);
  const bool is_to_many = header.destination.is_multicast() || neighbor::is_broadcast(*hop.interface, header.destination);
  if (neighbor == nullptr || is_to_many || hooks_ != nullptr) return;
  const bool v4 = header.destination.is_v4();
  path = {.generation = generation(),
          .interface = hop.interface,
          .neighbor = neighbor,
          .next_hop = hop.next_hop,
          .destination = header.destination,
          .header = ip,
          .next_id = v4 && !header.dont_fragment ? &id_counter(source, header) : nullptr,
          .header_bytes = static_cast<std::uint8_t>(v4 ? wire::ipv4_header_bytes : wire::ipv6_header_bytes),
          .hop_limit = header.hop_limit,
          .link_mtu_only = header.link_mtu_only};
}

}  // namespace millrace::ip
