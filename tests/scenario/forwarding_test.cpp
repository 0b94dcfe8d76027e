// SPDX-License-Identifier: BSD-3-Clause
// H6 through whole hosts: two of them, and a third between their links that forwards; GRO merges on the way in, GSO cuts on
// the way out, and nobody at the ends notices.
#include "tests/support/catch.hpp"
#include "tests/support/raw_frame.hpp"
#include "tests/support/two_engines.hpp"

#include <array>

using namespace millrace;
using namespace millrace::test;

namespace {

config::Route by_way_of(const char* to, const char* via) { return {.to = *IpPrefix::parse(to), .via = IpAddress::parse(via)}; }

/// a, 10.77.0.1 and fd00:77::1 - the router, ::2 and 78:: 2 - b, 10.78.0.1 and fd00:78::1.
struct RoutedWorld {
  explicit RoutedWorld(const std::function<void(Config&)>& adjust_router = {}) {
    auto [a_end, near_end] = make_link(7);
    auto [b_end, far_end] = make_link(8);
    Config a = host_config(1);
    a.stacks[0].routes = {by_way_of("10.78.0.0/24", "10.77.0.2"), by_way_of("fd00:78::/64", "fd00:77::2")};
    Config b = host_config(3);
    b.stacks[0].interfaces[0].addresses = {*IpPrefix::parse("10.78.0.1/24"), *IpPrefix::parse("fd00:78::1/64")};
    b.stacks[0].routes = {by_way_of("0.0.0.0/0", "10.78.0.2"), by_way_of("::/0", "fd00:78::2")};
    Config router = host_config(2);
    router.ports.push_back(router.ports[0]);
    router.ports[1].name = "p1";
    router.stacks[0].interfaces.push_back({.port = "p1", .name = "eth1", .addresses = {*IpPrefix::parse("10.78.0.2/24"), *IpPrefix::parse("fd00:78::2/64")}});
    router.sysctl.ip_forward = router.sysctl.ip6_forwarding = 1;
    if (adjust_router) adjust_router(router);
    engines = {create(a, {{"p0", a_end}}), create(router, {{"p0", near_end}, {"p1", far_end}}), create(b, {{"p0", b_end}})};
    now = engines[0]->now();
  }
  static std::unique_ptr<Engine> create(const Config& config, const std::map<std::string, LinkEnd>& links) {
    auto made = Engine::create(config, links);
    if (!made) FAIL(made.error().message);
    return std::move(*made);
  }
  bool run_until(const std::function<bool()>& done, Duration patience = 60s) {
    const Instant end = now + patience;
    for (;;) {
      for (auto& engine : engines) {
        while (engine->run_once()) {
        }
      }
      if (done()) return true;
      Instant next = never;
      for (auto& engine : engines) next = std::min(next, engine->next_deadline());
      if (next > end) return false;
      now = std::max(now, next);
      for (auto& engine : engines) engine->set_clock(now);
    }
  }
  Engine& a() { return *engines[0]; }
  Engine& router() { return *engines[1]; }
  Engine& b() { return *engines[2]; }

  std::array<std::unique_ptr<Engine>, 3> engines;
  Instant now;
};

// A megabyte from a to b; true when it arrived whole.
bool send_a_megabyte(RoutedWorld& world, std::string_view to) {
  const std::string text = pattern(1 << 20);
  std::vector<std::unique_ptr<Conversation>> accepted;
  accept_into(world.b(), endpoint(to), accepted);
  Conversation client;
  client.join(**TwoEngines::sockets(world.a()).connect(endpoint(to)));
  std::size_t written = 0;
  return world.run_until([&] {
    const std::size_t n = std::min<std::size_t>(65536, text.size() - written);
    const std::int64_t taken = client.connected && n > 0 ? client.stream->write(bytes(text).subspan(written, n)) : 0;
    if (taken > 0) written += static_cast<std::size_t>(taken);
    return !accepted.empty() && accepted[0]->received.size() == text.size();
  }) && accepted[0]->received == text;
}

}  // namespace

TEST_CASE("H6: a megabyte of TCP through a router that merges and cuts: nothing is lost, no frame is too long, both versions") {
  for (const char* to : {"10.78.0.1:80", "[fd00:78::1]:80"}) {
    RoutedWorld world([](Config& c) { c.ports[1].tso = false; });
    REQUIRE(send_a_megabyte(world, to));
    const Stats router = world.router().stats();
    CHECK(router.total("gro", "merged") > 500);
    CHECK(router.total("gso", "software") > 10);  // they left as merged packets, and were cut by the tx path
    CHECK(router.total("ip", "ForwDatagrams") + router.total("ip6", "OutForwDatagrams") >= 30);
    CHECK(router.total("drop", "tx_too_long") == 0);
    CHECK(router.total("ip", "InDelivers") == 0);
    CHECK(router.total("tcp", "InSegs") == 0);
    CHECK(world.a().stats().total("tcp", "RetransSegs") == 0);
    CHECK(world.b().stats().total("tcp", "InErrs") == 0);
  }
}

