// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/config/loader.hpp>

#include "tests/support/catch.hpp"

using namespace millrace;
using namespace millrace::config;

namespace {

Config config_of(std::string_view text) {
  const Loaded loaded = parse_yaml(text, "t");
  INFO((loaded ? "" : to_string(loaded.error())));
  REQUIRE(loaded);
  return *loaded;
}

}  // namespace

TEST_CASE("every key reaches its field") {
  const Config c = config_of(R"(
eal: {memory_mb: 128, hugepages: true, log_level: debug, pool_packets: 1023, data_room: 4096, args: ["-a", "0000:00:05.0"]}
lcores:
  - cpu: 1
  - {}
ports:
  - {name: t0, driver: tap, iface: mr0, mac: "02:00:00:00:00:01", mtu: 9000, rx_queues: 2, tx_queues: 2, rx_desc: 512,
     tx_desc: 1024, rps_cpus: "3", rps_flow_cnt: 2048, gro: off, lro: on, tso: off, gso_max_size: 32768, gso_max_segs: 20, rx_lcores: [1, 0], rx_mode: interrupt,
     coalesce: {rx_usecs: 50, rx_frames: 32, adaptive: true}, gro_flush_timeout_ns: 20000, napi_defer_hard_irqs: 2}
  - {name: v0, driver: vdev, device: "net_ring0,a=b"}
stacks:
  - name: h
    interfaces:
      - {port: t0, name: e0, addresses: [10.77.0.2/24, "fd00:77::2/64"]}
      - port: v0
    routes:
      - {to: default, via: 10.77.0.1}
      - {to: "fd01::/16", via: "fe80::1", dev: v0}
sysctl:
  net.core.netdev_budget: 600
  net.ipv4.tcp_rmem: [4096, 8192, 16384]
  net.ipv4.tcp_wmem: 5000 6000 7000
  gro.compat: linux
  softirq.max_restart: 7
capture: {enabled: yes, file: a.pcapng, ports: [t0], direction: in, points: [driver, drop], filter: udp port 53, max_bytes: 1000000, snaplen: 96, buffer_bytes: 1048576}
clock: manual
seed: 0xffffffffffffffff
)");
  CHECK(c.eal == Eal{128, true, "debug", 1023, 4096, {"-a", "0000:00:05.0"}});
  CHECK(c.lcores == std::vector<Lcore>{{1u}, {}});
  REQUIRE(c.ports.size() == 2);
  CHECK(c.ports[0] == Port{"t0",
                           PortDriver::tap,
                           "",
                           "mr0",
                           "",
                           0,
                           MacAddress::parse("02:00:00:00:00:01"),
                           9000,
                           2,
                           2,
                           512,
                           1024,
                           LcoreMask(3),
                           2048,
                           false, true, false, 32768, 20,
                           {1, 0},
                           RxMode::interrupt,
                           {50, 32, true},
                           20000,
                           2});
  CHECK(c.ports[1].device == "net_ring0,a=b");
  CHECK(c.ports[1].driver == PortDriver::vdev);
  REQUIRE(c.stacks.size() == 1);
  CHECK(c.stacks[0].name == "h");
  CHECK(c.stacks[0].interfaces ==
        std::vector<StackInterface>{{"t0", "e0", {*IpPrefix::parse("10.77.0.2/24"), *IpPrefix::parse("fd00:77::2/64")}},
                                    {"v0", "v0", {}}});
  CHECK(c.stacks[0].routes == std::vector<Route>{{*IpPrefix::parse("0.0.0.0/0"), IpAddress::parse("10.77.0.1"), ""},
                                                 {*IpPrefix::parse("fd01::/16"), IpAddress::parse("fe80::1"), "v0"}});
  CHECK(c.sysctl.netdev_budget == 600);
  CHECK(c.sysctl.tcp_rmem == std::array<std::int64_t, 3>{4096, 8192, 16384});
  CHECK(c.sysctl.tcp_wmem == std::array<std::int64_t, 3>{5000, 6000, 7000});
  CHECK(c.sysctl.gro_compat == gro_compat_linux);
  CHECK(c.sysctl.softirq_max_restart == 7);
  CHECK(c.capture == Capture{true, "a.pcapng", {"t0"}, CaptureDirection::in, {CapturePoint::driver, CapturePoint::drop}, "udp port 53", 1000000, 96, 1048576});
  CHECK(c.clock == ClockSource::manual);
  CHECK(c.seed == ~std::uint64_t{0});
}

TEST_CASE("H4: a route's type, metric and source reach their fields") {
  const Config c = config_of(R"(
ports: [{name: p0}]
stacks:
  - name: h
    interfaces: [{port: p0, addresses: [10.77.0.2/24]}]
    routes:
      - {to: 192.0.2.0/24, type: prohibit, metric: 9}
      - {to: 198.51.100.0/24, via: 10.77.0.1, src: 10.77.0.2}
)");
  REQUIRE(c.stacks.size() == 1);
  CHECK(c.stacks[0].routes == std::vector<Route>{{*IpPrefix::parse("192.0.2.0/24"), {}, "", RouteType::prohibit, 9u, {}},
                                                 {*IpPrefix::parse("198.51.100.0/24"), IpAddress::parse("10.77.0.1"), "", RouteType::unicast, {}, IpAddress::parse("10.77.0.2")}});
}

