// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/ip/rule_table.hpp>

#include <millrace/base/rng.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

using namespace millrace;
using namespace millrace::test;
using ip::Hook;
using ip::HookVerdict;
using ip::Rule;
using ip::RuleTable;

namespace {

IpPrefix prefix(std::string_view text) { return *IpPrefix::parse(text); }

struct World {
  TestPool pool{63};
  neighbor::Interface eth0{.ifindex = 1}, eth1{.ifindex = 2};

  bool drops(RuleTable& table, const Bytes& frame, neighbor::Interface* in = nullptr, neighbor::Interface* out = nullptr) {
    pkt::Packet packet = pool.packet(behind(frame, 14));
    const HookVerdict verdict = table.judge({.hook = Hook::forward, .in = in, .out = out}, packet);
    consume(std::move(packet));
    return verdict == HookVerdict::drop;
  }
  bool drops(Rule rule, const Bytes& frame, neighbor::Interface* in = nullptr, neighbor::Interface* out = nullptr) {
    rule.verdict = HookVerdict::drop;
    RuleTable table({&rule, 1});
    const bool dropped = drops(table, frame, in, out);
    CHECK(table.counts()[0].packets == (dropped ? 1 : 0));
    return dropped;
  }
};

Bytes udp4(std::uint16_t from, std::uint16_t to, const char* source = "10.77.0.1", const char* destination = "10.78.0.9") {
  return ipv4_frame({.source = addr(source), .destination = addr(destination), .proto = wire::ip_proto::udp}, udp_datagram(from, to, counting(8)));
}
Bytes udp6(std::uint16_t from, std::uint16_t to) {
  return ipv6_frame({.source = peer6, .destination = host6, .next_header = wire::ip_proto::udp}, udp_datagram(from, to, counting(8), peer6, host6));
}

}  // namespace

TEST_CASE("H2: a rule fits by source and destination prefix, of its version alone") {
  World w;
  CHECK(w.drops(Rule{}, udp4(1, 2)));
  CHECK(w.drops(Rule{}, udp6(1, 2)));
  CHECK(w.drops(Rule{.source = prefix("10.77.0.0/24")}, udp4(1, 2)));
  CHECK_FALSE(w.drops(Rule{.source = prefix("10.77.1.0/24")}, udp4(1, 2)));
  CHECK(w.drops(Rule{.destination = prefix("10.78.0.8/31")}, udp4(1, 2)));
  CHECK_FALSE(w.drops(Rule{.destination = prefix("10.78.0.10/31")}, udp4(1, 2)));
  CHECK(w.drops(Rule{.source = prefix("10.77.0.1/32"), .destination = prefix("10.78.0.9/32")}, udp4(1, 2)));
  CHECK_FALSE(w.drops(Rule{.source = prefix("10.77.0.1/32"), .destination = prefix("10.78.0.8/32")}, udp4(1, 2)));
  CHECK(w.drops(Rule{.source = prefix("0.0.0.0/0")}, udp4(1, 2)));
  CHECK_FALSE(w.drops(Rule{.source = prefix("0.0.0.0/0")}, udp6(1, 2)));
  CHECK_FALSE(w.drops(Rule{.source = prefix("::/0")}, udp4(1, 2)));
  CHECK(w.drops(Rule{.source = prefix("fd00:77::/32")}, udp6(1, 2)));
  CHECK_FALSE(w.drops(Rule{.source = prefix("fd00:78::/32")}, udp6(1, 2)));
}

TEST_CASE("H2: a rule fits by protocol, ports and interfaces") {
  World w;
  CHECK(w.drops(Rule{.proto = wire::ip_proto::udp}, udp4(1, 2)));
  CHECK_FALSE(w.drops(Rule{.proto = wire::ip_proto::tcp}, udp4(1, 2)));
  CHECK(w.drops(Rule{.source_ports = Rule::Ports{1000, 1000}}, udp4(1000, 53)));
  CHECK_FALSE(w.drops(Rule{.source_ports = Rule::Ports{1000, 1000}}, udp4(1001, 53)));
  CHECK(w.drops(Rule{.destination_ports = Rule::Ports{50, 53}}, udp4(1000, 53)));
  CHECK(w.drops(Rule{.destination_ports = Rule::Ports{50, 53}}, udp6(1000, 50)));
  CHECK_FALSE(w.drops(Rule{.destination_ports = Rule::Ports{50, 53}}, udp4(1000, 49)));
  CHECK_FALSE(w.drops(Rule{.destination_ports = Rule::Ports{50, 53}}, udp4(1000, 54)));
  CHECK(w.drops(Rule{.in = 1}, udp4(1, 2), &w.eth0, &w.eth1));
  CHECK_FALSE(w.drops(Rule{.in = 2}, udp4(1, 2), &w.eth0, &w.eth1));
  CHECK(w.drops(Rule{.in = 1, .out = 2}, udp4(1, 2), &w.eth0, &w.eth1));
  CHECK_FALSE(w.drops(Rule{.out = 2}, udp4(1, 2), &w.eth0));
}

