// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/group/groups.hpp>

#include "tests/unit/stack/group/listening_host.hpp"

using namespace millrace;
using namespace millrace::test;
using group::Filter;
using stats::DropReason;
using wire::RecordType;

namespace {

bool names(const Told& told, const IpAddress& group, RecordType type) {
  return std::any_of(told.records.begin(), told.records.end(), [&](const auto& r) { return r.group == group && r.type == type; });
}

}  // namespace

TEST_CASE("H11: RFC 3376 5.2: a general query is answered once, for all groups, within the time that it gives") {
  ListeningHost host;
  host.settle(group4);
  host.settle(addr("239.9.9.9"));
  host.igmp_query(100);
  host.advance(10s);
  const Told told = host.told_once();
  CHECK(told.records.size() == 2);
  CHECK(names(told, group4, RecordType::is_exclude));
  host.igmp_query(100);
  host.igmp_query(100);  // another querier: one answer is due anyway
  host.advance(10s);
  CHECK(host.told().size() == 1);
}

TEST_CASE("H11: RFC 3376 5.2 rule 1: an answer that is due sooner is not put off by another query, and says it all") {
  const auto answered_after = [](int queries) {
    ListeningHost host;
    host.settle(group4);
    const Instant begin = host.env.now;
    for (int i = 0; i < queries; ++i) host.igmp_query(100);
    std::vector<Told> told;
    while (told.empty() && host.env.now < begin + 10s) {
      host.advance(1ms);
      told = host.told();
    }
    CHECK(told.size() == 1);
    return host.env.now - begin;
  };
  CHECK(answered_after(1) == answered_after(5));
  ListeningHost host;
  host.settle(group4);
  host.igmp_query(10);
  host.igmp_query(100, group4);
  host.advance(20s);
  CHECK(names(host.told_once(), group4, RecordType::is_exclude));
}

TEST_CASE("H11: answers of many hosts are spread: not all are sent at once, none is late") {
  int early = 0;
  for (std::uint64_t seed = 0; seed < 32; ++seed) {
    ListeningHost host;
    host.env.rng = Rng(seed);
    host.settle(group4);
    host.igmp_query(100);
    host.advance(5s);
    early += static_cast<int>(host.told().size());
    host.advance(5s);
    (void)host.told();
  }
  CHECK(early > 4);
  CHECK(early < 28);
}

TEST_CASE("H11: a query of one group, and of sources of it, is answered for that") {
  ListeningHost host;
  host.settle(group4);
  host.settle(addr("239.9.9.9"));
  host.igmp_query(10, group4);
  host.advance(1s);
  Told told = host.told_once();
  CHECK(told.records == std::vector<wire::MembershipRecord>{{RecordType::is_exclude, group4, {}}});
  host.join(group4, {true, {peer4}});
  host.advance(1s);
  (void)host.told();
  host.igmp_query(10, group4, true, {peer4, source4});
  host.advance(1s);
  told = host.told_once();
  CHECK(told.records == std::vector<wire::MembershipRecord>{{RecordType::is_include, group4, {source4}}});
  host.igmp_query(10, group4, true, {peer4});
  host.advance(1s);
  CHECK(host.told().empty());
}

TEST_CASE("H11: RFC 2236: to a querier of version 2 we report and leave as hosts of version 2, until it has been gone for 260 s") {
  ListeningHost host;
  host.settle(group4);
  host.igmp_query(100, addr("0.0.0.0"), false);
  host.advance(10s);
  CHECK(host.told_once() == Told{.to = group4, .type = wire::igmp_type::report_v2, .group = group4});
  host.leave(group4);
  CHECK(host.told_once() == Told{.to = addr("224.0.0.2"), .type = wire::igmp_type::leave, .group = group4});
  host.join(group4);
  CHECK(host.told_once().type == wire::igmp_type::report_v2);
  host.advance(10s);
  CHECK(host.told_once().type == wire::igmp_type::report_v2);  // once more, within ten seconds
  host.advance(241s);
  host.leave(group4);
  CHECK(host.told_once().type == wire::igmp_type::report_v3);  // 2 * 125 s + 10 s
}

