// SPDX-License-Identifier: BSD-3-Clause
// IP output: route, source, header, next hop. Called by the transports through ip::Output; calls
// neighbor::Neighbors::send. RFC 1122 section 3.3.1, RFC 6724, RFC 6864; ip_queue_xmit, ip6_xmit (receive_path I2).
#include <millrace/stack/ip/mib.hpp>
#include <millrace/stack/ip/stack.hpp>

#include <millrace/base/siphash.hpp>
#include <millrace/stack/ip/fragmentation.hpp>
#include <millrace/stack/ip/option_records.hpp>
#include <millrace/stack/ip/source_address.hpp>
#include <millrace/stack/neighbor/link_address.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>

#include <algorithm>

namespace millrace::ip {

using stats::DropReason;

namespace {

constexpr IpAddress loopback_v4 = IpAddress::v4(127, 0, 0, 1);

// Of the same number in the Ip: and the Ip6: group.
void count(Env& env, bool v4, stats::Ip ip, stats::Ip6 ip6) {
  if (v4) {
    env.stats->ip.add(ip);
  } else {
    env.stats->ip6.add(ip6);
  }
}

// Routes say nothing about these: they mean the link that they are sent on.
bool stays_on_link(const IpAddress& destination) {
  return destination.is_multicast() || destination.is_link_local() ||
         (destination.is_v4() && destination.v4_number() == 0xffffffff);
}

// Transport header and payload of the longest packet that goes over the link.
std::uint32_t largest_segment(const pkt::Packet& datagram) {
  const pkt::Meta& meta = datagram.meta();
  if (meta.gso_size == 0) return datagram.length();
  return std::min<std::uint32_t>(datagram.length(), std::uint32_t{meta.payload_offset} + meta.gso_size);
}

std::span<const std::uint8_t> options_of(const SendHeader& header) {
  return header.options != nullptr ? header.options->span() : std::span<const std::uint8_t>{};
}

std::uint16_t header_bytes_of(const SendHeader& header) {
  if (!header.destination.is_v4()) return wire::ipv6_header_bytes;
  return static_cast<std::uint16_t>(wire::ipv4_header_bytes + options_of(header).size());
}

// Of the frame that is to be.
void describe_frame(pkt::Meta& meta, std::uint8_t proto, std::uint16_t header_bytes) {
  meta.l3_offset = wire::ethernet_header_bytes;
  meta.l4_offset = static_cast<std::uint16_t>(wire::ethernet_header_bytes + header_bytes);
  if (meta.gso_size != 0) meta.payload_offset = static_cast<std::uint16_t>(meta.payload_offset + meta.l4_offset);
  meta.l4_proto = proto;
}

// A packet that has its header goes to the link.
void count_transmit(Env& env, const neighbor::Interface& interface, const IpAddress& destination,
                    const pkt::Packet& packet) {
  using stats::Ip;
  using stats::Ip6;
  if (!destination.is_v4()) {
    count_bytes(env.stats->ip6, Ip6::OutTransmits, Ip6::OutOctets, packet);
    if (destination.is_multicast()) count_bytes(env.stats->ip6, Ip6::OutMcastPkts, Ip6::OutMcastOctets, packet);
    return;
  }
  count_bytes(env.stats->ip, Ip::OutTransmits, Ip::OutOctets, packet);
  if (destination.is_multicast()) {
    count_bytes(env.stats->ip, Ip::OutMcastPkts, Ip::OutMcastOctets, packet);
  } else if (neighbor::is_broadcast(interface, destination)) {
    count_bytes(env.stats->ip, Ip::OutBcastPkts, Ip::OutBcastOctets, packet);
  }
}

}  // namespace

// ip_route_output_key(), ip6_route_output(): the local table, then the routes.
std::optional<Stack::Hop> Stack::route_to(const IpAddress& destination, const IpAddress& source) const {
  if (destination.is_unspecified()) return std::nullopt;
  env_.stats->ip.add(stats::Ip::FibLookups);
  if (local_.find(destination) == LocalTable::Kind::local) return loopback_ != nullptr ? std::optional(Hop{loopback_, destination}) : std::nullopt;
  if (destination.is_loopback()) return std::nullopt;  // of another family than lo has addresses of
  const NextHop* const hop = routes_.lookup(destination);
  if (stays_on_link(destination) && (hop == nullptr || hop->type != RouteType::multicast)) return on_link(destination, source);
  if (hop == nullptr) return std::nullopt;
  switch (hop->type) {
    case RouteType::unicast:
    case RouteType::broadcast:
    case RouteType::multicast: break;
    case RouteType::local: return loopback_ != nullptr ? std::optional(Hop{loopback_, destination}) : std::nullopt;
    case RouteType::blackhole:
    case RouteType::unreachable:
    case RouteType::prohibit: return std::nullopt;
  }
  neighbor::Interface* const out = interface(hop->ifindex);
  if (out == nullptr) return std::nullopt;
  return Hop{out, hop->gateway.is_unspecified() ? destination : hop->gateway, hop->source};
}

// Of which no route speaks: by the link whose address is used.
std::optional<Stack::Hop> Stack::on_link(const IpAddress& destination, const IpAddress& source) const {
  for (neighbor::Interface* interface : interfaces_) {
    if (interface->is_loopback) continue;
    const bool fits = source.is_unspecified() ? neighbor::own_address_towards(*interface, destination).has_value() : interface->has_address(source);
    if (fits) return Hop{interface, destination};
  }
  return std::nullopt;
}

// A group goes by the interface that the sender chose, if it did.
std::optional<Stack::Hop> Stack::hop_for(const SendHeader& header) const {
  if (header.ifindex == 0 || !header.destination.is_multicast()) return route_to(header.destination, header.source);
  neighbor::Interface* const out = interface(header.ifindex);
  return out != nullptr ? std::optional(Hop{out, header.destination}) : std::nullopt;
}

std::optional<IpAddress> Stack::source_for(const IpAddress& destination) const {
  return source_for(destination, route_to(destination, IpAddress{}));
}

std::optional<IpAddress> Stack::source_for(const IpAddress& destination, const std::optional<Hop>& hop) const {
  if (!hop) return std::nullopt;
  if (hop->interface->is_loopback) return destination.is_v4() && destination.is_loopback() ? loopback_v4 : destination;
  if (!hop->source.is_unspecified()) return hop->source;
  return choose_source(interfaces_, *hop->interface, destination, hop->next_hop);
}

Output::Leads Stack::leads(const FlowKey& flow) const {
  const auto hop = route_to(flow.remote, flow.local);
  if (!hop || hop->interface->rx_placement == nullptr) return Leads::unknown;
  const steer::RxPlacement* const placement = hop->interface->rx_placement->read();
  if (placement == nullptr) return Leads::unknown;
  return placement->lcore_of(flow) == env_.lcore ? Leads::here : Leads::elsewhere;
}

std::uint32_t Stack::queued_bytes(const FlowKey& flow) const {
  const auto hop = route_to(flow.remote, flow.local);
  return hop ? hop->interface->output->queued_bytes(flow) : 0;
}

std::uint32_t Stack::mtu_for(const IpAddress& destination) const { return path_mtus_.lookup(destination, link_mtu_for(destination)); }

std::uint32_t Stack::link_mtu_for(const IpAddress& destination) const {
  const auto hop = route_to(destination, IpAddress{});
  if (!hop) return destination.is_v4() ? 576 : static_cast<std::uint32_t>(wire::ipv6_min_mtu);
  return std::min<std::uint32_t>(hop->interface->mtu_of(destination.is_v4()), largest_packet);
}

GsoLimits Stack::gso_limits_for(const IpAddress& destination) const {
  const auto hop = route_to(destination, IpAddress{});
  return hop ? GsoLimits{hop->interface->gso_max_size, hop->interface->gso_max_segs} : GsoLimits{};
}

void Stack::confirm_reachable(const IpAddress& destination) {
  const auto hop = route_to(destination, IpAddress{});
  if (hop) neighbors_.confirm_reachable(*hop->interface, hop->next_hop);
}

SendVerdict Stack::send(pkt::Packet datagram, const SendHeader& header) {
  trace(env_, TracePoint::ip_queue_xmit);
  const bool v4 = header.destination.is_v4();
  count(env_, v4, stats::Ip::OutRequests, stats::Ip6::OutRequests);
  const auto hop = header.route != nullptr ? cached_route(*header.route, header.destination, header.source) : hop_for(header);
  datagram.meta().frame_offset = 0;  // its buffer may be that of a frame which it answers
  const auto source = header.source.is_unspecified() ? source_for(header.destination, hop) : std::optional(header.source);
  if (!hop || !source) return refuse(std::move(datagram), header.destination);
  if (header.options != nullptr) header.options->fill({*source, time_of_day(env_)});
  const std::uint32_t header_bytes = header_bytes_of(header);
  const bool is_possible =
      datagram.length() + (v4 ? header_bytes : 0) <= largest_packet;  // IPv6's length field leaves its header out
  const std::uint32_t mtu = header.link_mtu_only ? hop->interface->mtu_of(v4) : path_mtus_.lookup(header.destination, hop->interface->mtu_of(v4));
  if (!is_possible || largest_segment(datagram) + header_bytes > mtu) {
    if (is_possible && header.may_fragment && datagram.meta().gso_size == 0)
      return send_fragments(*hop, *source, std::move(datagram), header, mtu);
    count(env_, v4, stats::Ip::FragFails, stats::Ip6::FragFails);
    drop(env_, std::move(datagram), DropReason::too_big);
    return SendVerdict::too_big;
  }
  describe_frame(datagram.meta(), header.proto, static_cast<std::uint16_t>(header_bytes));
  if (v4) {
    write_v4(datagram, *source, header, next_id(*source, header, datagram.meta().gso_size != 0 ? datagram.meta().gso_segs : std::uint16_t{1}));
  } else {
    write_v6(datagram, *source, header, hop_limit_of(header, *hop->interface));
  }
  if (hooks_ != nullptr) {
    const HookVerdict verdict = pass_output(*hop, header.destination, datagram);
    if (verdict != HookVerdict::accept) return verdict == HookVerdict::drop ? SendVerdict::denied : SendVerdict::sent;
  }
  if (header.loops && is_wanted(*hop->interface, header.destination, *source, header.proto)) loop_back(*hop->interface, datagram);
  KnownPath::Header ip;
  if (header.path != nullptr) std::copy_n(datagram.data().begin(), header_bytes, ip.begin());
  finish_output(*hop->interface, hop->next_hop, header.destination, std::move(datagram));
  if (header.path != nullptr) know_path(*header.path, *hop, ip, *source, header);
  return SendVerdict::sent;
}

// ip_finish_output2(), ip6_finish_output2()
void Stack::finish_output(neighbor::Interface& out, const IpAddress& next_hop, const IpAddress& destination, pkt::Packet packet) {
  trace(env_, TracePoint::ip_finish_output2);
  count_transmit(env_, out, destination, packet);
  neighbors_.send(out, next_hop, std::move(packet));
}

SendVerdict Stack::way_to(const IpAddress& destination) const { return source_for(destination) ? SendVerdict::sent : refusal(destination); }

// There is no way, or a route that says so (fib_props[].error).
SendVerdict Stack::refusal(const IpAddress& destination) const {
  const NextHop* const hop = routes_.lookup(destination);
  if (hop != nullptr && hop->type == RouteType::blackhole) return SendVerdict::blackhole;
  if (hop != nullptr && hop->type == RouteType::unreachable) return SendVerdict::host_unreachable;
  if (hop != nullptr && hop->type == RouteType::prohibit) return SendVerdict::prohibited;
  count(env_, destination.is_v4(), stats::Ip::OutNoRoutes, stats::Ip6::OutNoRoutes);
  return SendVerdict::no_route;
}

SendVerdict Stack::refuse(pkt::Packet datagram, const IpAddress& destination) {
  const SendVerdict verdict = refusal(destination);
  drop(env_, std::move(datagram), verdict == SendVerdict::no_route ? DropReason::no_route : DropReason::route_refuses);
  return verdict;
}

// ip_fragment(), ip6_fragment(): all or nothing.
SendVerdict Stack::send_fragments(const Hop& hop, const IpAddress& source, pkt::Packet datagram, const SendHeader& header,
                                  std::uint32_t mtu) {
  const bool v4 = header.destination.is_v4();
  SendHeader without_df = header;
  without_df.dont_fragment = false;
  const std::uint16_t id = v4 ? next_id(source, without_df, 1) : std::uint16_t{0};
  if (hooks_ != nullptr) {
    const HookVerdict verdict = pass_whole(hop, source, datagram, without_df, id);
    if (verdict != HookVerdict::accept) return verdict == HookVerdict::drop ? SendVerdict::denied : SendVerdict::sent;
  }
  pkt::PacketList fragments;
  bool is_cut = false;
  if (v4) {
    is_cut = cut_into_fragments(env_, datagram,
                                wire::Ipv4Header{.source = source,
                                                 .destination = header.destination,
                                                 .id = id,
                                                 .tos = header.traffic_class,
                                                 .ttl = hop_limit_of(header),
                                                 .proto = header.proto},
                                options_of(header), mtu, fragments);
  } else {
    is_cut = cut_into_fragments(env_, datagram,
                                wire::Ipv6Header{.source = source,
                                                 .destination = header.destination,
                                                 .traffic_class = header.traffic_class,
                                                 .next_header = header.proto,
                                                 .hop_limit = hop_limit_of(header, *hop.interface)},
                                next_fragment_id(source, header), mtu, fragments);
  }
  if (!is_cut) {
    count(env_, v4, stats::Ip::FragFails, stats::Ip6::FragFails);
    drop(env_, std::move(datagram), DropReason::no_buffer);
    return SendVerdict::no_buffer;
  }
  count(env_, v4, stats::Ip::FragOKs, stats::Ip6::FragOKs);
  consume(env_, std::move(datagram), stats::Ledger::used);
  while (pkt::Packet fragment = fragments.pop_front()) {
    count(env_, v4, stats::Ip::FragCreates, stats::Ip6::FragCreates);
    finish_output(*hop.interface, hop.next_hop, header.destination, std::move(fragment));
  }
  return SendVerdict::sent;
}

// The hooks see a datagram before it is cut.
HookVerdict Stack::pass_whole(const Hop& hop, const IpAddress& source, pkt::Packet& datagram, const SendHeader& header, std::uint16_t id) {
  const bool v4 = header.destination.is_v4();
  const std::uint16_t bytes = header_bytes_of(header);
  describe_frame(datagram.meta(), header.proto, bytes);
  if (v4) {
    write_v4(datagram, source, header, id);
  } else {
    write_v6(datagram, source, header, hop_limit_of(header, *hop.interface));
  }
  const HookVerdict verdict = pass_output(hop, header.destination, datagram);
  if (verdict == HookVerdict::accept) datagram.trim_front(bytes);
  return verdict;
}

void Stack::write_v4(pkt::Packet& datagram, const IpAddress& source, const SendHeader& header, std::uint16_t id) {
  const std::uint16_t header_bytes = header_bytes_of(header);
  const auto total = static_cast<std::uint16_t>(datagram.length() + header_bytes);
  datagram.meta().gso_fixed_id = header.dont_fragment;
  wire::emit(
      wire::Ipv4Header{
          .source = source,
          .destination = header.destination,
          .total_length = total,
          .id = id,
          .tos = header.traffic_class,
          .ttl = hop_limit_of(header),
          .proto = header.proto,
          .dont_fragment = header.dont_fragment},
      options_of(header), datagram.prepend(header_bytes));
}

// The flow label is zero: RFC 6437 section 3 asks for labels of flows, which SHOULD wait for a user.
void Stack::write_v6(pkt::Packet& datagram, const IpAddress& source, const SendHeader& header, std::uint8_t hop_limit) {
  const auto payload = static_cast<std::uint16_t>(datagram.length());
  wire::emit(wire::Ipv6Header{.source = source,
                              .destination = header.destination,
                              .payload_length = payload,
                              .traffic_class = header.traffic_class,
                              .next_header = header.proto,
                              .hop_limit = hop_limit},
             datagram.prepend(wire::ipv6_header_bytes));
}

// RFC 6864 section 4.1: of a datagram that cannot be fragmented the identification means nothing. Others count per
// keyed hash of (source, destination, protocol), so that nobody can watch one counter (RFC 7739).
// A packet of many segments takes one for each.
std::uint16_t Stack::next_id(const IpAddress& source, const SendHeader& header, std::uint16_t segments) {
  if (header.dont_fragment) return 0;
  std::uint16_t& next = id_counter(source, header);
  return std::exchange(next, static_cast<std::uint16_t>(next + segments));
}

std::uint16_t& Stack::id_counter(const IpAddress& source, const SendHeader& header) {
  std::array<std::uint8_t, 9> flow;
  std::copy_n(source.v4_bytes(), 4, flow.begin());
  std::copy_n(header.destination.v4_bytes(), 4, flow.begin() + 4);
  flow[8] = header.proto;
  return ids_[siphash(env_.secret, flow) % ids_.size()];
}

// RFC 7739 section 5.3: nobody can tell the next from those before.
std::uint32_t Stack::next_fragment_id(const IpAddress& source, const SendHeader& header) {
  std::array<std::uint8_t, 40> what;
  std::copy_n(source.bytes.begin(), 16, what.begin());
  std::copy_n(header.destination.bytes.begin(), 16, what.begin() + 16);
  store_be32(&what[32], static_cast<std::uint32_t>(fragment_ids_ >> 32));
  store_be32(&what[36], static_cast<std::uint32_t>(fragment_ids_));
  ++fragment_ids_;
  return static_cast<std::uint32_t>(siphash(env_.secret, what));
}

// raw_send_hdrinc(): what Linux fills in of a header that the sender made. It is not cut.
SendVerdict Stack::send_whole(pkt::Packet packet, const IpAddress& destination) {
  env_.stats->ip.add(stats::Ip::OutRequests);
  std::uint8_t* const header = packet.data().data();
  const auto view = *wire::Ipv4View::parse(packet.data());
  const auto hop = route_to(destination, view.source());
  const auto source = view.source().is_unspecified() ? source_for(destination) : std::optional(view.source());
  if (!hop || !source) return refuse(std::move(packet), destination);
  if (packet.length() > hop->interface->mtu) {
    drop(env_, std::move(packet), DropReason::too_big);
    return SendVerdict::too_big;
  }
  const auto header_bytes = static_cast<std::uint16_t>(view.header_length());
  store_be16(header + 2, static_cast<std::uint16_t>(packet.length()));
  if (view.id() == 0) store_be16(header + 4, next_id(*source, {.destination = destination, .proto = view.proto(), .dont_fragment = false}, 1));
  std::copy_n(source->v4_bytes(), 4, header + 12);
  store_be16(header + 10, 0);
  store_be16(header + 10, wire::checksum({header, header_bytes}));
  packet.meta().l3_offset = wire::ethernet_header_bytes;
  packet.meta().l4_offset = 0;
  if (hooks_ != nullptr) {
    const HookVerdict verdict = pass_output(*hop, destination, packet);
    if (verdict != HookVerdict::accept) return verdict == HookVerdict::drop ? SendVerdict::denied : SendVerdict::sent;
  }
  finish_output(*hop->interface, hop->next_hop, destination, std::move(packet));
  return SendVerdict::sent;
}

}  // namespace millrace::ip
