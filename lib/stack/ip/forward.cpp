// SPDX-License-Identifier: BSD-3-Clause
// Forwarding: packets for other hosts, from one link to another. Called by input_v4.cpp and input_v6.cpp; calls the
// neighbours. RFC 1812 section 5, RFC 8200 sections 3 and 4; ip_forward, ip6_forward, ip_error (receive_path H6).
#include <millrace/stack/ip/stack.hpp>

#include <millrace/env/build_packet.hpp>
#include <millrace/gso/gso.hpp>
#include <millrace/port/tx_offload.hpp>
#include <millrace/stack/ip/fragmentation.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>

#include <algorithm>

namespace millrace::ip {

using stats::DropReason;
using Counter4 = stats::Ip;
using Counter6 = stats::Ip6;

namespace {

// Bytes of the longest IP packet that leaves: of a merged packet, of its segments (skb_gso_validate_network_len).
std::uint32_t longest_packet(const pkt::Packet& packet) {
  const pkt::Meta& meta = packet.meta();
  if (meta.gso_size == 0) return packet.length();
  return std::uint32_t{meta.payload_offset} - meta.l3_offset + meta.gso_size;
}

// skb_forward_csum(): a sum that only this machine knows to be right is finished on the way out (receive_path E10).
pkt::ChecksumRequest unfinished(const pkt::Meta& meta) {
  if (meta.checksum != pkt::ChecksumVerdict::partial || meta.l4_offset == 0) return pkt::ChecksumRequest::none;
  if (meta.l4_proto == wire::ip_proto::tcp) return pkt::ChecksumRequest::tcp;
  return meta.l4_proto == wire::ip_proto::udp ? pkt::ChecksumRequest::udp : pkt::ChecksumRequest::none;
}

// What was said of the frame that came is said of the one that goes: its headers begin behind an Ethernet header without
// a tag.
void redescribe(pkt::Meta& meta) {
  const auto shift = static_cast<std::uint16_t>(meta.l3_offset - wire::ethernet_header_bytes);
  meta.tx_checksum = unfinished(meta);
  meta.l3_offset = wire::ethernet_header_bytes;
  if (meta.l4_offset != 0) meta.l4_offset = static_cast<std::uint16_t>(meta.l4_offset - shift);
  if (meta.payload_offset != 0) meta.payload_offset = static_cast<std::uint16_t>(meta.payload_offset - shift);
}

// ip_forward_options(): what was recorded when the packet came is the address of the link that it leaves by (RFC 791 section 3.1).
void record_departure(pkt::Packet& packet, std::uint8_t route_at, const std::optional<IpAddress>& own) {
  if (!own) return;
  const std::span<std::uint8_t> header = packet.data().first(wire::Ipv4View::parse(packet.data())->header_length());
  std::copy_n(own->v4_bytes(), 4, header.data() + wire::ipv4_header_bytes + route_at);
  wire::seal_ipv4(header);
}

}  // namespace

// fib_validate_source(): RFC 3704 section 2. Strict: answers would leave where this came in; loose: they would leave.
bool Stack::is_expected(const neighbor::Interface& in, const IpAddress& source) {
  if (forwarding_.rp_filter == 0 || source.is_unspecified()) return true;
  const NextHop* const back = look_up(source);
  if (back == nullptr || back->type != RouteType::unicast) return false;
  return forwarding_.rp_filter == 2 || back->ifindex == in.ifindex;
}

void Stack::forward_v4(neighbor::Interface& in, pkt::Packet packet, const NextHop* hop, std::uint8_t route_at) {
  auto& count = env_.stats->ip;
  if (!forwarding_.v4) {
    count.add(Counter4::InAddrErrors);
    return drop(env_, std::move(packet), DropReason::not_local);
  }
  const wire::Ipv4View ip = *wire::Ipv4View::parse(packet.data());
  const IpAddress destination = ip.destination();
  neighbor::Interface* const out = hop != nullptr && hop->type == RouteType::unicast ? interface(hop->ifindex) : nullptr;
  if (out == nullptr) return cannot_forward(std::move(packet), hop);
  if (packet.meta().type != pkt::PacketType::host) return drop(env_, std::move(packet), DropReason::not_local);
  if (ip.ttl() <= 1) {
    count.add(Counter4::InHdrErrors);
    report(packet, {.kind = ErrorKind::time_exceeded, .code = wire::icmp4_time_exceeded::ttl});
    return drop(env_, std::move(packet), DropReason::ttl_exceeded);
  }
  if (ip.dont_fragment() && longest_packet(packet) > out->mtu) {
    count.add(Counter4::FragFails);
    report(packet, {.kind = ErrorKind::packet_too_big, .info = out->mtu});
    return drop(env_, std::move(packet), DropReason::too_big);
  }
  packet = with_own_headers(env_, std::move(packet));
  if (!packet) return;
  wire::decrement_ttl(packet.data().data());
  const IpAddress next_hop = hop->gateway.is_unspecified() ? destination : hop->gateway;
  if (route_at != 0) [[unlikely]] record_departure(packet, route_at, source_for(destination, Hop{out, next_hop, hop->source}));
  if (out == &in && forwarding_.send_redirects && error_sender_ != nullptr && is_on_link(in, ip.source()))
    error_sender_->send_redirect(packet, in, next_hop);
  const HookState state{.hook = Hook::forward, .in = &in, .out = out, .next_hop = next_hop, .destination = destination};
  if (hooks_ != nullptr && hooks_->run(state, packet) != HookVerdict::accept) return;
  finish_forward(in, *out, next_hop, std::move(packet));
}

// ip6_forward()
void Stack::forward_v6(neighbor::Interface& in, pkt::Packet packet, const NextHop* hop) {
  auto& count = env_.stats->ip6;
  const wire::Ipv6View ip = *wire::Ipv6View::parse(packet.data());
  const IpAddress destination = ip.destination();
  const IpAddress source = ip.source();
  if (!forwarding_.v6 || destination.is_link_local() || source.is_unspecified() || source.is_loopback()) {
    count.add(hop == nullptr && !destination.is_unspecified() ? Counter6::InNoRoutes : Counter6::InAddrErrors);
    return drop(env_, std::move(packet), DropReason::not_local);
  }
  neighbor::Interface* const out = hop != nullptr && hop->type == RouteType::unicast ? interface(hop->ifindex) : nullptr;
  if (out == nullptr) return cannot_forward(std::move(packet), hop);
  if (packet.meta().type != pkt::PacketType::host) return drop(env_, std::move(packet), DropReason::not_local);
  if (ip.hop_limit() <= 1) {
    report(packet, {.kind = ErrorKind::time_exceeded});
    count.add(Counter6::InHdrErrors);
    return drop(env_, std::move(packet), DropReason::ttl_exceeded);
  }
  const IpAddress next_hop = hop->gateway.is_unspecified() ? destination : hop->gateway;
  if (out == &in) {
    if (error_sender_ != nullptr && is_on_link(in, source)) error_sender_->send_redirect(packet, in, next_hop);
  } else if (source.is_link_local()) {  // RFC 4291 section 2.5.6
    report(packet, {.kind = ErrorKind::net_unreachable, .code = wire::icmp6_unreachable::beyond_scope});
    count.add(Counter6::InAddrErrors);
    return drop(env_, std::move(packet), DropReason::not_local);
  }
  const std::uint32_t mtu = std::max<std::uint32_t>(out->mtu, wire::ipv6_min_mtu);
  if (longest_packet(packet) > mtu) {
    report(packet, {.kind = ErrorKind::packet_too_big, .info = mtu});
    count.add(Counter6::InTooBigErrors);
    count.add(Counter6::FragFails);
    return drop(env_, std::move(packet), DropReason::too_big);
  }
  packet = with_own_headers(env_, std::move(packet));
  if (!packet) return;
  --packet.data()[7];
  const HookState state{.hook = Hook::forward, .in = &in, .out = out, .next_hop = next_hop, .destination = destination};
  if (hooks_ != nullptr && hooks_->run(state, packet) != HookVerdict::accept) return;
  finish_forward(in, *out, next_hop, std::move(packet));
}

// ip_error(), ip6_pkt_discard(), ip6_pkt_prohibit(): what the sender is told when no route leads on.
void Stack::cannot_forward(pkt::Packet packet, const NextHop* hop) {
  const bool v4 = packet.data()[0] >> 4 == 4;
  const RouteType type = hop != nullptr ? hop->type : RouteType::unicast;
  switch (type) {
    case RouteType::blackhole: break;
    case RouteType::broadcast:
    case RouteType::multicast: break;  // martian_destination
    case RouteType::prohibit:
      if (!v4) env_.stats->ip6.add(Counter6::InNoRoutes);
      report(packet, {.kind = ErrorKind::prohibited});
      break;
    case RouteType::unreachable:
      if (!v4) env_.stats->ip6.add(Counter6::InNoRoutes);
      report(packet, {.kind = v4 ? ErrorKind::host_unreachable : ErrorKind::net_unreachable});
      break;
    case RouteType::local:
    case RouteType::unicast:
      if (v4) env_.stats->ip.add(Counter4::InNoRoutes);
      if (!v4) env_.stats->ip6.add(Counter6::InNoRoutes);
      report(packet, {.kind = ErrorKind::net_unreachable});
      return drop(env_, std::move(packet), DropReason::no_route);
  }
  drop(env_, std::move(packet), DropReason::route_refuses);
}

bool Stack::is_on_link(const neighbor::Interface& in, const IpAddress& source) {
  if (source.is_link_local()) return true;
  const NextHop* const back = look_up(source);
  return back != nullptr && back->type == RouteType::unicast && back->gateway.is_unspecified() && back->ifindex == in.ifindex;
}

// ip_forward_finish(), ip6_forward_finish()
void Stack::finish_forward(neighbor::Interface& in, neighbor::Interface& out, const IpAddress& next_hop, pkt::Packet packet) {
  if (next_hop.is_v4()) env_.stats->ip.add(Counter4::ForwDatagrams);
  if (!next_hop.is_v4()) env_.stats->ip6.add(Counter6::OutForwDatagrams);
  redescribe(packet.meta());
  const HookState state{.hook = Hook::post_routing, .in = &in, .out = &out, .next_hop = next_hop, .destination = next_hop};
  if (hooks_ != nullptr && hooks_->run(state, packet) != HookVerdict::accept) return;
  send_cut(out, next_hop, next_hop, std::move(packet));
}

// ip_finish_output(): what is longer than the link takes is cut, merged packets into their segments first. IPv6 cuts at its
// source, before the hooks: there nothing is too long but what waited at one.
void Stack::send_cut(neighbor::Interface& out, const IpAddress& next_hop, const IpAddress& destination, pkt::Packet packet) {
  if (longest_packet(packet) <= out.mtu) return finish_output(out, next_hop, destination, std::move(packet));
  if (!next_hop.is_v4()) {
    env_.stats->ip6.add(Counter6::FragFails);
    return drop(env_, std::move(packet), DropReason::too_big);
  }
  if (packet.meta().gso_size == 0) return send_pieces(out, next_hop, std::move(packet));
  pkt::PacketList segments;
  packet.prepend(wire::ethernet_header_bytes);
  gso::segment(env_, std::move(packet), segments);
  while (pkt::Packet segment = segments.pop_front()) {
    segment.trim_front(wire::ethernet_header_bytes);
    if (segment.length() <= out.mtu) {
      finish_output(out, next_hop, destination, std::move(segment));
    } else {
      send_pieces(out, next_hop, std::move(segment));
    }
  }
}

// ip_fragment()
void Stack::send_pieces(neighbor::Interface& out, const IpAddress& next_hop, pkt::Packet packet) {
  if (packet.meta().tx_checksum != pkt::ChecksumRequest::none) {
    packet.prepend(wire::ethernet_header_bytes);
    port::finish_checksum(packet.mbuf());
    packet.trim_front(wire::ethernet_header_bytes);
  }
  auto& count = env_.stats->ip;
  pkt::PacketList pieces;
  if (!cut_forwarded(env_, packet, out.mtu, pieces)) {
    count.add(Counter4::FragFails);
    return drop(env_, std::move(packet), DropReason::no_buffer);
  }
  count.add(Counter4::FragOKs);
  consume(env_, std::move(packet), stats::Ledger::used);
  while (pkt::Packet piece = pieces.pop_front()) {
    count.add(Counter4::FragCreates);
    finish_output(out, next_hop, next_hop, std::move(piece));
  }
}

}  // namespace millrace::ip
