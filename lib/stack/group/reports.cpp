// SPDX-License-Identifier: BSD-3-Clause
// Puts reports on the wire. Called by changes.cpp and queries.cpp; calls neighbor::Neighbors::send. RFC 3376 section 4.2, RFC
// 3810 section 5.2, RFC 2113 and RFC 2711 (Router Alert); igmp_send_report, mld_sendpack (receive_path H11).
#include <millrace/stack/group/membership.hpp>

#include <millrace/wire/checksum.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>

#include <algorithm>
#include <cstring>

namespace millrace::group {
namespace {

using stats::Icmp6;
using stats::Ip;
using stats::Ip6;

constexpr std::array<std::uint8_t, 4> router_alert_v4{0x94, 4, 0, 0};
constexpr std::uint8_t internetwork_control = 0xc0;  // RFC 3376 section 4
constexpr std::size_t hop_by_hop_bytes = 8;
constexpr std::size_t most_bytes = 1400;  // of one report's records: whatever the link, it fits, and so the buffer

const IpAddress igmp_v3_routers = IpAddress::v4(224, 0, 0, 22);
const IpAddress all_routers_v4 = IpAddress::v4(224, 0, 0, 2);
constexpr IpAddress mld_v2_routers{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16}};
constexpr IpAddress all_routers_v6{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

// Section 4.2.13, RFC 3810 section 5.2.13 and RFC 3590: one who has no address yet says so.
IpAddress source_of(const neighbor::Interface& interface, bool v4) {
  const auto own = std::find_if(interface.addresses.begin(), interface.addresses.end(),
                                [&](const IpPrefix& p) { return p.address.is_v4() == v4 && (v4 || p.address.is_link_local()); });
  if (own != interface.addresses.end()) return own->address;
  return v4 ? IpAddress::v4(0, 0, 0, 0) : IpAddress{};
}

}  // namespace

// As many reports as the records need; one that is too long for one alone says less (section 4.2.16).
void Groups::send_records(neighbor::Interface& interface, std::vector<wire::MembershipRecord> records) {
  const bool v4 = records.front().group.is_v4();
  std::vector<wire::MembershipRecord> part;
  std::size_t bytes = 0;
  const auto flush = [&] {
    if (part.empty()) return;
    std::vector<std::uint8_t> message = wire::make_membership_report(part);
    if (v4) {
      send_v4(interface, igmp_v3_routers, message);
    } else {
      send_v6(interface, mld_v2_routers, std::move(message));
    }
    part.clear();
    bytes = 0;
  };
  for (wire::MembershipRecord& record : records) {
    while (record.bytes() > most_bytes) record.sources.pop_back();
    if (bytes + record.bytes() > most_bytes) flush();
    bytes += record.bytes();
    part.push_back(std::move(record));
  }
  flush();
}

void Groups::send_report(Membership& m, int version) {
  m.last_reporter = true;
  if (!m.link.v4) return send_v6(m.link.interface, m.group, wire::make_mld(wire::icmp6_type::listener_report, m.group));
  send_v4(m.link.interface, m.group, wire::make_igmp(version == 1 ? wire::igmp_type::report_v1 : wire::igmp_type::report_v2, m.group));
}

// RFC 2236 section 3: if another host reported last, the router will hear from it.
void Groups::send_leave(Membership& m) {
  if (!m.last_reporter || (m.link.v4 && version_of(m.link) == 1)) return;
  if (!m.link.v4) return send_v6(m.link.interface, all_routers_v6, wire::make_mld(wire::icmp6_type::listener_done, m.group));
  send_v4(m.link.interface, all_routers_v4, wire::make_igmp(wire::igmp_type::leave, m.group));
}

void Groups::send_v4(neighbor::Interface& interface, const IpAddress& to, const std::vector<std::uint8_t>& message) {
  pkt::Packet packet = make_packet(env_);
  if (!packet) return env_.stats->neighbor.add(stats::Neighbor::no_buffer);
  constexpr std::size_t header_bytes = wire::ipv4_header_bytes + router_alert_v4.size();
  const auto length = static_cast<std::uint16_t>(header_bytes + message.size());
  std::uint8_t* const out = packet.append(length);
  wire::emit(wire::Ipv4Header{.source = source_of(interface, true),
                              .destination = to,
                              .total_length = length,
                              .tos = internetwork_control,
                              .ttl = 1,
                              .proto = wire::ip_proto::igmp,
                              .dont_fragment = true},
             out);
  out[0] = 0x40 | header_bytes / 4;
  std::copy(router_alert_v4.begin(), router_alert_v4.end(), out + wire::ipv4_header_bytes);
  store_be16(out + 10, 0);
  store_be16(out + 10, wire::checksum({out, header_bytes}));
  std::memcpy(out + header_bytes, message.data(), message.size());
  pkt::Meta& meta = packet.meta();
  meta.l3_offset = wire::ethernet_header_bytes;
  meta.l4_offset = static_cast<std::uint16_t>(wire::ethernet_header_bytes + header_bytes);
  meta.l4_proto = wire::ip_proto::igmp;
  auto& count = env_.stats->ip;
  for (const Ip counter : {Ip::OutRequests, Ip::OutTransmits, Ip::OutMcastPkts}) count.add(counter);
  for (const Ip counter : {Ip::OutOctets, Ip::OutMcastOctets}) count.add(counter, length);
  neighbors_.send(interface, to, std::move(packet));
}

void Groups::send_v6(neighbor::Interface& interface, const IpAddress& to, std::vector<std::uint8_t> message) {
  pkt::Packet packet = make_packet(env_);
  if (!packet) return env_.stats->neighbor.add(stats::Neighbor::no_buffer);
  const IpAddress source = source_of(interface, false);
  wire::seal_icmp6(message, source, to);
  const auto payload = static_cast<std::uint16_t>(hop_by_hop_bytes + message.size());
  std::uint8_t* out = packet.append(static_cast<std::uint16_t>(wire::ipv6_header_bytes + payload));
  wire::emit(wire::Ipv6Header{.source = source,
                              .destination = to,
                              .payload_length = payload,
                              .next_header = wire::ip_proto::hop_by_hop,
                              .hop_limit = 1},
             out);
  // RFC 2711: a router looks at it; two bytes of padding make the header whole.
  constexpr std::array<std::uint8_t, hop_by_hop_bytes> alert{wire::ip_proto::icmp6, 0, 5, 2, 0, 0, 1, 0};
  std::copy(alert.begin(), alert.end(), out + wire::ipv6_header_bytes);
  std::memcpy(out + wire::ipv6_header_bytes + alert.size(), message.data(), message.size());
  pkt::Meta& meta = packet.meta();
  meta.l3_offset = wire::ethernet_header_bytes;
  meta.l4_offset = static_cast<std::uint16_t>(wire::ethernet_header_bytes + wire::ipv6_header_bytes + alert.size());
  meta.l4_proto = wire::ip_proto::icmp6;
  auto& count = env_.stats->ip6;
  for (const Ip6 counter : {Ip6::OutRequests, Ip6::OutTransmits, Ip6::OutMcastPkts}) count.add(counter);
  for (const Ip6 counter : {Ip6::OutOctets, Ip6::OutMcastOctets}) count.add(counter, wire::ipv6_header_bytes + payload);
  env_.stats->icmp6.add(Icmp6::OutMsgs);
  env_.stats->icmp6.add(message[0] == wire::icmp6_type::listener_report      ? Icmp6::OutGroupMembResponses
                        : message[0] == wire::icmp6_type::listener_report_v2 ? Icmp6::OutMLDv2Reports
                                                                             : Icmp6::OutGroupMembReductions);
  neighbors_.send(interface, to, std::move(packet));
}

}  // namespace millrace::group