TEST_CASE("H6: a smaller link behind the router: path MTU discovery brings the megabyte over") {
  RoutedWorld world([](Config& c) { c.ports[1].mtu = 1400; });
  REQUIRE(send_a_megabyte(world, "10.78.0.1:80"));
  CHECK(world.router().stats().total("ip", "FragFails") > 0);
  CHECK(world.router().stats().total("icmp", "OutDestUnreachs") > 0);
  CHECK(world.router().stats().total("ip", "FragCreates") == 0);
}

TEST_CASE("H6: net.ipv4.ip_forward on a running engine; /proc/net/snmp tells") {
  RoutedWorld world([](Config& c) { c.sysctl.ip_forward = 0; });
  auto receiver = TwoEngines::sockets(world.b()).bind_udp(endpoint("10.78.0.1:9"));
  auto sender = TwoEngines::sockets(world.a()).bind_udp(endpoint("10.77.0.1:9"));
  REQUIRE((receiver && sender));
  int received = 0;
  (*receiver)->on_readable([&](UdpSocket& socket) {
    std::array<std::uint8_t, 16> buffer;
    Endpoint from;
    while (socket.receive_from(buffer, from) > 0) ++received;
  });
  const auto send = [&] {
    (*sender)->send_to(bytes("text"), endpoint("10.78.0.1:9"));
    world.run_until([] { return false; }, 3s);
    return std::exchange(received, 0);
  };
  CHECK(send() == 0);
  CHECK(world.router().proc_net_snmp().find("\nIp: 2 64 ") != std::string::npos);
  REQUIRE(world.router().set_sysctl("net.ipv4.ip_forward", "1"));
  CHECK(send() == 1);
  CHECK(world.router().proc_net_snmp().find("\nIp: 1 64 ") != std::string::npos);
  REQUIRE(world.router().add_route({.to = *IpPrefix::parse("10.78.0.1/32"), .type = config::RouteType::blackhole}));
  CHECK(send() == 0);
  REQUIRE(world.router().remove_route({.to = *IpPrefix::parse("10.78.0.1/32")}));
  CHECK(send() == 1);
  REQUIRE(world.router().set_sysctl("net.ipv4.ip_forward", "0"));
  CHECK(send() == 0);
}

TEST_CASE("H2: 1000 rules at FORWARD: each was asked, the last decided, and the stage timer tells what they cost") {
  Config config = host_config(2);
  config.clock = config::ClockSource::tsc;  // what things cost, no other clock tells
  config.ports[0].mac = MacAddress{{2, 0, 0, 0, 0, 2}};
  config.ports.push_back({.name = "p1"});
  config.stacks[0].interfaces[0].addresses = {*IpPrefix::parse("10.79.0.1/24")};
  config.stacks[0].interfaces.push_back({.port = "p1", .name = "eth1", .addresses = {*IpPrefix::parse("10.78.0.2/24")}});
  config.stacks[0].routes = {{.to = *IpPrefix::parse("10.77.0.0/24"), .dev = "eth1"}};
  config.sysctl.ip_forward = 1;
  const auto engine = RoutedWorld::create(config, {});
  const auto frame = RawFrame{}.bytes();
  const auto proto_ns = [&](std::size_t rules_before_the_last) {
    std::vector<config::Rule> rules;
    for (std::size_t i = 0; i < rules_before_the_last; ++i)
      rules.push_back({.hook = Hook::forward, .verdict = HookVerdict::accept, .source = IpPrefix{IpAddress::v4(192, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)), 32}});
    rules.push_back({.hook = Hook::forward, .verdict = HookVerdict::drop});
    REQUIRE(engine->set_rules(rules));
    const std::uint64_t before = engine->stats().total("softnet", "time_proto_ns");
    for (int i = 0; i < 100; ++i) {
      engine->inject("p0", frame);
      while (engine->run_once()) {
      }
    }
    const auto counts = engine->rule_counts();
    CHECK(counts.back().packets == 100);
    CHECK(counts.back().bytes == 100 * (frame.size() - 14));
    if (rules_before_the_last != 0) CHECK(counts.front().packets == 0);
    return engine->stats().total("softnet", "time_proto_ns") - before;
  };
  // The best of some rounds: what else the machine does is not the rules' cost.
  std::uint64_t one = ~std::uint64_t{0}, thousand = one;
  for (int round = 0; round < 8; ++round) {
    one = std::min(one, proto_ns(0));
    thousand = std::min(thousand, proto_ns(1000));
  }
  INFO("ns in the protocols for 100 packets: " << one << " with one rule, " << thousand << " with 1001");
  CHECK(thousand > one);
  CHECK(engine->stats().total("drop", "hook_dropped") == 1600);
}
