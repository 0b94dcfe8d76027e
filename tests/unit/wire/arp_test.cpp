// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/arp.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/wire/frames.hpp"

using namespace millrace;
using namespace millrace::wire;

namespace {

const test::Bytes request(test::frame::arp_request.begin() + 14, test::frame::arp_request.end());

}  // namespace

TEST_CASE("an ARP request, byte for byte") {
  const auto view = ArpView::parse(request);
  REQUIRE(view);
  const ArpPacket expected{
      arp_op::request, {{2, 0, 0, 0, 0, 1}}, IpAddress::v4(10, 77, 0, 1), {}, IpAddress::v4(10, 77, 0, 2)};
  CHECK(view->packet() == expected);
  test::Bytes out(arp_bytes);
  emit(expected, out.data());
  CHECK(out == request);
}

TEST_CASE("a cut ARP message is refused") {
  test::for_each_truncation(request,
                            [](auto cut) { CHECK(ArpView::parse(cut).has_value() == (cut.size() >= arp_bytes)); });
}

TEST_CASE("ARP for other hardware, protocols or lengths is refused") {
  for (const std::size_t at : {0u, 1u, 2u, 3u, 4u, 5u}) {
    auto bytes = request;
    bytes[at] ^= 0x10;
    CHECK_FALSE(ArpView::parse(bytes));
  }
}

TEST_CASE("ARP messages written are read back the same") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 500; ++i) {
    const ArpPacket packet{test::random16(rng), test::random_mac(rng), test::random_v4(rng), test::random_mac(rng),
                           test::random_v4(rng)};
    std::uint8_t out[arp_bytes];
    emit(packet, out);
    REQUIRE(ArpView::parse(out)->packet() == packet);
  }
}
