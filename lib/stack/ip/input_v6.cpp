// SPDX-License-Identifier: BSD-3-Clause
// IPv6 input: the checks in ipv6_rcv's order, then local delivery or forwarding. Called by Stack::input; calls the transports
// and forward.cpp.
// RFC 8200, RFC 4291; net/ipv6/ip6_input.c (receive_path H7, H12).
#include <millrace/stack/ip/stack.hpp>

#include <millrace/stack/ip/ext_headers.hpp>
#include <millrace/stack/ip/mib.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/nd.hpp>

#include <algorithm>
#include <cstring>
#include <optional>

namespace millrace::ip {

using stats::DropReason;
using Counter = stats::Ip6;
using Verdict = ExtHeaders::Verdict;

namespace {

constexpr IpAddress all_nodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
constexpr IpAddress all_routers{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

// ip6_rcv_core(): loopback (RFC 4291 section 2.5.3) and IPv4-mapped addresses, multicast sources and the scopes that
// end within a node (section 2.7) are never on a link. A mapped address would pass for IPv4 in all that follows.
bool are_possible(const neighbor::Interface& interface, const IpAddress& source, const IpAddress& destination) {
  if (source.is_v4() || destination.is_v4()) return false;
  if (!interface.is_loopback && (source.is_loopback() || destination.is_loopback())) return false;
  if (source.is_multicast()) return false;
  return !destination.is_multicast() || (destination.bytes[1] & 15) > 1;
}

// The groups that every node is in: all nodes, and the solicited-node groups of its addresses.
bool is_joined(const neighbor::Interface& interface, const IpAddress& group) {
  if (group == all_nodes) return true;
  for (const IpPrefix& own : interface.addresses)
    if (!own.address.is_v4() && wire::solicited_node(own.address) == group) return true;
  return false;
}

// RFC 8200 section 4.5: the fragments of which the sender is told, where it points to.
std::optional<Problem> fragment_problem(std::span<const std::uint8_t> packet, const ExtHeaders& ext, const wire::Ipv6FragmentHeader& fragment,
                                        std::uint32_t end) {
  constexpr std::uint32_t payload_length_at = 4;
  const std::uint32_t header_at = ext.offset - std::uint32_t{wire::ipv6_fragment_header_bytes};
  if (fragment.offset == 0 && !holds_header_chain(packet.subspan(ext.offset), ext.proto))
    return Problem{ErrorKind::parameter_problem, 0, wire::icmp6_parameter_problem::incomplete_chain};
  if (fragment.more && end % 8 != 0)
    return Problem{ErrorKind::parameter_problem, payload_length_at, wire::icmp6_parameter_problem::header_field};
  if (header_at - wire::ipv6_header_bytes + end > 65535)
    return Problem{ErrorKind::parameter_problem, header_at + 2, wire::icmp6_parameter_problem::header_field};
  return std::nullopt;
}

// What lies in front of the first fragment's Fragment header, that of the link included, moves up to what lies behind it.
void remove_fragment_header(pkt::Packet& whole) {
  std::uint8_t* const ip = whole.data().data();
  const wire::Ipv6Walk walk = wire::walk_ipv6(whole.data());
  ip[walk.fragment_proto_at] = walk.proto;
  const std::size_t link = std::min<std::size_t>(whole.meta().l3_offset, whole.headroom());
  std::memmove(ip - link + wire::ipv6_fragment_header_bytes, ip - link, link + walk.fragment_at);
  whole.trim_front(wire::ipv6_fragment_header_bytes);
}

}  // namespace

void Stack::input_v6(neighbor::Interface& interface, pkt::Packet packet) {
  auto& count = env_.stats->ip6;
  const bool is_new = !packet.meta().is_reassembled;
  if (is_new) count_received(count, packet.length());
  const auto refuse = [&](Counter counter, DropReason reason) {
    count.add(counter);
    drop(env_, std::move(packet), reason);
  };
  const auto ip = wire::Ipv6View::parse(packet.data());
  if (!ip) return refuse(Counter::InHdrErrors, DropReason::ip_bad_header);
  if (is_new) count_ecn(count, packet, ip->traffic_class());
  const IpAddress source = ip->source();
  const IpAddress destination = ip->destination();
  if (!are_possible(interface, source, destination)) return refuse(Counter::InHdrErrors, DropReason::ip_invalid_source);
  const std::uint32_t length = wire::ipv6_header_bytes + ip->payload_length();
  if (length > packet.length()) return refuse(Counter::InTruncatedPkts, DropReason::ip_truncated);
  packet.truncate(length);
  if (is_new && !passes(judge_hop_by_hop(packet.data(), destination.is_multicast()), packet)) return;

  if (hooks_ != nullptr && is_new && hooks_->run({.hook = Hook::pre_routing, .in = &interface}, packet) != HookVerdict::accept) return;
  route_v6(interface, std::move(packet));
}

// ip6_input(): fragments pass the hook as they come.
void Stack::deliver_local_v6(neighbor::Interface& interface, pkt::Packet packet, const Demuxed& demuxed) {
  if (hooks_ != nullptr && !packet.meta().is_reassembled && hooks_->run({.hook = Hook::local_in, .in = &interface}, packet) != HookVerdict::accept) return;
  follow_headers(interface, std::move(packet), hooks_ == nullptr ? demuxed.socket : nullptr);
}

// ip6_rcv_finish(), ip6_route_input(): for this host, or for another?
void Stack::route_v6(neighbor::Interface& interface, pkt::Packet packet) {
  const IpAddress destination = wire::Ipv6View::parse(packet.data())->destination();
  if (destination.is_multicast()) {
    const wire::Ipv6View ip = *wire::Ipv6View::parse(packet.data());
    if (!packet.meta().is_reassembled) count_bytes(env_.stats->ip6, Counter::InMcastPkts, Counter::InMcastOctets, packet);
    const bool is_routers = destination == all_routers && forwarding_.v6;
    if (!is_routers && !is_joined(interface, destination) && !is_wanted(interface, destination, ip.source(), ip.next_header()))
      return drop(env_, std::move(packet), DropReason::group_unwanted);
    return deliver_local_v6(interface, std::move(packet));
  }
  const wire::Ipv6View ip = *wire::Ipv6View::parse(packet.data());
  const Demuxed demuxed = demux(packet.data().subspan(wire::ipv6_header_bytes), ip.next_header(), destination, ip.source());
  if (is_current(demuxed, interface)) return deliver_local_v6(interface, std::move(packet), demuxed);
  env_.stats->ip.add(stats::Ip::FibLookups);
  const bool is_own = local_.find(destination) == LocalTable::Kind::local;
  const NextHop* const hop = is_own ? nullptr : routes_.lookup(destination);
  if (is_own || (hop != nullptr && hop->type == RouteType::local)) {
    remember(demuxed, interface);
    return deliver_local_v6(interface, std::move(packet), demuxed);
  }
  forward_v6(interface, std::move(packet), hop);
}

// What the headers' options forbid. False: the packet is gone.
bool Stack::passes(const ExtHeaders& ext, pkt::Packet& packet) {
  const auto refuse = [&](Counter counter, DropReason reason) {
    env_.stats->ip6.add(counter);
    drop(env_, std::move(packet), reason);
    return false;
  };
  switch (ext.verdict) {
    case Verdict::deliver:
    case Verdict::fragment: return true;
    case Verdict::no_next_header: return refuse(Counter::InDelivers, DropReason::ip6_no_next_header);  // counted so by Linux
    case Verdict::malformed: return refuse(Counter::InHdrErrors, DropReason::ip_bad_header);
    case Verdict::discard: return refuse(Counter::InHdrErrors, DropReason::ip6_bad_option);
    case Verdict::misaddressed: return refuse(Counter::InAddrErrors, DropReason::ip6_bad_option);
    case Verdict::report:
      report(packet, {.kind = ErrorKind::parameter_problem, .info = ext.pointer, .code = ext.code});
      return refuse(Counter::InHdrErrors, DropReason::ip6_bad_option);
  }
  return false;
}

// ip6_protocol_deliver_rcu(), down to the upper layer.
void Stack::follow_headers(neighbor::Interface& interface, pkt::Packet packet, void* socket) {
  const bool to_group = wire::Ipv6View::parse(packet.data())->destination().is_multicast();
  const ExtHeaders ext = judge_ext_headers(packet.data(), to_group, packet.meta().type == pkt::PacketType::host);
  if (ext.has_atomic_fragment) {  // counted so by Linux
    env_.stats->ip6.add(Counter::ReasmReqds);
    env_.stats->ip6.add(Counter::ReasmOKs);
  }
  if (!passes(ext, packet)) return;
  if (ext.verdict == Verdict::deliver) return deliver_v6(interface, std::move(packet), ext, socket);
  // ipv6_frag_rcv(): what was in fragments is not itself one, or a packet could be wrapped without end.
  if (packet.meta().is_reassembled) {
    env_.stats->ip6.add(Counter::InHdrErrors);
    return drop(env_, std::move(packet), DropReason::ip_bad_header);
  }
  packet = reassemble_v6(std::move(packet), ext);
  if (packet) follow_headers(interface, std::move(packet));
}

// ipv6_frag_rcv(). Null: fragments are missing, the whole is another lcore's, or there is a problem with this one.
pkt::Packet Stack::reassemble_v6(pkt::Packet packet, const ExtHeaders& ext) {
  const std::span<const std::uint8_t> bytes = packet.data();
  const wire::Ipv6View ip = *wire::Ipv6View::parse(bytes);
  const std::size_t header_at = ext.offset - wire::ipv6_fragment_header_bytes;
  const wire::Ipv6FragmentHeader header = *wire::Ipv6FragmentHeader::parse(bytes.subspan(header_at));
  const std::uint32_t end = header.offset + packet.length() - ext.offset;
  if (const auto problem = fragment_problem(bytes, ext, header, end)) {
    env_.stats->ip6.add(Counter::ReasmReqds);
    env_.stats->ip6.add(Counter::InHdrErrors);
    report(packet, *problem);
    drop(env_, std::move(packet), DropReason::frag_malformed);
    return {};
  }
  Reassembly::Whole whole = fragments_v6_.add(std::move(packet), {.key = {ip.source(), ip.destination(), header.id, 0},
                                                                  .begin = header.offset,
                                                                  .end = end,
                                                                  .header_bytes = ext.offset,
                                                                  .more = header.more,
                                                                  .ecn = static_cast<std::uint8_t>(ip.traffic_class() & 3)});
  if (!whole.packet) return {};
  remove_fragment_header(whole.packet);
  std::uint8_t* const first = whole.packet.data().data();
  first[1] |= static_cast<std::uint8_t>(whole.ecn << 4);
  wire::set_ipv6_payload_length(first, static_cast<std::uint16_t>(whole.packet.length() - wire::ipv6_header_bytes));
  return begin_anew(std::move(whole.packet));
}

// ip6_protocol_deliver_rcu().
void Stack::deliver_v6(neighbor::Interface& interface, pkt::Packet packet, const ExtHeaders& ext, void* socket) {
  Transport* transport = protocols_[ext.proto];
  const wire::Ipv6View ip = *wire::Ipv6View::parse(packet.data());
  Delivery delivery{.source = ip.source(),
                    .destination = ip.destination(),
                    .hop_limit = ip.hop_limit(),
                    .traffic_class = ip.traffic_class(),
                    .interface = &interface};
  const bool is_seen = raw_ != nullptr && raw_->is_listening() && raw_->receive(packet, ext.offset, ext.proto, delivery);
  if (transport == nullptr && is_seen) {
    env_.stats->ip6.add(Counter::InDelivers);
    return consume(env_, std::move(packet), stats::Ledger::used);
  }
  if (transport == nullptr || ext.proto == wire::ip_proto::icmp) {
    env_.stats->ip6.add(Counter::InUnknownProtos);
    report(packet, {.kind = ErrorKind::protocol_unreachable, .info = ext.proto_at});
    return drop(env_, std::move(packet), DropReason::ip_unknown_proto);
  }
  env_.stats->ip6.add(Counter::InDelivers);
  if (!is_seen) delivery.socket = socket;  // who saw it may have closed sockets
  know_flow(packet, delivery);
  hand_over(*transport, std::move(packet), ext.offset, delivery);
}

}  // namespace millrace::ip
