// SPDX-License-Identifier: BSD-3-Clause
// What a device can do that other media cannot: it filters. Part of the suite.
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
