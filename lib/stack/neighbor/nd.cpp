// SPDX-License-Identifier: BSD-3-Clause
// Neighbour discovery: solicits, advertises, and learns from both. Called by icmp::Icmp for each ND message and by
// neighbors.cpp to probe; calls update() of the state machine. RFC 4861 section 7; net/ipv6/ndisc.c.
#include <millrace/pkt/pool.hpp>
#include <millrace/stack/neighbor/link_address.hpp>
#include <millrace/stack/neighbor/neighbors.hpp>
#include <millrace/stack/neighbor/news.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/nd.hpp>

#include <array>

namespace millrace::neighbor {

using stats::DropReason;
using stats::Icmp6;
using stats::Ip6;

namespace {

constexpr std::uint8_t nd_hop_limit = 255;  // RFC 4861 section 3.1: proves that no router forwarded it
constexpr IpAddress all_routers{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};
constexpr IpAddress all_nodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

/// An IPv6 packet with one ND message, ready for the link; null when the pool is empty.
template <class Message>
pkt::Packet make_packet(Env& env, const IpAddress& source, const IpAddress& destination, const Message& message) {
  pkt::Packet packet = millrace::make_packet(env);
  if (!packet) {
    env.stats->neighbor.add(stats::Neighbor::no_buffer);
    env.stats->icmp6.add(Icmp6::OutErrors);
    return packet;
  }
  std::array<std::uint8_t, wire::nd_max_bytes> body;
  const auto length = static_cast<std::uint16_t>(wire::emit(message, body.data()));
  wire::seal_icmp6({body.data(), length}, source, destination);
  std::uint8_t* out = packet.append(static_cast<std::uint16_t>(wire::ipv6_header_bytes + length));
  wire::emit(wire::Ipv6Header{.source = source,
                              .destination = destination,
                              .payload_length = length,
                              .next_header = wire::ip_proto::icmp6,
                              .hop_limit = nd_hop_limit},
             out);
  std::memcpy(out + wire::ipv6_header_bytes, body.data(), length);
  pkt::Meta& meta = packet.meta();
  meta.l3_offset = wire::ethernet_header_bytes;
  meta.l4_offset = wire::ethernet_header_bytes + wire::ipv6_header_bytes;
  meta.l4_proto = wire::ip_proto::icmp6;
  env.stats->ip6.add(Ip6::OutRequests);
  env.stats->ip6.add(Ip6::OutTransmits);
  env.stats->icmp6.add(Icmp6::OutMsgs);
  return packet;
}

}  // namespace

void Neighbors::receive_nd(Interface& interface, const NdSource& from, pkt::Packet message) {
  if (from.hop_limit != nd_hop_limit) return drop(env_, std::move(message), DropReason::nd_invalid);
  switch (message.data()[0]) {
    case wire::icmp6_type::neighbor_solicitation:
      return receive_solicitation(interface, from, std::move(message));
    case wire::icmp6_type::neighbor_advertisement:
      return receive_advertisement(interface, from, std::move(message));
    case wire::icmp6_type::router_advertisement:
    case wire::icmp6_type::redirect:
      return receive_from_router(interface, from, std::move(message));
    default:
      return drop(env_, std::move(message), DropReason::nd_ignored);
  }
}

void Neighbors::receive_solicitation(Interface& interface, const NdSource& from, pkt::Packet message) {
  const bool is_copy = message.meta().is_copy;
  const auto ns = wire::NeighborSolicitation::parse(message.data());
  // Section 7.1.1: an unspecified source is duplicate address detection, which has a form of its own.
  const bool detects = from.source.is_unspecified();
  const bool valid = ns && !(detects && (ns->source_link || from.destination != wire::solicited_node(ns->target))) &&
                     !(ns->source_link && ns->source_link->is_multicast());
  if (!valid) return drop(env_, std::move(message), DropReason::nd_invalid);
  if (interface.has_address(from.source)) return drop(env_, std::move(message), DropReason::address_conflict);
  consume(env_, std::move(message), stats::Ledger::used);
  if (concerns_tentative(interface, {.target = ns->target, .source = from.source, .nonce = ns->nonce})) return;
  if (!interface.has_address(ns->target)) return;
  if (ns->source_link) {  // section 7.2.3
    Entry* e = lookup(interface, from.source);
    if (e == nullptr && !is_copy) e = create(interface, from.source);
    if (e != nullptr) update(*e, {.mac = ns->source_link, .state = State::stale, .override = true});
  }
  if (is_copy) return;
  if (detects) return send_advertisement(interface, all_nodes, ns->target, false);
  send_advertisement(interface, from.source, ns->target, true);
}

void Neighbors::receive_advertisement(Interface& interface, const NdSource& from, pkt::Packet message) {
  const auto na = wire::NeighborAdvertisement::parse(message.data());
  // Section 7.1.2: an answer to one solicitation is not sent to a group.
  if (!na || (na->solicited && from.destination.is_multicast()) || (na->target_link && na->target_link->is_multicast()))
    return drop(env_, std::move(message), DropReason::nd_invalid);
  if (interface.has_address(na->target)) {
    env_.stats->neighbor.add(stats::Neighbor::address_conflicts);
    return drop(env_, std::move(message), DropReason::address_conflict);
  }
  consume(env_, std::move(message), stats::Ledger::used);
  if (concerns_tentative(interface, {.target = na->target, .source = from.source, .is_advertisement = true})) return;
  Entry* e = lookup(interface, na->target);
  if (e == nullptr) return;  // section 7.2.5: nobody asked
  update(*e, {.mac = na->target_link,
              .state = na->solicited ? State::reachable : State::stale,
              .override = na->override_existing,
              .weak_override = true});
}

// Section 7.2.2.
void Neighbors::send_solicitation(Entry& e, bool unicast) {
  Interface& interface = *e.interface;
  const auto source = own_address_towards(interface, e.address);
  if (!source) return;  // without an address of ours it would be duplicate address detection
  const IpAddress destination = unicast ? e.address : wire::solicited_node(e.address);
  pkt::Packet packet = make_packet(env_, *source, destination,
                                   wire::NeighborSolicitation{.target = e.address, .source_link = interface.mac, .nonce = {}});
  if (!packet) return;
  env_.stats->icmp6.add(Icmp6::OutNeighborSolicits);
  wire::emit(wire::EthernetHeader{unicast ? e.mac() : wire::multicast_mac(destination), interface.mac, wire::ethertype::ipv6},
             packet.prepend(wire::ethernet_header_bytes));
  packet.meta().ethertype = wire::ethertype::ipv6;
  packet.meta().ifindex = interface.ifindex;
  interface.output->transmit(std::move(packet));
}

// RFC 4862 section 5.4.2: no link address, for the sender has no address yet to be learnt.
void Neighbors::send_dad_solicitation(Interface& interface, const IpAddress& target, const wire::Nonce& nonce) {
  const IpAddress group = wire::solicited_node(target);
  pkt::Packet packet = make_packet(env_, IpAddress{}, group, wire::NeighborSolicitation{.target = target, .source_link = {}, .nonce = nonce});
  if (!packet) return;
  env_.stats->icmp6.add(Icmp6::OutNeighborSolicits);
  send(interface, group, std::move(packet));
}

// Section 6.3.7.
void Neighbors::send_router_solicitation(Interface& interface) {
  const auto source = own_address_towards(interface, all_routers);
  const bool is_known = source && source->is_link_local();
  pkt::Packet packet = make_packet(env_, is_known ? *source : IpAddress{}, all_routers,
                                   wire::RouterSolicitation{is_known ? std::optional(interface.mac) : std::nullopt});
  if (!packet) return;
  env_.stats->icmp6.add(Icmp6::OutRouterSolicits);
  send(interface, all_routers, std::move(packet));
}

// Sections 6.1.2 and 8.1: what a router says it says from its link-local address.
void Neighbors::receive_from_router(Interface& interface, const NdSource& from, pkt::Packet message) {
  if (!from.source.is_link_local()) return drop(env_, std::move(message), DropReason::nd_invalid);
  if (host_config_ == nullptr) return drop(env_, std::move(message), DropReason::nd_ignored);
  const auto ra = wire::RouterAdvertisement::parse(message.data());
  const auto redirect = wire::Redirect::parse(message.data());
  if (!ra && !redirect) return drop(env_, std::move(message), DropReason::nd_invalid);
  consume(env_, std::move(message), stats::Ledger::used);
  if (ra) return host_config_->receive_router_advertisement(interface, from.source, *ra);
  host_config_->receive_redirect(interface, from.source, *redirect);
}

// Section 7.2.4. The override flag is set, for none of our addresses is anycast or another's.
void Neighbors::send_advertisement(Interface& interface, const IpAddress& to, const IpAddress& target, bool solicited) {
  pkt::Packet packet = make_packet(env_, target, to,
                                   wire::NeighborAdvertisement{.target = target,
                                                               .target_link = interface.mac,
                                                               .router = is_router_,
                                                               .solicited = solicited,
                                                               .override_existing = true});
  if (!packet) return;
  env_.stats->icmp6.add(Icmp6::OutNeighborAdvertisements);
  send(interface, to, std::move(packet));
}

}  // namespace millrace::neighbor
