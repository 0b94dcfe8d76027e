// SPDX-License-Identifier: BSD-3-Clause
// IPv6 input: the checks in ipv6_rcv's order, then local delivery. Called by Stack::input; calls the transports.
// RFC 8200, RFC 4291; net/ipv6/ip6_input.c (receive_path H12).
#include <millrace/stack/ip/stack.hpp>

#include <millrace/stack/ip/ext_headers.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/nd.hpp>

namespace millrace::ip {

using stats::DropReason;
using Counter = stats::Ip6;
using Verdict = ExtHeaders::Verdict;

namespace {

constexpr IpAddress all_nodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

// ip6_rcv_core(): loopback (RFC 4291 section 2.5.3) and IPv4-mapped addresses, multicast sources and the scopes that
// end within a node (section 2.7) are never on a link. A mapped address would pass for IPv4 in all that follows.
bool are_possible(const IpAddress& source, const IpAddress& destination) {
  if (source.is_v4() || destination.is_v4() || source.is_loopback() || destination.is_loopback()) return false;
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

}  // namespace

void Stack::input_v6(neighbor::Interface& interface, pkt::Packet packet) {
  auto& count = env_.stats->ip6;
  count.add(Counter::InReceives);
  const auto refuse = [&](Counter counter, DropReason reason) {
    count.add(counter);
    drop(env_, std::move(packet), reason);
  };
  const auto ip = wire::Ipv6View::parse(packet.data());
  if (!ip) return refuse(Counter::InHdrErrors, DropReason::ip_bad_header);
  const IpAddress source = ip->source();
  const IpAddress destination = ip->destination();
  if (!are_possible(source, destination)) return refuse(Counter::InHdrErrors, DropReason::ip_invalid_source);
  const std::uint32_t length = wire::ipv6_header_bytes + ip->payload_length();
  if (length > packet.length()) return refuse(Counter::InTruncatedPkts, DropReason::ip_truncated);
  packet.truncate(length);

  if (destination.is_multicast() ? !is_joined(interface, destination) : !is_local(destination))
    return refuse(Counter::InAddrErrors, DropReason::not_local);
  const ExtHeaders ext = judge_ext_headers(packet.data(), destination.is_multicast());
  switch (ext.verdict) {
    case Verdict::deliver: return deliver_v6(interface, std::move(packet), ext);
    case Verdict::fragment:
      count.add(Counter::ReasmReqds);
      return refuse(Counter::ReasmFails, DropReason::frag_malformed);
    case Verdict::no_next_header:
      return refuse(Counter::InDelivers, DropReason::ip6_no_next_header);  // counted so by Linux
    case Verdict::malformed: return refuse(Counter::InHdrErrors, DropReason::ip_bad_header);
    case Verdict::discard: return refuse(Counter::InHdrErrors, DropReason::ip6_bad_option);
    case Verdict::report:
      report(packet, {.kind = ErrorKind::parameter_problem, .info = ext.pointer, .code = ext.code});
      return refuse(Counter::InHdrErrors, DropReason::ip6_bad_option);
  }
}

// ip6_protocol_deliver_rcu().
void Stack::deliver_v6(neighbor::Interface& interface, pkt::Packet packet, const ExtHeaders& ext) {
  Transport* transport = protocols_[ext.proto];
  if (transport == nullptr || ext.proto == wire::ip_proto::icmp) {
    env_.stats->ip6.add(Counter::InUnknownProtos);
    report(packet, {.kind = ErrorKind::protocol_unreachable, .info = ext.proto_at});
    return drop(env_, std::move(packet), DropReason::ip_unknown_proto);
  }
  env_.stats->ip6.add(Counter::InDelivers);
  const wire::Ipv6View ip = *wire::Ipv6View::parse(packet.data());
  Delivery delivery{.source = ip.source(),
                    .destination = ip.destination(),
                    .hop_limit = ip.hop_limit(),
                    .traffic_class = ip.traffic_class(),
                    .interface = &interface};
  hand_over(*transport, std::move(packet), ext.offset, delivery);
}

}  // namespace millrace::ip