TEST_CASE("H2: what has no ports, as ICMP and later fragments, fits no rule that asks for them") {
  World w;
  const Rule any_port{.destination_ports = Rule::Ports{}};
  CHECK(w.drops(any_port, udp4(1, 2)));
  CHECK_FALSE(w.drops(any_port, ip_frame(wire::ip_proto::icmp, icmp4_message(8, 0, 0, counting(8)))));
  const auto fragment = [](std::uint16_t offset) {
    return ipv4_frame({.source = peer4, .destination = host4, .fragment_offset = offset, .proto = wire::ip_proto::udp, .more_fragments = true}, counting(64));
  };
  CHECK(w.drops(any_port, fragment(0)));
  CHECK_FALSE(w.drops(any_port, fragment(8)));
  CHECK(w.drops(Rule{.proto = wire::ip_proto::udp}, fragment(8)));
}

TEST_CASE("H2: the first rule that fits decides; each counts what it fitted, in packets and bytes") {
  World w;
  const Rule rules[] = {{.destination = prefix("10.78.0.9/32"), .destination_ports = Rule::Ports{53, 53}, .verdict = HookVerdict::accept},
                        {.destination = prefix("10.78.0.0/24"), .verdict = HookVerdict::drop},
                        {.destination = prefix("10.0.0.0/8"), .verdict = HookVerdict::accept}};
  RuleTable table(rules);
  CHECK_FALSE(w.drops(table, udp4(1, 53)));
  CHECK(w.drops(table, udp4(1, 54)));
  CHECK(w.drops(table, udp4(1, 55)));
  CHECK_FALSE(w.drops(table, udp4(1, 53, "10.77.0.1", "10.79.0.1")));
  CHECK_FALSE(w.drops(table, udp4(1, 53, "10.77.0.1", "192.0.2.1")));
  CHECK(table.counts()[0].packets == 1);
  CHECK(table.counts()[1].packets == 2);
  CHECK(table.counts()[1].bytes == 2 * (udp4(1, 2).size() - 14));
  CHECK(table.counts()[2].packets == 1);
}

TEST_CASE("H2: of 1000 random rules the one that decides is the one that a search by the letter finds") {
  World w;
  Rng rng(3);
  std::vector<Rule> rules;
  const auto random = [&] { return IpAddress::v4(10, 77, static_cast<std::uint8_t>(rng.below(4)), static_cast<std::uint8_t>(rng.below(8))); };
  for (int i = 0; i < 1000; ++i) {
    Rule rule{.verdict = HookVerdict::accept};
    if (rng.chance(0.7)) rule.source = IpPrefix{random(), static_cast<std::uint8_t>(26 + rng.below(7))};
    if (rng.chance(0.9)) rule.destination = IpPrefix{random(), static_cast<std::uint8_t>(26 + rng.below(7))};
    const auto port = static_cast<std::uint16_t>(rng.below(20));
    rule.destination_ports = Rule::Ports{port, static_cast<std::uint16_t>(port + rng.below(3))};
    rules.push_back(rule);
  }
  RuleTable table(rules);
  std::vector<std::uint64_t> expected(rules.size());
  for (int i = 0; i < 300; ++i) {
    const IpAddress from = random(), to = random();
    const auto port = static_cast<std::uint16_t>(rng.below(20));
    static_cast<void>(w.drops(table, ipv4_frame({.source = from, .destination = to, .proto = wire::ip_proto::udp}, udp_datagram(7, port, counting(8)))));
    for (std::size_t r = 0; r < rules.size(); ++r) {
      const Rule& rule = rules[r];
      if ((rule.source && !rule.source->contains(from)) || (rule.destination && !rule.destination->contains(to))) continue;
      if (port < rule.destination_ports->first || port > rule.destination_ports->last) continue;
      ++expected[r];
      break;
    }
  }
  for (std::size_t r = 0; r < rules.size(); ++r) CHECK(table.counts()[r].packets == expected[r]);
}
