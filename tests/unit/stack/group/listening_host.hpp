// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/group/groups.hpp>
#include <millrace/wire/icmp6.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

namespace millrace::test {

inline const IpAddress group4 = addr("239.1.2.3"), group6 = addr("ff15::7");
inline const IpAddress source4 = addr("10.77.0.9"), source6 = addr("fd00:77::9");
inline const IpAddress all_hosts4 = addr("224.0.0.1"), all_nodes6 = addr("ff02::1");

/// A membership message that the host sent, as it was on the wire.
struct Told {
  IpAddress to;
  std::uint8_t type = 0;
  std::vector<wire::MembershipRecord> records{};  ///< of version 3, or MLD's 2
  IpAddress group{};                              ///< of the older ones
  bool operator==(const Told&) const = default;
};

/// What must hold of each, and what it says.
inline Told read_told(const Bytes& frame) {
  const Bytes packet = behind(frame, 14);
  if (const auto v4 = wire::Ipv4View::parse(packet)) {
    CHECK(v4->ttl() == 1);
    CHECK(v4->tos() == 0xc0);
    CHECK(v4->proto() == wire::ip_proto::igmp);
    CHECK(v4->options()[0] == 0x94);  // Router Alert
    CHECK(v4->checksum_valid());
    const Bytes message = behind(packet, v4->header_length());
    CHECK(wire::is_igmp_checksum_valid(message));
    Told told{.to = v4->destination(), .type = message[0]};
    if (message[0] == wire::igmp_type::report_v3) {
      told.records = wire::read_membership_report(message, true);
    } else {
      told.group = IpAddress::v4_from(&message[4]);
    }
    return told;
  }
  const auto v6 = wire::Ipv6View::parse(packet);
  REQUIRE(v6);
  CHECK(v6->hop_limit() == 1);
  CHECK((v6->source().is_link_local() || v6->source().is_unspecified()));
  CHECK(v6->next_header() == wire::ip_proto::hop_by_hop);
  CHECK(packet[42] == 5);  // Router Alert
  Bytes message = behind(packet, 48);
  wire::Sum sum = wire::pseudo_header(v6->source(), v6->destination(), wire::ip_proto::icmp6, static_cast<std::uint32_t>(message.size()));
  sum.add(message);
  CHECK(sum.is_valid());
  Told told{.to = v6->destination(), .type = message[0]};
  if (message[0] == wire::icmp6_type::listener_report_v2) {
    told.records = wire::read_membership_report(message, false);
  } else {
    told.group = IpAddress::v6_from(&message[8]);
  }
  return told;
}

struct ListeningHost : ScriptedHost {
  group::Groups& groups = ip.groups();

  std::vector<Told> told() {
    std::vector<Told> all;
    for (const Bytes& frame : wire.take()) all.push_back(read_told(frame));
    return all;
  }
  Told told_once() {
    const auto all = told();
    REQUIRE(all.size() == 1);
    return all[0];
  }
  void join(const IpAddress& group, group::Filter filter = group::Filter::all(), std::uint64_t who = 7) {
    REQUIRE(groups.set(interface, group, who, std::move(filter)) == 0);
  }
  void leave(const IpAddress& group, std::uint64_t who = 7) { REQUIRE(groups.set(interface, group, who, {}) == 0); }
  /// A join with everything told of it.
  void settle(const IpAddress& group) {
    join(group);
    advance(20s);
    (void)wire.take();
  }

  void igmp(Bytes message, const IpAddress& to = all_hosts4) {
    store_be16(&message[2], 0);
    store_be16(&message[2], wire::checksum(message));
    receives(ipv4_frame({.source = peer4, .destination = to, .ttl = 1, .proto = wire::ip_proto::igmp}, message));
  }
  void igmp_query(std::uint8_t code, const IpAddress& group = addr("0.0.0.0"), bool v3 = true, std::vector<IpAddress> sources = {}) {
    Bytes message{wire::igmp_type::query, code, 0, 0};
    message.insert(message.end(), group.v4_bytes(), group.v4_bytes() + 4);
    if (v3) message.insert(message.end(), {2, 125, 0, static_cast<std::uint8_t>(sources.size())});
    for (const IpAddress& source : sources) message.insert(message.end(), source.v4_bytes(), source.v4_bytes() + 4);
    igmp(message, group.is_unspecified() ? all_hosts4 : group);
  }
  void mld(Bytes message, const IpAddress& to, const IpAddress& from = peer_link, std::uint8_t hop_limit = 1) {
    wire::seal_icmp6(message, from, to);
    Bytes payload{wire::ip_proto::icmp6, 0, 5, 2, 0, 0, 1, 0};
    payload.insert(payload.end(), message.begin(), message.end());
    receives(ipv6_frame({.source = from, .destination = to, .next_header = wire::ip_proto::hop_by_hop, .hop_limit = hop_limit}, payload));
  }
  void mld_query(std::uint16_t code, const IpAddress& group = IpAddress{}, bool v2 = true) {
    Bytes message(24);
    message[0] = wire::icmp6_type::listener_query;
    store_be16(&message[4], code);
    std::copy(group.bytes.begin(), group.bytes.end(), message.begin() + 8);
    if (v2) message.insert(message.end(), {2, 125, 0, 0});
    mld(message, group.is_unspecified() ? all_nodes6 : group);
  }
};

}  // namespace millrace::test
