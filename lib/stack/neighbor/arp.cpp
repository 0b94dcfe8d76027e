// SPDX-License-Identifier: BSD-3-Clause
// ARP: asks, answers, and learns from what others ask and answer. Called by the stack for each ARP frame and by
// neighbors.cpp to probe; calls update() of the state machine. RFC 826, RFC 5227; net/ipv4/arp.c.
#include <millrace/pkt/pool.hpp>
#include <millrace/stack/neighbor/link_address.hpp>
#include <millrace/stack/neighbor/neighbors.hpp>
#include <millrace/stack/neighbor/news.hpp>
#include <millrace/wire/ethernet.hpp>

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

}  // namespace

void Neighbors::receive_arp(Interface& interface, pkt::Packet frame) {
  const pkt::Meta meta = frame.meta();
  if (meta.type == pkt::PacketType::other_host) return drop(env_, std::move(frame), DropReason::other_host);
  if (frame.data().size() < meta.l3_offset) return drop(env_, std::move(frame), DropReason::arp_invalid);
  const auto view = wire::ArpView::parse(frame.data().subspan(meta.l3_offset));
  if (!view || !is_sane(interface, view->packet())) return drop(env_, std::move(frame), DropReason::arp_invalid);
  const wire::ArpPacket arp = view->packet();
  if (interface.has_address(arp.sender_ip)) return drop(env_, std::move(frame), DropReason::address_conflict);

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
  } else if (e != nullptr) {
    // arp_process(): only an answer to us proves anything, and for a second the first of two answers stands.
    const bool proof = arp.op == arp_op::reply && meta.type == pkt::PacketType::host;
    const bool gratuitous = arp.sender_ip == arp.target_ip;
    update(*e, {.mac = arp.sender_mac,
                .state = proof ? State::reachable : State::stale,
                .override = gratuitous || env_.now > e->updated + options_.locktime});
  }
  consume(env_, std::move(frame), stats::Ledger::used);
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
