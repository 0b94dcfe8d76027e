// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/group/groups.hpp>

#include "tests/unit/stack/group/listening_host.hpp"

#include <cerrno>

using namespace millrace;
using namespace millrace::test;
using group::Filter;

TEST_CASE("H11: a group is wanted while one of its listeners wants it, of the sources that they name") {
  ListeningHost host;
  const auto wants = [&](const IpAddress& source) { return host.groups.wants(host.interface, group4, source); };
  CHECK_FALSE(wants(source4));
  host.join(group4, {.exclude = false, .sources = {source4}}, 7);
  CHECK(wants(source4));
  CHECK_FALSE(wants(peer4));
  host.join(group4, Filter::all(), 8);
  CHECK(wants(peer4));
  CHECK(host.groups.wanted_by(host.interface, group4, 7) == Filter{false, {source4}});
  host.leave(group4, 8);
  CHECK_FALSE(wants(peer4));
  host.leave(group4, 7);
  CHECK_FALSE(wants(source4));
  CHECK(host.groups.wants(host.interface, all_hosts4, peer4));
  CHECK(host.groups.wants(host.interface, all_nodes6, peer6));
}

TEST_CASE("H11: what is no group, and what is more than the table holds, is refused") {
  ListeningHost host;
  CHECK(host.groups.set(host.interface, peer4, 7, Filter::all()) == -EINVAL);
  for (std::uint32_t n = 0; n < 256; ++n)
    host.groups.set(host.interface, IpAddress::v4(239, 9, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)), 7, Filter::all());
  CHECK(host.groups.set(host.interface, group4, 7, Filter::all()) == -ENOBUFS);
}

TEST_CASE("H11: the solicited-node groups follow the addresses, without a word") {
  ListeningHost host;
  host.advance(20s);
  CHECK(host.told().empty());
  const auto in = [&](const IpAddress& address) { return host.groups.wants(host.interface, wire::solicited_node(address), peer6); };
  CHECK(in(host6));
  const IpAddress further = addr("fd00:77::12:3456");
  CHECK_FALSE(in(further));
  host.interface.addresses.push_back({further, 64});
  host.groups.follow_addresses(host.interface);
  CHECK(in(further));
  host.interface.addresses.pop_back();
  host.groups.follow_addresses(host.interface);
  CHECK_FALSE(in(further));
  CHECK(in(host6));
}

TEST_CASE("H11: an lcore that does not speak for its interface tells the one that does") {
  struct Teller final : group::Relay {
    void tell_speaker(std::uint16_t ifindex, const IpAddress& group, const Filter& wanted) override { told.push_back({ifindex, group, wanted}); }
    struct Told {
      std::uint16_t ifindex;
      IpAddress group;
      Filter wanted;
    };
    std::vector<Told> told;
  };
  ListeningHost host;
  Teller teller;
  host.groups.set_relay(&teller);
  host.interface.speaks = false;
  host.join(group4, Filter::all(), 7);
  host.join(group4, Filter::all(), 8);
  host.leave(group4, 7);
  host.leave(group4, 8);
  host.igmp_query(10);
  host.advance(20s);
  CHECK(host.told().empty());
  REQUIRE(teller.told.size() == 2);
  CHECK(teller.told[0].ifindex == 1);
  CHECK(teller.told[0].group == group4);
  CHECK(teller.told[0].wanted == Filter::all());
  CHECK(teller.told[1].wanted.wants_nothing());
}

TEST_CASE("H11: rows as /proc/net/igmp has them") {
  ListeningHost host;
  host.join(group4, Filter::all(), 7);
  host.join(group4, Filter::all(), 8);
  const auto rows = host.groups.rows();
  const auto row = std::find_if(rows.begin(), rows.end(), [](const auto& r) { return r.group == group4; });
  REQUIRE(row != rows.end());
  CHECK(*row == group::Row{.ifindex = 1, .group = group4, .users = 2, .querier_version = 3});
}

TEST_CASE("H11: a row's timer runs while a report of the group alone is due; who sent the last one is told") {
  ListeningHost host;
  const auto row = [&] {
    const auto rows = host.groups.rows();
    return *std::find_if(rows.begin(), rows.end(), [](const auto& r) { return r.group == group4; });
  };
  host.settle(group4);
  CHECK_FALSE(row().timer);
  CHECK_FALSE(row().last_reporter);
  host.igmp_query(100, group4);  // within 10 s
  REQUIRE(row().timer);
  CHECK(*row().timer <= 10s);
  const Duration left = *row().timer;
  host.advance(left / 2);
  CHECK(*row().timer == left - left / 2);
  host.advance(10s);
  CHECK_FALSE(row().timer);
  CHECK(row().last_reporter);
  CHECK(host.groups.version_on(host.interface, true) == 3);
  host.igmp_query(100, addr("0.0.0.0"), false);  // a querier of version 2
  CHECK(row().timer);
  CHECK(host.groups.version_on(host.interface, true) == 2);
  CHECK(host.groups.version_on(host.interface, false) == 2);
  host.igmp({wire::igmp_type::report_v2, 0, 0, 0, group4.v4_bytes()[0], group4.v4_bytes()[1], group4.v4_bytes()[2], group4.v4_bytes()[3]}, group4);
  CHECK_FALSE(row().timer);
  CHECK_FALSE(row().last_reporter);
}

TEST_CASE("H11: a group that everybody has left has no row, while its leaving is still being told") {
  ListeningHost host;
  const auto is_shown = [&] {
    const auto rows = host.groups.rows();
    return std::any_of(rows.begin(), rows.end(), [](const auto& r) { return r.group == group4; });
  };
  host.settle(group4);
  CHECK(is_shown());
  host.leave(group4, 7);
  CHECK_FALSE(is_shown());
  host.advance(20s);
  CHECK(host.told().size() == 2);
  CHECK_FALSE(is_shown());
}
