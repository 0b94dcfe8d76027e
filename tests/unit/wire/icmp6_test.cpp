// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/icmp6.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/wire/bytes.hpp"

using namespace millrace;
using namespace millrace::wire;
using test::hex;

namespace {

const IpAddress one = *IpAddress::parse("fd00:77::1");
const IpAddress two = *IpAddress::parse("fd00:77::2");

}  // namespace

TEST_CASE("an ICMPv6 echo request, byte for byte, checksum over the pseudo-header") {
  const auto bytes = hex("80 00 e0 f7 12 34 00 01 61 62 63 64 65 66 67 68");
  const auto view = Icmp6View::parse(bytes);
  REQUIRE(view);
  CHECK(view->type() == icmp6_type::echo_request);
  CHECK(view->id() == 0x1234);
  CHECK(view->sequence() == 1);
  CHECK(view->checksum() == 0xe0f7);
  CHECK(view->body().size() == 8);
  CHECK(view->message().size() == 16);
  test::Bytes out = hex("ff ff ff ff ff ff ff ff 61 62 63 64 65 66 67 68");
  emit(Icmp6Header::echo(icmp6_type::echo_request, 0x1234, 1), out.data());
  seal_icmp6(out, one, two);
  CHECK(out == bytes);
  test::for_each_truncation(bytes, [](auto cut) { CHECK(Icmp6View::parse(cut).has_value() == (cut.size() >= 8)); });
}

TEST_CASE("RFC 4443 sections 3.2 and 3.4: MTU and pointer") {
  std::uint8_t out[icmp6_header_bytes];
  emit(Icmp6Header::packet_too_big(1280), out);
  CHECK(test::Bytes(out, out + 8) == hex("02 00 00 00 00 00 05 00"));
  CHECK(Icmp6View::parse(out)->mtu() == 1280);
  emit(Icmp6Header::parameter_problem(icmp6_parameter_problem::next_header, 40), out);
  CHECK(test::Bytes(out, out + 8) == hex("04 01 00 00 00 00 00 28"));
  CHECK(Icmp6View::parse(out)->pointer() == 40);
}

TEST_CASE("RFC 4443 section 2.1: types below 128 are errors; RFC 4861: 133 to 137 are neighbour discovery") {
  for (int type = 0; type < 256; ++type) {
    const std::uint8_t bytes[8] = {static_cast<std::uint8_t>(type)};
    CHECK(Icmp6View::parse(bytes)->is_error() == (type < 128));
    CHECK(Icmp6View::parse(bytes)->is_neighbor_discovery() == (type >= 133 && type <= 137));
  }
}

TEST_CASE("ICMPv6 headers written are read back the same") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 500; ++i) {
    const Icmp6Header header{test::random8(rng), test::random8(rng), test::random32(rng)};
    std::uint8_t out[icmp6_header_bytes];
    emit(header, out);
    REQUIRE(Icmp6View::parse(out)->header() == header);
  }
}
