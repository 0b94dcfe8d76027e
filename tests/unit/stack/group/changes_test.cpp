// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/group/groups.hpp>

#include "tests/unit/stack/group/listening_host.hpp"

using namespace millrace;
using namespace millrace::test;
using group::Filter;
using wire::RecordType;

namespace {

const IpAddress v3_routers = addr("224.0.0.22"), v2_mld_routers = addr("ff02::16");

Told report4(RecordType type, std::vector<IpAddress> sources = {}) {
  return {.to = v3_routers, .type = wire::igmp_type::report_v3, .records = {{type, group4, std::move(sources)}}};
}
Told report6(RecordType type) { return {.to = v2_mld_routers, .type = 143, .records = {{type, group6, {}}}}; }

}  // namespace

TEST_CASE("H11: RFC 3376 5.1: a join is reported at once and once more within a second; so is leaving") {
  ListeningHost host;
  host.join(group4);
  CHECK(host.told_once() == report4(RecordType::to_exclude));
  host.advance(1s);
  CHECK(host.told_once() == report4(RecordType::to_exclude));
  host.advance(1h);
  CHECK(host.told().empty());
  host.leave(group4);
  CHECK(host.told_once() == report4(RecordType::to_include));
  host.advance(1s);
  CHECK(host.told_once() == report4(RecordType::to_include));
  host.advance(1h);
  CHECK(host.told().empty());
}

TEST_CASE("H11: RFC 3810 6.1: the same of MLD, to ff02::16 from a link-local address") {
  ListeningHost host;
  host.join(group6);
  CHECK(host.told_once() == report6(RecordType::to_exclude));
  host.advance(1s);
  CHECK(host.told_once() == report6(RecordType::to_exclude));
  host.leave(group6);
  host.advance(1s);
  CHECK(host.told() == std::vector{report6(RecordType::to_include), report6(RecordType::to_include)});
  CHECK(host[stats::Icmp6::OutMLDv2Reports] == 4);
}

TEST_CASE("H11: a second listener changes nothing, the last one's leaving does") {
  ListeningHost host;
  host.settle(group4);
  host.join(group4, Filter::all(), 8);
  host.leave(group4, 7);
  CHECK(host.told().empty());
  host.leave(group4, 8);
  CHECK(host.told_once() == report4(RecordType::to_include));
}

TEST_CASE("H11: sources that come and go are allowed and blocked") {
  ListeningHost host;
  host.join(group4, {false, {source4}});
  host.advance(1s);
  CHECK(host.told() == std::vector(2, report4(RecordType::allow_new, {source4})));
  host.join(group4, {false, {peer4}});
  Told both = report4(RecordType::allow_new, {peer4});
  both.records.push_back({RecordType::block_old, group4, {source4}});
  CHECK(host.told_once() == both);
  host.advance(1s);
  (void)host.told();
  host.join(group4, {true, {peer4}});
  CHECK(host.told_once() == report4(RecordType::to_exclude, {peer4}));
  host.advance(1s);
  (void)host.told();
  host.join(group4, {true, {source4}});
  both = report4(RecordType::allow_new, {peer4});
  both.records.push_back({RecordType::block_old, group4, {source4}});
  CHECK(host.told_once() == both);
}

TEST_CASE("H11: what was not told twice yet goes with the next change") {
  ListeningHost host;
  host.join(group4, {false, {source4}});
  (void)host.told();
  host.join(group4, {false, {peer4, source4}});
  CHECK(host.told_once() == report4(RecordType::allow_new, {peer4, source4}));
  host.join(group4, {false, {source4}});  // before that was told again
  Told both = report4(RecordType::allow_new, {source4});
  both.records.push_back({RecordType::block_old, group4, {peer4}});
  CHECK(host.told_once() == both);
}

TEST_CASE("H11: nobody hears of what all are in, of groups that stay on the host, and of lo") {
  ListeningHost host;
  for (const char* group : {"224.0.0.1", "ff02::1", "ff01::5"}) host.join(addr(group));
  CHECK(host.told().empty());
  host.join(addr("224.0.0.251"));  // igmp_link_local_mcast_reports
  CHECK(host.told().size() == 1);
}
