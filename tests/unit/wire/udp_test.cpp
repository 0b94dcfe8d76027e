// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/udp.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/wire/bytes.hpp"

using namespace millrace;
using namespace millrace::wire;

TEST_CASE("a UDP header, byte for byte") {
  const auto bytes = test::hex("9c 40 00 07 00 0c 21 70");
  CHECK(UdpView::parse(bytes)->header() == UdpHeader{40000, 7, 12, 0x2170});
  test::Bytes out(udp_header_bytes);
  emit(UdpHeader{40000, 7, 12, 0x2170}, out.data());
  CHECK(out == bytes);
  test::for_each_truncation(bytes, [](auto cut) { CHECK(UdpView::parse(cut).has_value() == (cut.size() == 8)); });
}

TEST_CASE("RFC 768: a computed checksum of zero is sent as all ones") {
  std::uint8_t udp[udp_header_bytes]{};
  set_udp_checksum(udp, 0);
  CHECK(UdpView::parse(udp)->checksum() == 0xffff);
  set_udp_checksum(udp, 0x1234);
  CHECK(UdpView::parse(udp)->checksum() == 0x1234);
}

TEST_CASE("UDP headers written are read back the same") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 500; ++i) {
    const UdpHeader header{test::random16(rng), test::random16(rng), test::random16(rng), test::random16(rng)};
    std::uint8_t out[udp_header_bytes];
    emit(header, out);
    REQUIRE(UdpView::parse(out)->header() == header);
  }
}
