// SPDX-License-Identifier: BSD-3-Clause
// Cuts what is too long for the path. Called by Stack::send and forward.cpp; calls the pool. RFC 791 section 3.2, RFC 8200 section 4.5;
// ip_do_fragment, ip6_fragment (receive_path H7).
#include <millrace/stack/ip/fragmentation.hpp>

#include <millrace/wire/checksum.hpp>
#include <millrace/wire/ethernet.hpp>

#include <algorithm>
#include <array>
#include <span>

namespace millrace::ip {

namespace {

// What the transport left to a port, the field being zero.
void finish_checksum(pkt::Packet& datagram, const IpAddress& source, const IpAddress& destination, std::uint8_t proto) {
  std::size_t at = 0;
  switch (datagram.meta().tx_checksum) {
    case pkt::ChecksumRequest::none: return;
    case pkt::ChecksumRequest::tcp: at = 16; break;
    case pkt::ChecksumRequest::udp: at = 6; break;
    case pkt::ChecksumRequest::icmp6: at = 2; break;
  }
  std::uint8_t* const field = datagram.data().data() + at;
  wire::Sum sum = wire::pseudo_header(source, destination, proto, datagram.length());
  datagram.for_each_segment([&](std::span<const std::uint8_t> part) { sum.add(part); });
  const std::uint16_t checksum = sum.checksum();
  const bool is_udp = datagram.meta().tx_checksum == pkt::ChecksumRequest::udp;
  store_be16(field, is_udp && checksum == 0 ? std::uint16_t{0xffff} : checksum);  // RFC 768: 0 would mean none
  datagram.meta().tx_checksum = pkt::ChecksumRequest::none;
}

// One fragment: bytes [begin, end) of the datagram behind room for IP's headers. Null: no buffers.
pkt::Packet make_fragment(Env& env, const pkt::Packet& datagram, std::uint32_t begin, std::uint32_t end,
                          std::uint16_t header_bytes, std::uint8_t proto) {
  constexpr std::uint16_t quoted = 8;  // of the transport header: an unresolved neighbour is reported by it
  const std::uint16_t copied =
      begin == 0 ? std::min<std::uint16_t>(quoted, static_cast<std::uint16_t>(end)) : std::uint16_t{0};
  pkt::Packet fragment = make_packet(env);
  if (!fragment) return {};
  std::uint8_t* const bytes = fragment.append(static_cast<std::uint16_t>(header_bytes + copied));
  datagram.copy_out(begin, {bytes + header_bytes, copied});
  if (begin + copied < end) {
    pkt::Packet rest = make_reference(env, datagram, begin + copied, end - begin - copied);
    if (!rest) {
      drop(env, std::move(fragment), stats::DropReason::no_buffer);
      return {};
    }
    join(env, fragment, std::move(rest));
  }
  pkt::Meta& meta = fragment.meta();
  meta.l3_offset = wire::ethernet_header_bytes;
  meta.l4_offset =
      begin == 0 ? static_cast<std::uint16_t>(wire::ethernet_header_bytes + header_bytes) : std::uint16_t{0};
  meta.l4_proto = proto;
  return fragment;
}

// ip_options_fragment(): later fragments carry only options that say so (RFC 791 section 3.1), the others' places are void.
void hide_options(std::span<std::uint8_t> options) {
  constexpr std::uint8_t end = 0, no_operation = 1, copied = 0x80;
  for (std::size_t at = 0; at < options.size() && options[at] != end;) {
    const bool is_single = options[at] == no_operation || at + 1 >= options.size() || options[at + 1] < 2;
    const std::size_t length = is_single ? 1 : std::min<std::size_t>(options[at + 1], options.size() - at);
    if ((options[at] & copied) == 0) std::fill_n(options.begin() + static_cast<std::ptrdiff_t>(at), length, no_operation);
    at += length;
  }
}

// Calls emit(header, begin, end, more) for each.
template <class Emit>
bool cut(Env& env, const pkt::Packet& datagram, std::uint16_t header_bytes, std::uint8_t proto, std::uint32_t mtu,
         pkt::PacketList& out, Emit&& emit) {
  const std::uint32_t length = datagram.length();
  const std::uint32_t step = (mtu - header_bytes) & ~7u;
  pkt::PacketList fragments;
  for (std::uint32_t begin = 0, end = 0; begin < length; begin = end) {
    // The last may fill the packet beyond a multiple of 8.
    end = length - begin <= mtu - header_bytes ? length : begin + step;
    pkt::Packet fragment = make_fragment(env, datagram, begin, end, header_bytes, proto);
    if (!fragment) {
      while (pkt::Packet made = fragments.pop_front()) drop(env, std::move(made), stats::DropReason::no_buffer);
      return false;
    }
    emit(fragment.data().data(), begin, end, end < length);
    fragments.push_back(std::move(fragment));
  }
  out.splice_back(fragments);
  return true;
}

}  // namespace

bool cut_into_fragments(Env& env, pkt::Packet& datagram, const wire::Ipv4Header& header, std::span<const std::uint8_t> options,
                        std::uint32_t mtu, pkt::PacketList& out) {
  finish_checksum(datagram, header.source, header.destination, header.proto);
  const auto header_bytes = static_cast<std::uint16_t>(wire::ipv4_header_bytes + options.size());
  return cut(env, datagram, header_bytes, header.proto, mtu, out,
             [&](std::uint8_t* at, std::uint32_t begin, std::uint32_t end, bool more) {
               wire::Ipv4Header own = header;
               own.total_length = static_cast<std::uint16_t>(header_bytes + end - begin);
               own.fragment_offset = static_cast<std::uint16_t>(begin);
               own.dont_fragment = false;
               own.more_fragments = more;
               wire::emit(own, options, at);
               if (begin == 0 || options.empty()) return;
               hide_options({at + wire::ipv4_header_bytes, options.size()});
               wire::seal_ipv4({at, header_bytes});
             });
}

bool cut_into_fragments(Env& env, pkt::Packet& datagram, const wire::Ipv6Header& header, std::uint32_t id,
                        std::uint32_t mtu, pkt::PacketList& out) {
  finish_checksum(datagram, header.source, header.destination, header.next_header);
  constexpr auto header_bytes = static_cast<std::uint16_t>(wire::ipv6_header_bytes + wire::ipv6_fragment_header_bytes);
  return cut(
      env, datagram, header_bytes, header.next_header, mtu, out,
      [&](std::uint8_t* at, std::uint32_t begin, std::uint32_t end, bool more) {
        wire::Ipv6Header own = header;
        own.next_header = wire::ip_proto::fragment;
        own.payload_length = static_cast<std::uint16_t>(wire::ipv6_fragment_header_bytes + end - begin);
        wire::emit(own, at);
        wire::emit(
            wire::Ipv6FragmentHeader{
                .id = id, .offset = static_cast<std::uint16_t>(begin), .next_header = header.next_header, .more = more},
            at + wire::ipv6_header_bytes);
      });
}

bool cut_forwarded(Env& env, pkt::Packet& packet, std::uint32_t mtu, pkt::PacketList& out) {
  const wire::Ipv4View ip = *wire::Ipv4View::parse(packet.data());
  const auto header_bytes = static_cast<std::uint16_t>(ip.header_length());
  std::array<std::uint8_t, wire::ipv4_header_max_bytes> header;
  std::copy_n(packet.data().begin(), header_bytes, header.begin());
  const std::uint16_t first = ip.fragment_offset();
  const bool goes_on = ip.more_fragments();
  const std::uint8_t proto = ip.proto();
  packet.trim_front(header_bytes);
  pkt::PacketList pieces;
  const bool is_cut = cut(env, packet, header_bytes, proto, mtu, pieces, [&](std::uint8_t* at, std::uint32_t begin, std::uint32_t end, bool more) {
    std::copy_n(header.begin(), header_bytes, at);
    if (begin != 0) hide_options({at + wire::ipv4_header_bytes, at + header_bytes});
    store_be16(at + 2, static_cast<std::uint16_t>(header_bytes + end - begin));
    store_be16(at + 6, static_cast<std::uint16_t>((more || goes_on ? 0x2000u : 0u) | (first + begin) >> 3));
    store_be16(at + 10, 0);
    store_be16(at + 10, wire::checksum({at, header_bytes}));
  });
  if (!is_cut) return false;
  if (first != 0) pieces.front()->meta.l4_offset = 0;
  out.splice_back(pieces);
  return true;
}

}  // namespace millrace::ip