TEST_CASE("H11: RFC 3376 8.12: an older querier counts for its time as often as the newer one's robustness says, and 10 s") {
  ListeningHost host;
  host.settle(group4);
  host.igmp({wire::igmp_type::query, 100, 0, 0, 0, 0, 0, 0, 3, 60, 0, 0});  // robustness 3, every 60 s
  host.advance(10s);
  CHECK(host.told_once().type == wire::igmp_type::report_v3);
  host.igmp_query(100, addr("0.0.0.0"), false);
  host.advance(189s);
  CHECK(host.told_once().type == wire::igmp_type::report_v2);
  host.join(addr("239.9.9.9"));
  CHECK(host.told_once().type == wire::igmp_type::report_v2);
  host.advance(1s);
  (void)host.told();
  host.leave(group4);
  CHECK(host.told_once().type == wire::igmp_type::report_v3);
}

TEST_CASE("H11: RFC 2236 3: another host's report is ours, too, and it will say when it leaves") {
  ListeningHost host;
  host.settle(group4);
  host.igmp_query(100, addr("0.0.0.0"), false);
  host.igmp(wire::make_igmp(wire::igmp_type::report_v2, group4), group4);
  host.advance(10s);
  CHECK(host.told().empty());
  host.leave(group4);
  CHECK(host.told().empty());
}

TEST_CASE("H11: RFC 1112: to a querier of version 1 there is no leaving") {
  ListeningHost host;
  host.settle(group4);
  host.igmp_query(0, addr("0.0.0.0"), false);
  host.advance(10s);
  CHECK(host.told_once() == Told{.to = group4, .type = wire::igmp_type::report_v1, .group = group4});
  host.leave(group4);
  CHECK(host.told().empty());
}

TEST_CASE("H11: RFC 3810: MLD's general query is answered for joined and solicited-node groups") {
  ListeningHost host;
  host.settle(group6);
  host.mld_query(10000);
  host.advance(10s);
  const Told told = host.told_once();
  CHECK(told.to == addr("ff02::16"));
  CHECK(names(told, group6, RecordType::is_exclude));
  CHECK(names(told, wire::solicited_node(host6), RecordType::is_exclude));
  CHECK(host[stats::Icmp6::InGroupMembQueries] == 1);
}

TEST_CASE("H11: RFC 2710: to a querier of MLD's version 1 we report and are done as it knows it") {
  ListeningHost host;
  host.settle(group6);
  host.mld_query(1000, group6, false);
  host.advance(1s);
  CHECK(host.told_once() == Told{.to = group6, .type = 131, .group = group6});
  host.leave(group6);
  CHECK(host.told_once() == Told{.to = addr("ff02::2"), .type = 132, .group = group6});
  CHECK(host[stats::Icmp6::OutGroupMembResponses] == 1);
  CHECK(host[stats::Icmp6::OutGroupMembReductions] == 1);
}

TEST_CASE("H11: queries with a bad checksum, from beyond the link, or cut short change nothing") {
  ListeningHost host;
  host.settle(group4);
  host.settle(group6);
  Bytes bad{wire::igmp_type::query, 10, 1, 1, 0, 0, 0, 0};
  host.receives(ipv4_frame({.source = peer4, .destination = all_hosts4, .ttl = 1, .proto = wire::ip_proto::igmp}, bad));
  Bytes query(24);
  query[0] = wire::icmp6_type::listener_query;
  host.mld(query, all_nodes6, peer6);
  host.mld(query, all_nodes6, peer_link, 64);
  host.mld(Bytes(query.begin(), query.begin() + 20), all_nodes6);
  host.advance(20s);
  CHECK(host.told().empty());
  CHECK(host.drops(DropReason::group_invalid) == 4);
}