TEST_CASE("whether an interface configures itself and asks DHCP's servers") {
  const Config c = config_of(R"(
ports: [{name: p0}, {name: p1}]
stacks:
  - name: host
    interfaces: [{port: p0, autoconf: true, dhcp: true, dhcp_address: 10.77.0.50, dhcp_release: false}, {port: p1}]
)");
  CHECK(c.stacks[0].interfaces[0].autoconf);
  CHECK(c.stacks[0].interfaces[0].dhcp);
  CHECK_FALSE(c.stacks[0].interfaces[1].autoconf);
  CHECK_FALSE(c.stacks[0].interfaces[1].dhcp);
  CHECK(c.stacks[0].interfaces[0].dhcp_address == IpAddress::parse("10.77.0.50"));
  CHECK_FALSE(c.stacks[0].interfaces[0].dhcp_release);
  CHECK_FALSE(c.stacks[0].interfaces[1].dhcp_address);
  CHECK(c.stacks[0].interfaces[1].dhcp_release);
  for (const char* value : {"4", "maybe", "[true]", "{}", "10.77.0.2/24"}) {
    const Loaded bad = parse_yaml(std::string("stacks: [{name: h, interfaces: [{port: p0, dhcp: ") + value + "}]}]", "t");
    REQUIRE_FALSE(bad);
    CHECK(to_string(bad.error()).find("stacks[0].interfaces[0].dhcp") != std::string::npos);
  }
}

TEST_CASE("G10: the keys of a VLAN reach their fields") {
  const Config c = config_of("lcores: 1\nports:\n  - {name: t0}\n  - {name: t0.7, driver: vlan, link: t0, vlan_id: 7}\n");
  REQUIRE(c.ports.size() == 2);
  CHECK(c.ports[1].driver == PortDriver::vlan);
  CHECK(c.ports[1].link == "t0");
  CHECK(c.ports[1].vlan_id == 7);
}

TEST_CASE("H2: the keys of rules reach their fields; ports are one or a range") {
  const Config c = config_of(R"(
ports: [{name: p0}]
stacks:
  - name: h
    interfaces: [{port: p0, addresses: [10.77.0.2/24]}]
    rules:
      - {hook: forward, verdict: queue, source: 10.0.0.0/8, destination: 10.1.0.0/16, proto: udp, source_ports: 53, destination_ports: 1000-2000, in: p0, out: lo}
      - {hook: pre_routing, verdict: accept, proto: 89}
)");
  REQUIRE(c.stacks.size() == 1);
  CHECK(c.stacks[0].rules == std::vector<Rule>{{Hook::forward, HookVerdict::queue, IpPrefix::parse("10.0.0.0/8"), IpPrefix::parse("10.1.0.0/16"), 17, Rule::Ports{53, 53}, Rule::Ports{1000, 2000}, "p0", "lo"},
                                               {.hook = Hook::pre_routing, .verdict = HookVerdict::accept, .proto = 89}});
  for (const char* bad : {"", "-", "1-", "-1", "2-1", "65536", "1-65536", "a", "1-2-3"}) CHECK_FALSE(Rule::Ports::parse(bad));
  CHECK(Rule::Ports::parse("0-65535")->to_string() == "0-65535");
  CHECK(Rule::Ports::parse("53")->to_string() == "53");
}

TEST_CASE("F1, F2, F3, F9, F10, F23: the keys of RSS, ntuple and tx queues reach their fields") {
  const Config c = config_of(R"(
lcores: 2
ports:
  - {name: a, rx_queues: 2, rss: {key: symmetric, fields: {udp4: sd, tcp6: sdfn}, weights: [3, 1]}, tx_queues: 2, xps_cpus: ["2", "1"], tx_handoff: no, txqueuelen: 50, bql_limit_max: 3000, bql_limit_min: 1514, bql_hold_time: 500, ntuple: yes, threaded: yes, rx_timestamp: yes}
  - {name: b, rss: {key: "6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a", equal: 1}}
)");
  CHECK(c.ports[0].rss == Rss{{}, true, wire::RssFields{.udp4 = false}, 0, {3, 1}});
  CHECK(c.ports[0].xps_cpus == std::vector<LcoreMask>{LcoreMask(2), LcoreMask(1)});
  CHECK_FALSE(c.ports[0].tx_handoff);
  CHECK(c.ports[0].txqueuelen == 50);
  CHECK(c.ports[0].bql_limit_max == 3000);
  CHECK(c.ports[0].bql_limit_min == 1514);
  CHECK(c.ports[0].bql_hold_time == 500);
  CHECK(c.ports[0].ntuple);
  CHECK_FALSE(c.ports[1].ntuple);
  CHECK(c.ports[0].rx_timestamp);
  CHECK(c.ports[0].threaded);
  CHECK_FALSE(c.ports[1].threaded);
  CHECK_FALSE(c.ports[1].rx_timestamp);
  CHECK(c.ports[1].rss == Rss{.key = wire::symmetric_rss_key(40), .equal = 1});
  CHECK(c.ports[1].tx_handoff);
  const Loaded bad = parse_yaml("ports: [{name: a, rss: {key: 6d5a, fields: {udp4: sdf}}}]", "t");
  REQUIRE_FALSE(bad);
  CHECK(to_string(bad.error()).find("ports[0].rss.key: 6d5a: must be 40 or 52 bytes in hex") != std::string::npos);
  CHECK(to_string(bad.error()).find("ports[0].rss.fields.udp4: sdf: must be sd or sdfn") != std::string::npos);
}

TEST_CASE("what is left out has its default") {
  CHECK(config_of("lcores: 1") == Config{});
  CHECK(config_of("lcores: 3").lcores.size() == 3);
  const Config c = config_of(
      "ports: [{name: mr7, driver: tap}]\nstacks: [{name: h, interfaces: [{port: mr7}], routes: [{to: \"::/0\", dev: "
      "mr7}]}]");
  CHECK(c.ports[0].iface == "mr7");
  CHECK(c.stacks[0].interfaces[0].name == "mr7");
}
