// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/config/good_config.hpp"

using namespace millrace;
using namespace millrace::config;

TEST_CASE("stacks: each impossible interface is the one problem") {
  const auto address = [](const char* text) {
    return [text](Config& c) { c.stacks[0].interfaces[1].addresses = {*IpPrefix::parse(text)}; };
  };
  const auto dhcp_address = [](const char* text) {
    return [text](Config& c) {
      c.stacks[0].interfaces[1].dhcp = true;
      c.stacks[0].interfaces[1].dhcp_address = IpAddress::parse(text);
    };
  };
  const Broken cases[] = {
      {"no name", [](Config& c) { c.stacks[0].name.clear(); }, "stacks[0].name", "1..15"},
      {"name twice", [](Config& c) { c.stacks.push_back({.name = "host"}); }, "stacks[1].name",
       "stacks[0].name already"},
      {"no port",
       [](Config& c) {
         c.stacks.push_back({"other", {{"sim9", "x", {}}}, {}});
       },
       "stacks[1].interfaces[0].port", "is not a port"},
      {"port twice",
       [](Config& c) {
         c.stacks.push_back({"other", {{"sim0", "x", {}}}, {}});
       },
       "stacks[1].interfaces[0].port", "already"},
      {"address twice", address("10.77.0.2/16"), "stacks[0].interfaces[1].addresses[0]", "already"},
      {"multicast", address("224.0.0.1/24"), "stacks[0].interfaces[1].addresses[0]", "unicast"},
      {"unspecified", address("::/64"), "stacks[0].interfaces[1].addresses[0]", "unicast"},
      {"loopback", address("127.0.0.1/8"), "stacks[0].interfaces[1].addresses[0]", "unicast"},
      {"network", address("10.5.0.0/24"), "stacks[0].interfaces[1].addresses[0]", "network's own"},
      {"broadcast", address("10.5.0.255/24"), "stacks[0].interfaces[1].addresses[0]", "network's own"},
      {"dhcp mtu",
       [](Config& c) {
         c.ports[1].mtu = 575;
         c.stacks[0].interfaces[1].dhcp = true;
       },
       "stacks[0].interfaces[1].dhcp", "at least 576"},
      {"dhcp_address without dhcp", [](Config& c) { c.stacks[0].interfaces[1].dhcp_address = IpAddress::parse("10.77.0.50"); },
       "stacks[0].interfaces[1].dhcp_address", "dhcp: true"},
      {"dhcp_address of IPv6", dhcp_address("fd00:77::2"), "stacks[0].interfaces[1].dhcp_address", "IPv4 address of a host"},
      {"dhcp_address of a group", dhcp_address("224.0.0.1"), "stacks[0].interfaces[1].dhcp_address", "IPv4 address of a host"},
      {"small mtu", [](Config& c) { c.ports[0].mtu = 1279; }, "stacks[0].interfaces[0].addresses[1]", "at least 1280"},
  };
  for (const Broken& broken : cases) check(broken);
}

TEST_CASE("stacks: each impossible route is the one problem") {
  const auto route = [](const char* to, const char* via, const char* dev) {
    return [=](Config& c) {
      c.stacks[0].routes.assign(1, {*IpPrefix::parse(to), via[0] != 0 ? IpAddress::parse(via) : std::nullopt, dev});
    };
  };
  const Broken cases[] = {
      {"off link", route("0.0.0.0/0", "10.9.9.9", ""), "stacks[0].routes[0].via", "on no interface's link"},
      {"other link", route("0.0.0.0/0", "10.77.0.1", "eth1"), "stacks[0].routes[0].via", "not on the link of eth1"},
      {"own", route("0.0.0.0/0", "10.77.0.2", ""), "stacks[0].routes[0].via", "own address, on interface eth0"},
      {"family", route("0.0.0.0/0", "fd00:77::1", ""), "stacks[0].routes[0].via", "same IP version"},
      {"multicast", route("0.0.0.0/0", "224.0.0.1", ""), "stacks[0].routes[0].via", "neighbour"},
      {"link-local", route("::/0", "fe80::1", ""), "stacks[0].routes[0].via", "say with dev"},
      {"dev", route("::/0", "fe80::1", "eth9"), "stacks[0].routes[0].dev", "not an interface of stack host"},
      {"nowhere", route("10.0.0.0/8", "", ""), "stacks[0].routes[0]", "leads nowhere"},
      {"host bits", route("10.0.0.1/8", "10.77.0.1", ""), "stacks[0].routes[0].to", "the prefix is 10.0.0.0/8"},
      {"twice", [](Config& c) { c.stacks[0].routes.push_back(c.stacks[0].routes[0]); }, "stacks[0].routes[3].to",
       "routes[0].to already"},
      {"typed via", [](Config& c) { c.stacks[0].routes[0].type = RouteType::blackhole; }, "stacks[0].routes[0].type", "without via, dev and src"},
      {"src", [](Config& c) { c.stacks[0].routes[0].src = IpAddress::parse("10.77.0.99"); }, "stacks[0].routes[0].src", "not an address of stack host"},
      {"src family", [](Config& c) { c.stacks[0].routes[0].src = IpAddress::parse("fd00:77::2"); }, "stacks[0].routes[0].src", "same IP version"},
  };
  for (const Broken& broken : cases) check(broken);
}

TEST_CASE("H2: each impossible rule is the one problem") {
  const auto rule = [](Rule r) { return [=](Config& c) { c.stacks[0].rules.assign(1, r); }; };
  const Broken cases[] = {
      {"in", rule({.in = "eth9"}), "stacks[0].rules[0].in", "not an interface of stack host"},
      {"out there", rule({.hook = Hook::local_in, .out = "eth0"}), "stacks[0].rules[0].out", "not known at hook local_in"},
      {"in there", rule({.hook = Hook::local_out, .in = "eth0"}), "stacks[0].rules[0].in", "not known at hook local_out"},
      {"ports", rule({.proto = 1, .source_ports = Rule::Ports{1, 2}}), "stacks[0].rules[0].proto", "must be tcp or udp"},
      {"stolen", rule({.verdict = HookVerdict::stolen}), "stacks[0].rules[0].verdict", "drop, accept or queue"},
      {"versions", rule({.source = IpPrefix::parse("::/0"), .destination = IpPrefix::parse("10.0.0.0/8")}), "stacks[0].rules[0].destination", "same IP version"},
  };
  for (const Broken& broken : cases) check(broken);
  Config c = good();
  c.stacks[0].rules = {{.hook = Hook::forward, .in = "lo", .out = "eth1"}};
  CHECK(validate(c).empty());
}

TEST_CASE("H4: two routes of a prefix need different metrics; one that refuses needs no way") {
  Config c = good();
  c.stacks[0].routes.push_back(c.stacks[0].routes[0]);
  c.stacks[0].routes.back().metric = 7;
  c.stacks[0].routes.push_back({.to = *IpPrefix::parse("192.0.2.0/24"), .type = RouteType::unreachable});
  CHECK(validate(c).empty());
}
