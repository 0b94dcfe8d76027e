// SPDX-License-Identifier: BSD-3-Clause
// What a device can do that other media cannot: it filters, and it counts what it sees. Part of the suite.
#include "drivers/ethdev/profile.hpp"
#include "tests/conformance/opened.hpp"

using namespace millrace;
using namespace millrace::conformance;

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

TEST_CASE("device: what the driver counts stands under Linux's names, too, after a reset as well") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    const Opened opened(subject, options_for(host, subject));
    const auto& known = ethdev::profile_of(subject.traits.driver).stable_counters;
    if (known.empty()) return not_possible(subject, "its xstats count nothing that Linux has a name for");
    const stats::NamedValues names = opened.port->xstats();
    for (const drivers::StableCounter& one : known) {
      INFO(one.begin << "..." << one.end);
      CHECK(std::any_of(names.begin(), names.end(), [&](const auto& named) { return named.first.starts_with(one.begin) && named.first.ends_with(one.end); }));
    }
    test::RawFrame to_group = opened.to_us(false, 17, 100);
    to_group.destination = {{1, 0, 0x5e, 0, 0, 1}};
    const auto come = [&](std::size_t frames) {
      for (std::size_t n = 0; n < frames; ++n) REQUIRE(subject.inject(to_group.bytes()));
      pkt::PacketList got = receive_all(host, opened);
      CHECK(got.size() == frames);
      pkt::consume(got);
    };
    come(3);
    CHECK(opened.port->device_stats().multicast == 3);
    REQUIRE(opened.port->reset());
    come(2);
    CHECK(opened.port->device_stats().multicast == 5);
    CHECK(opened.port->device_stats().rx_crc_errors == 0);
  });
}
