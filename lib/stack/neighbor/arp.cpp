// SPDX-License-Identifier: BSD-3-Clause
// ARP: asks, answers, and learns from what others ask and answer. Called by the stack for each ARP frame and by
// neighbors.cpp to probe; calls update() of the state machine. RFC 826, RFC 5227; net/ipv4/arp.c.
#include <millrace/pkt/pool.hpp>
#include <millrace/stack/neighbor/link_address.hpp>
#include <millrace/stack/neighbor/neighbors.hpp>
#include <millrace/stack/neighbor/news.hpp>
#include <millrace/wire/ethernet.hpp>

#include <algorithm>

namespace millrace::neighbor {

using stats::DropReason;
namespace arp_op = wire::arp_op;

namespace {

// RFC 1812 section 3.3.2: nobody's link address is a group address; and no group sends.
bool is_sane(const Interface& interface, const wire::ArpPacket& arp) {
  if (arp.op != arp_op::request && arp.op != arp_op::reply) return false;
  if (arp.sender_mac.is_multicast() || arp.sender_ip.is_multicast() || arp.sender_ip.is_loopback()) return false;
  return !is_broadcast(interface, arp.sender_ip) && !arp.target_ip.is_multicast() && !arp.target_ip.is_loopback();
}

// arp_is_garp(): a gratuitous reply names its sender's MAC as target, too.
bool is_gratuitous(const wire::ArpPacket& arp) {
  return arp.sender_ip == arp.target_ip && (arp.op == arp_op::request || arp.target_mac == arp.sender_mac);
}

}  // namespace

void Neighbors::receive_arp(Interface& interface, pkt::Packet frame) {
  const pkt::Meta meta = frame.meta();
  if (meta.type == pkt::PacketType::other_host) return drop(env_, std::move(frame), DropReason::other_host);
  if (frame.data().size() < meta.l3_offset) return drop(env_, std::move(frame), DropReason::arp_invalid);
  const auto view = wire::ArpView::parse(frame.data().subspan(meta.l3_offset));
  if (!view || !is_sane(interface, view->packet())) return drop(env_, std::move(frame), DropReason::arp_invalid);
  const wire::ArpPacket arp = view->packet();
  if (arp.sender_mac == interface.mac) return consume(env_, std::move(frame), stats::Ledger::used);  // our own, come back
  for (ArpListener* l = listeners_.front(); l != nullptr;) {
    ArpListener& listener = *l;
    l = listeners_.next(listener);  // it may leave when it has heard enough
    listener.heard_arp(interface, arp);
  }
  if (interface.has_address(arp.sender_ip)) return claimed_by_another(interface, arp, std::move(frame));

  const bool asks_us = arp.op == arp_op::request && interface.has_address(arp.target_ip);
  if (arp.sender_ip.is_unspecified()) {  // RFC 5227 section 2.1.1: a probe; there is nothing to learn from it
    if (asks_us && !meta.is_copy) return answer_arp(interface, arp, std::move(frame));
    return consume(env_, std::move(frame), stats::Ledger::used);
  }
  Entry* e = lookup(interface, arp.sender_ip);
  if (asks_us) {
    // RFC 826: who asks us is about to talk to us, so it is worth an entry.
    if (e == nullptr && !meta.is_copy) e = create(interface, arp.sender_ip);
    if (e != nullptr) update(*e, {.mac = arp.sender_mac, .state = State::stale, .override = true});
    if (!meta.is_copy) return answer_arp(interface, arp, std::move(frame));
  } else {
    if (e == nullptr && makes_entry(interface, arp)) e = create(interface, arp.sender_ip);
    if (e == nullptr) return consume(env_, std::move(frame), stats::Ledger::used);
    // arp_process(): only an answer to us proves anything, and for a second the first of two answers stands.
    const bool proof = arp.op == arp_op::reply && meta.type == pkt::PacketType::host;
    update(*e, {.mac = arp.sender_mac,
                .state = proof ? State::reachable : State::stale,
                .override = is_gratuitous(arp) || env_.now > e->updated + options_.locktime});
  }
  consume(env_, std::move(frame), stats::Ledger::used);
}

// arp_accept: does one who was not asked for become known?
bool Neighbors::makes_entry(const Interface& interface, const wire::ArpPacket& arp) const {
  if (options_.arp_accept == 0 || (arp.op != arp_op::reply && !is_gratuitous(arp))) return false;
  return options_.arp_accept == 1 ||
         std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [&](const IpPrefix& own) { return own.address.is_v4() && own.contains(arp.sender_ip); });
}

// RFC 5227 section 2.4, (c): the address is kept, and its link is told so once in ten seconds.
void Neighbors::claimed_by_another(Interface& interface, const wire::ArpPacket& arp, pkt::Packet frame) {
  constexpr Duration defend_interval = 10s;
  const bool is_copy = frame.meta().is_copy;
  drop(env_, std::move(frame), DropReason::address_conflict);
  if (is_copy) return;
  env_.stats->neighbor.add(stats::Neighbor::address_conflicts);
  if (!options_.arp_defend || env_.now < defended_ + defend_interval) return;
  defended_ = env_.now;
  announce(interface, arp.sender_ip);
}

void Neighbors::announce(Interface& interface, const IpAddress& address) {
  env_.stats->neighbor.add(stats::Neighbor::announcements);
  send_arp(interface, broadcast_mac,
           {.op = arp_op::request, .sender_mac = interface.mac, .sender_ip = address, .target_mac = {}, .target_ip = address});
}

void Neighbors::send_arp_probe(Interface& interface, const IpAddress& address) {
  env_.stats->neighbor.add(stats::Neighbor::probes_sent);
  send_arp(interface, broadcast_mac,
           {.op = arp_op::request,
            .sender_mac = interface.mac,
            .sender_ip = IpAddress::v4(0, 0, 0, 0),
            .target_mac = {},
            .target_ip = address});
}

void Neighbors::answer_arp(Interface& interface, const wire::ArpPacket& request, pkt::Packet frame) {
  consume(env_, std::move(frame), stats::Ledger::used);
  send_arp(interface, request.sender_mac,
           {.op = arp_op::reply,
            .sender_mac = interface.mac,
            .sender_ip = request.target_ip,
            .target_mac = request.sender_mac,
            .target_ip = request.sender_ip});
}

void Neighbors::send_arp_request(Entry& e, bool unicast) {
  const auto own = own_address_towards(*e.interface, e.address);
  send_arp(*e.interface, unicast ? e.mac() : broadcast_mac,
           {.op = arp_op::request,
            .sender_mac = e.interface->mac,
            .sender_ip = own.value_or(IpAddress::v4(0, 0, 0, 0)),
            .target_mac = unicast ? e.mac() : MacAddress{},
            .target_ip = e.address});
}

void Neighbors::send_arp(Interface& interface, const MacAddress& to, const wire::ArpPacket& arp) {
  pkt::Packet frame = make_packet(env_);
  if (!frame) return env_.stats->neighbor.add(stats::Neighbor::no_buffer);
  std::uint8_t* out = frame.append(wire::ethernet_header_bytes + wire::arp_bytes);
  wire::emit(wire::EthernetHeader{to, interface.mac, wire::ethertype::arp}, out);
  wire::emit(arp, out + wire::ethernet_header_bytes);
  pkt::Meta& meta = frame.meta();
  meta.l3_offset = wire::ethernet_header_bytes;
  meta.ethertype = wire::ethertype::arp;
  meta.ifindex = interface.ifindex;
  interface.output->transmit(std::move(frame));
}

}  // namespace millrace::neighbor
