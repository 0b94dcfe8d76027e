// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/hooks.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include <cerrno>

using namespace millrace;
using namespace millrace::test;
using config::Rule;

namespace {

/// b echoes nothing: it counts what it reads on port 9 of each lcore; a sends.
struct World : TwoEngines {
  explicit World(const Options& options = {}) : TwoEngines(options) {
    for (std::uint16_t lcore = 0; lcore < b->lcores(); ++lcore) {
      auto socket = sockets(*b, lcore).bind_udp(endpoint("0.0.0.0:9"));
      REQUIRE(socket);
      (*socket)->on_readable([this](UdpSocket& s) {
        std::array<std::uint8_t, 16> buffer;
        Endpoint from;
        while (s.receive_from(buffer, from) > 0) ++read;
      });
    }
  }
  /// How many of `count` datagrams from different ports arrive.
  int arrive(int count = 1, std::string_view to = "10.77.0.2:9") {
    read = 0;
    for (int i = 0; i < count; ++i) {
      auto socket = sockets(*a).bind_udp(endpoint("10.77.0.1:0"));
      REQUIRE(socket);
      sent = (*socket)->send_to(bytes("text"), endpoint(to));
      (*socket)->close();
    }
    run_for(3s);
    return read;
  }
  int read = 0;
  std::int64_t sent = 0;
};

int code(const Result<void>& result) { return result ? 0 : result.error().code; }

}  // namespace

TEST_CASE("H2: rules come and go while the engine runs, on every lcore, and count what they fit") {
  World world({.lcores_b = 3});
  CHECK(world.arrive(30) == 30);
  REQUIRE(world.b->set_rules({{.hook = Hook::local_in, .verdict = HookVerdict::accept, .source = IpPrefix::parse("10.77.0.9/32")},
                              {.hook = Hook::pre_routing, .verdict = HookVerdict::drop, .proto = 17, .destination_ports = Rule::Ports{7, 9}, .in = "eth0"}}));
  CHECK(world.arrive(30) == 0);
  CHECK(world.b->stats().total("drop", "hook_dropped") == 30);
  CHECK(world.b->stats().total("udp", "InDatagrams") == 30);  // of before
  auto counts = world.b->rule_counts();
  REQUIRE(counts.size() == 2);
  CHECK(counts[0].packets == 0);
  CHECK(counts[1].packets == 30);
  CHECK(counts[1].bytes == 30 * 32);
  REQUIRE(world.b->set_rules({}));
  CHECK(world.arrive(30) == 30);
  CHECK(world.b->rule_counts().empty());
}

TEST_CASE("H2: rules of the configuration; the sender of what LOCAL_OUT drops is told EPERM") {
  World world({.adjust_a = [](Config& c) {
    c.stacks[0].rules = {{.hook = Hook::local_out, .verdict = HookVerdict::drop, .destination = IpPrefix::parse("10.77.0.2/32"), .proto = 17, .destination_ports = Rule::Ports{9, 9}}};
  }});
  CHECK(world.arrive() == 0);
  CHECK(world.sent == -EPERM);
  REQUIRE(world.a->set_rules({}));
  CHECK(world.arrive() == 1);
}

TEST_CASE("H2: an application's function judges on the packet's lcore, before and behind the rules by its priority, until it is removed") {
  World world;
  std::string places;
  const auto id = world.b->add_hook({.hook = Hook::local_in, .priority = -10, .func = [&](std::uint16_t lcore, const HookPlace& place, pkt::Packet& packet) {
                                       places += std::to_string(lcore) + std::string(place.in) + std::string(place.out) + " ";
                                       pkt::consume(std::move(packet));
                                       return HookVerdict::stolen;
                                     }});
  REQUIRE(id);
  REQUIRE(world.b->set_rules({{.hook = Hook::local_in, .verdict = HookVerdict::drop}}));
  CHECK(world.arrive() == 0);
  CHECK(places == "0eth0 ");
  CHECK(world.b->rule_counts()[0].packets == 0);
  world.b->remove_hook(*id);
  CHECK(world.arrive() == 0);
  CHECK(world.b->rule_counts()[0].packets == 1);
  CHECK(places == "0eth0 ");
}

TEST_CASE("H2: what a rule queues waits for the application's verdict") {
  World world;
  std::vector<std::uint32_t> waiting;
  world.b->set_hook_queue([&](std::uint16_t, std::uint32_t number, const HookPlace& place, const pkt::Packet&) {
    CHECK(place.hook == Hook::local_in);
    waiting.push_back(number);
  });
  REQUIRE(world.b->set_rules({{.hook = Hook::local_in, .verdict = HookVerdict::queue, .proto = 17}}));
  CHECK(world.arrive(2) == 0);
  REQUIRE(waiting.size() == 2);
  CHECK(world.b->reinject(0, waiting[1], HookVerdict::accept));
  CHECK(world.b->reinject(0, waiting[0], HookVerdict::drop));
  CHECK_FALSE(world.b->reinject(0, waiting[0], HookVerdict::accept));
  CHECK(world.read == 1);
  world.b->set_hook_queue({});
  CHECK(world.arrive() == 0);
  CHECK(world.b->stats().total("drop", "hook_queue_full") == 1);
}

TEST_CASE("H2: what cannot be a rule or a function is refused, and nothing has changed") {
  World world;
  REQUIRE(world.b->set_rules({{.hook = Hook::local_in, .verdict = HookVerdict::accept}}));
  CHECK(code(world.b->set_rules({{.in = "eth7"}})) == EINVAL);
  CHECK(code(world.b->set_rules({{.verdict = HookVerdict::stolen}})) == EINVAL);
  CHECK(code(world.b->set_rules({}, 1)) == EINVAL);
  CHECK(world.b->rule_counts().size() == 1);
  CHECK_FALSE(world.b->add_hook({.hook = Hook::local_in}));
  CHECK(world.arrive() == 1);
}
