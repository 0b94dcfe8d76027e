// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/membership.hpp>

#include <millrace/wire/icmp6.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/wire/bytes.hpp"

using namespace millrace;
using namespace millrace::wire;

namespace {

const IpAddress group4 = *IpAddress::parse("239.1.2.3"), group6 = *IpAddress::parse("ff15::7");
const IpAddress source4 = *IpAddress::parse("10.0.0.9"), source6 = *IpAddress::parse("2001:db8::9");

using Bytes = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("H11: RFC 3376 7.1: a query's version is told by its length and its Max Resp Code") {
  const auto v1 = MembershipQuery::parse_igmp(Bytes{0x11, 0, 0, 0, 0, 0, 0, 0});
  REQUIRE(v1);
  CHECK(v1->version == 1);
  CHECK(v1->max_response_ms == 10000);
  const auto v2 = MembershipQuery::parse_igmp(Bytes{0x11, 100, 0, 0, 239, 1, 2, 3});
  REQUIRE(v2);
  CHECK(v2->version == 2);
  CHECK(v2->max_response_ms == 10000);
  CHECK(v2->group == group4);
  const auto v3 = MembershipQuery::parse_igmp(Bytes{0x11, 0x8f, 0, 0, 239, 1, 2, 3, 0x0a, 0x9c, 0, 1, 10, 0, 0, 9});
  REQUIRE(v3);
  CHECK(v3->version == 3);
  CHECK(v3->max_response_ms == 24800);  // (15 | 16) << 3 tenths of a second
  CHECK(v3->robustness == 2);
  CHECK(v3->interval_s == 448);         // (12 | 16) << 4
  CHECK(v3->sources == std::vector<IpAddress>{source4});
}

TEST_CASE("H11: RFC 3810 8.1: MLD's queries, of 24 bytes and from 28 on") {
  Bytes v1(24);
  v1[0] = icmp6_type::listener_query;
  v1[4] = 0x27, v1[5] = 0x10;
  const auto one = MembershipQuery::parse_mld(v1);
  REQUIRE(one);
  CHECK(one->version == 1);
  CHECK(one->max_response_ms == 10000);
  CHECK(one->group.is_unspecified());
  Bytes v2 = v1;
  std::copy(group6.bytes.begin(), group6.bytes.end(), v2.begin() + 8);
  v2[4] = 0x80, v2[5] = 0;
  v2.insert(v2.end(), {0x02, 125, 0, 1});
  v2.insert(v2.end(), source6.bytes.begin(), source6.bytes.end());
  const auto two = MembershipQuery::parse_mld(v2);
  REQUIRE(two);
  CHECK(two->version == 2);
  CHECK(two->max_response_ms == 32768);  // 0x1000 << 3
  CHECK(two->interval_s == 125);
  CHECK(two->group == group6);
  CHECK(two->sources == std::vector<IpAddress>{source6});
}

TEST_CASE("H11: queries that are cut short, or about what is no group, are none") {
  CHECK_FALSE(MembershipQuery::parse_igmp(Bytes(7, 0x11)));
  CHECK_FALSE(MembershipQuery::parse_igmp(Bytes{0x11, 0, 0, 0, 10, 0, 0, 1}));
  CHECK_FALSE(MembershipQuery::parse_igmp(Bytes{0x16, 0, 0, 0, 239, 1, 2, 3}));
  CHECK_FALSE(MembershipQuery::parse_igmp(Bytes{0x11, 1, 0, 0, 0, 0, 0, 0, 0, 0}));
  CHECK_FALSE(MembershipQuery::parse_igmp(Bytes{0x11, 1, 0, 0, 0, 0, 0, 0, 2, 125, 0, 1, 10, 0, 0}));
  Bytes mld(26);
  mld[0] = icmp6_type::listener_query;
  CHECK_FALSE(MembershipQuery::parse_mld(mld));
  mld.resize(28);
  mld[27] = 1;
  CHECK_FALSE(MembershipQuery::parse_mld(mld));
}

TEST_CASE("H11: reports as RFC 2236, 3376 and 3810 draw them") {
  const Bytes report = make_igmp(igmp_type::report_v2, group4);
  CHECK(report == Bytes{0x16, 0, 0xf8, 0xfa, 239, 1, 2, 3});
  CHECK(is_igmp_checksum_valid(report));
  const std::vector<MembershipRecord> records{{RecordType::to_exclude, group4, {}}, {RecordType::allow_new, group4, {source4}}};
  const Bytes v3 = make_membership_report(records);
  CHECK(v3.size() == 8 + 8 + 12);
  CHECK(records[0].bytes() + records[1].bytes() == 20);
  CHECK(v3[0] == 0x22);
  CHECK(v3[7] == 2);
  CHECK(is_igmp_checksum_valid(v3));
  CHECK(read_membership_report(v3, true) == records);
  const std::vector<MembershipRecord> of_v6{{RecordType::is_include, group6, {source6}}};
  const Bytes mld = make_membership_report(of_v6);
  CHECK(mld[0] == 143);
  CHECK(read_membership_report(mld, false) == of_v6);
  CHECK(read_membership_report(std::span(mld).first(mld.size() - 1), false).empty());
  CHECK(make_mld(icmp6_type::listener_done, group6).size() == 24);
}
