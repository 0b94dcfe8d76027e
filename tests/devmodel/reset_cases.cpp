// SPDX-License-Identifier: BSD-3-Clause
// What a device can meet that other media cannot: it is reset, it is pulled out and put back, it filters. Part of the suite.
#include "tests/conformance/opened.hpp"
#include "tests/devmodel/subject.hpp"

using namespace millrace;
using namespace millrace::conformance;

namespace {

devmodel::Subject& model(Subject& subject) { return static_cast<devmodel::Subject&>(subject); }

}  // namespace

TEST_CASE("device: a port that is reset carries on where it was, and leaves no buffer behind") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    const Opened opened(subject, options_for(host, subject));
    const auto frame = opened.to_us(false, 17, 100).bytes();
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 10; ++i) REQUIRE(subject.inject(frame));
      for (int i = 0; i < 10; ++i) consume_one(host, *opened.port);
      for (int i = 0; i < 10; ++i) REQUIRE(subject.inject(frame));  // lost with what the device holds
      host.send(*opened.port, host.pool.packet(frame));
      REQUIRE(opened.port->reset());
      CHECK(link_becomes(*opened.port, true));
      CHECK(opened.port->device_stats().tx_packets == 1 + 2 * static_cast<unsigned>(round));
      REQUIRE(subject.inject(frame));
      consume_one(host, *opened.port);
      host.send(*opened.port, host.pool.packet(frame));
      CHECK_FALSE(opened.port->check(host.env.now));
    }
  });
}

TEST_CASE("device: A14, pulled out, it ends its port alone, in a second; the port works again when it is put back") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    const Opened opened(subject, options_for(host, subject));
    const auto frame = opened.to_us(false, 17, 100).bytes();
    REQUIRE(subject.inject(frame));
    model(subject).slot.pull_out();
    const auto fault = opened.port->check(host.env.now);
    REQUIRE(fault);
    CHECK(fault->cause == "removed");
    CHECK_FALSE(opened.port->check(host.env.now));
    CHECK_FALSE(opened.port->reset());
    CHECK_FALSE(opened.port->link().up);
    pkt::Burst burst;
    CHECK(opened.port->rx_queue(0).receive(host.env, burst, 32) == 0);
    burst.push(host.pool.packet(frame));
    CHECK(opened.port->tx_queue(0).transmit(host.env, burst) == 0);
    burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
    model(subject).put_back();
    REQUIRE(opened.port->reset());
    CHECK(link_becomes(*opened.port, true));
    REQUIRE(subject.inject(frame));
    consume_one(host, *opened.port);
  });
}

TEST_CASE("device: frames to other hosts come in while the port is promiscuous, after a reset, too, and not else") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    const Opened opened(subject, options_for(host, subject));
    test::RawFrame foreign = opened.to_us(false, 17, 100);
    foreign.destination = {{2, 9, 9, 9, 9, 9}};
    const auto comes = [&] {
      static_cast<void>(subject.inject(foreign.bytes()));
      pkt::PacketList got = receive_all(host, opened);
      const bool any = !got.empty();
      pkt::consume(got);
      return any;
    };
    const Result<void> set = opened.port->set_promiscuous(true);
    if (!set) return not_possible(subject, set.error().message.substr(set.error().message.find("promiscuous")));
    CHECK(comes());
    REQUIRE(opened.port->reset());
    CHECK(comes());
    REQUIRE(opened.port->set_promiscuous(false));
    CHECK_FALSE(comes());
  });
}
