// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/addrconf/addrconf.hpp>

#include "tests/unit/stack/addrconf/configured_host.hpp"

using namespace millrace;
using namespace millrace::test;
using addrconf::AddressState;

TEST_CASE("H12: RFC 4291 appendix A: the link-local address is made of the MAC, unless addr_gen_mode says none") {
  CHECK(addrconf::eui64_address(addr("fe80::"), MacAddress{{0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde}}) == addr("fe80::3656:78ff:fe9a:bcde"));
  ConfiguredHost host;
  CHECK(host.row(own_link));
  ConfiguredHost without({.eui64 = false});
  CHECK(without.addrconf.addresses().empty());
}

TEST_CASE("H12: RFC 4861 6.3.7, RFC 7559: routers are asked when there is a link-local address, less and less often, until one answers") {
  ConfiguredHost host;
  std::vector<Question> asked;
  for (const Question& q : host.asks(120s))
    if (q.type == wire::icmp6_type::router_solicitation) asked.push_back(q);
  REQUIRE(asked.size() == 5);
  CHECK(asked[0].source == own_link);
  CHECK(asked[0].destination == all_routers6);
  const std::int64_t pauses[] = {4, 8, 16, 32};
  for (std::size_t i = 0; i < 4; ++i) CHECK(asked[i + 1].when - asked[i].when == std::chrono::seconds(pauses[i]));
  CHECK(host[stats::Icmp6::OutRouterSolicits] == 5);
  host.says(advertisement());
  for (const Question& q : host.asks(4000s)) CHECK(q.type != wire::icmp6_type::router_solicitation);
}

TEST_CASE("H12: accept_ra 0: nobody is asked and nobody is listened to") {
  ConfiguredHost host({.accept_ra = false});
  for (const Question& q : host.asks(60s)) CHECK(q.type != wire::icmp6_type::router_solicitation);
  host.says(advertisement());
  (void)host.asks(10s);
  CHECK_FALSE(host.has(own_slaac));
  CHECK(host.route(addr("2001:db8::1")) == nullptr);
}

TEST_CASE("H12: RFC 4862 5.5.4: an address grows old, then goes") {
  ConfiguredHost host;
  (void)host.asks(3s);
  host.says(advertisement(10000, 5000));
  (void)host.asks(3s);
  CHECK(host.row(own_slaac)->state == AddressState::preferred);
  (void)host.asks(4997s);
  CHECK(host.row(own_slaac)->state == AddressState::deprecated);
  CHECK(host.has(own_slaac));
  CHECK(host.interface.deprecated == std::vector{own_slaac});
  (void)host.asks(5000s);
  CHECK_FALSE(host.row(own_slaac));
  CHECK_FALSE(host.has(own_slaac));
  CHECK(host.interface.deprecated.empty());
}

TEST_CASE("H12: an lcore that does not speak comes to the same without a word") {
  ConfiguredHost host;
  host.interface.speaks = false;
  CHECK(host.asks(60s).empty());
  CHECK(host.has(own_link));
  host.receives(nd_frame(advertisement(), router, all_nodes6), {.is_copy = true});
  CHECK(host.asks(10s).empty());
  CHECK(host.has(own_slaac));
  CHECK(host.route(addr("2001:db8::1")) == nullptr);  // the routes are the speaker's
}
