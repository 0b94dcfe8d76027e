// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/ethernet.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/wire/frames.hpp"

using namespace millrace;
using namespace millrace::wire;

TEST_CASE("an Ethernet header is read where IEEE 802.3 puts it") {
  const auto view = EthernetView::parse(test::frame::ipv4_udp_padded);
  REQUIRE(view);
  CHECK(view->destination().to_string() == "02:00:00:00:00:02");
  CHECK(view->source().to_string() == "02:00:00:00:00:01");
  CHECK(view->ethertype() == ethertype::ipv4);
}

TEST_CASE("a cut Ethernet header is refused") {
  test::for_each_truncation(test::frame::arp_request,
                            [](auto cut) { CHECK(EthernetView::parse(cut).has_value() == (cut.size() >= 14)); });
}

TEST_CASE("Ethernet headers written are read back the same") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 500; ++i) {
    const EthernetHeader header{test::random_mac(rng), test::random_mac(rng), test::random16(rng)};
    std::uint8_t out[ethernet_header_bytes];
    emit(header, out);
    REQUIRE(EthernetView::parse(out)->header() == header);
  }
}

TEST_CASE("group addresses: RFC 1112 section 6.4 and RFC 2464 section 7") {
  CHECK(multicast_mac(IpAddress::v4(224, 129, 2, 3)).to_string() == "01:00:5e:01:02:03");
  CHECK(multicast_mac(*IpAddress::parse("ff02::1:ff01:203")).to_string() == "33:33:ff:01:02:03");
}
