// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/link.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include "drivers/sim/link.hpp"

using namespace millrace;
using test::endpoint;
using test::TwoEngines;

namespace {

/// What becomes of 100 datagrams from a to b: how many b's socket gets, and when the last.
struct Outcome {
  explicit Outcome(const Impairment& there) : world({.there = there}) {
    Sockets& b = TwoEngines::sockets(*world.b);
    (*b.bind_udp(endpoint("0.0.0.0:7")))->on_readable([&](UdpSocket& socket) {
      std::array<std::uint8_t, 64> datagram;
      Endpoint from;
      while (socket.receive_from(datagram, from) >= 0) {
        if (datagram[0] < last) ++out_of_order;
        last = datagram[0];
        ++arrived;
        took = b.now() - begin;
      }
    });
    UdpSocket& sender = **TwoEngines::sockets(*world.a).bind_udp(endpoint("10.77.0.1:8"));
    (*TwoEngines::sockets(*world.b).bind_udp(endpoint("0.0.0.0:9")))
        ->send_to(test::bytes("x"), endpoint("10.77.0.1:9"));
    world.run_for(20s);  // until ARP is done, whatever is lost
    begin = world.now();
    for (std::uint8_t i = 0; i < 100; ++i) {
      sender.send_to(std::array{i}, endpoint("10.77.0.2:7"));
      world.run_for(100us);
    }
    world.run_for(10s);
  }
  TwoEngines world;
  int arrived = 0;
  int out_of_order = 0;
  std::uint8_t last = 0;
  Instant begin;
  Duration took{};
};

}  // namespace

TEST_CASE("each impairment reaches the link") {
  Outcome clean({});
  CHECK(clean.arrived == 100);
  CHECK(clean.out_of_order == 0);
  CHECK(clean.took == 9900us);
  CHECK(Outcome({.delay = 30ms}).took == 39900us);
  const Duration jittered = Outcome({.jitter = 30ms}).took;
  CHECK((jittered > 9900us && jittered <= 39900us));
  const int lossy = Outcome({.loss = 0.3}).arrived;
  CHECK((lossy > 40 && lossy < 95));
  CHECK(Outcome({.duplicate = 0.5}).arrived > 120);
  Outcome reordered({.reorder = 0.3});
  CHECK(reordered.arrived == 100);
  CHECK(reordered.out_of_order > 5);
  CHECK(Outcome({.corrupt = 0.5}).arrived < 95);
  CHECK(Outcome({.rate_bps = 64000}).took > 400ms);  // 43 bytes in 5.4 ms
  CHECK(Outcome({.delay = 1s, .limit = 10}).arrived == 10);
}

TEST_CASE("the impairments of one direction are not those of the other") {
  TwoEngines world({.back = {.loss = 1}});
  int arrived = 0;
  (*TwoEngines::sockets(*world.b).bind_udp(endpoint("0.0.0.0:7")))->on_readable([&](UdpSocket&) { ++arrived; });
  auto stream = TwoEngines::sockets(*world.a).connect(endpoint("10.77.0.2:80"));
  REQUIRE(stream.has_value());
  world.run_for(10s);
  CHECK(world.b->stats().total("neighbor", "rcv_probes_mcast") + world.b->stats().total("port", "rx_packets") > 0);
  CHECK(world.a->stats().total("port", "rx_packets") == 0);
}

TEST_CASE("both ends belong to one link, which lives as long as one of them") {
  std::weak_ptr<sim::Link> link;
  {
    auto [here, there] = make_link(1);
    CHECK(here.link == there.link);
    CHECK(here.end != there.end);
    link = here.link;
    here = {};
    CHECK_FALSE(link.expired());
  }
  CHECK(link.expired());
}
