// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/icmp4.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/wire/bytes.hpp"

using namespace millrace;
using namespace millrace::wire;
using test::hex;

TEST_CASE("an ICMP echo request, byte for byte") {
  const auto bytes = hex("08 00 54 35 12 34 00 01 61 62 63 64 65 66 67 68");
  const auto view = Icmp4View::parse(bytes);
  REQUIRE(view);
  CHECK(view->type() == icmp4_type::echo_request);
  CHECK(view->code() == 0);
  CHECK(view->checksum() == 0x5435);
  CHECK(view->id() == 0x1234);
  CHECK(view->sequence() == 1);
  CHECK(view->body().size() == 8);
  CHECK_FALSE(view->is_error());
  test::Bytes out = hex("ff ff ff ff ff ff ff ff 61 62 63 64 65 66 67 68");
  emit(Icmp4Header::echo(icmp4_type::echo_request, 0x1234, 1), out.data());
  seal_icmp4(out);
  CHECK(out == bytes);
  CHECK(checksum(out) == 0);
  test::for_each_truncation(bytes, [](auto cut) {
    const auto v = Icmp4View::parse(cut);
    REQUIRE(v.has_value() == (cut.size() >= 8));
    if (v) CHECK(v->body().size() == cut.size() - 8);
  });
}

TEST_CASE("RFC 1191 section 4: where the next-hop MTU stands") {
  std::uint8_t out[icmp4_header_bytes];
  emit(Icmp4Header::fragmentation_needed(1400), out);
  CHECK(test::Bytes(out, out + 8) == hex("03 04 00 00 00 00 05 78"));
  CHECK(Icmp4View::parse(out)->mtu() == 1400);
  CHECK(Icmp4View::parse(out)->is_error());
}

TEST_CASE("which ICMP types are errors (RFC 1122 section 3.2.2)") {
  for (int type = 0; type < 256; ++type) {
    const std::uint8_t bytes[8] = {static_cast<std::uint8_t>(type)};
    const bool expected = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    CHECK(Icmp4View::parse(bytes)->is_error() == expected);
  }
}

TEST_CASE("ICMP headers written are read back the same") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 500; ++i) {
    const Icmp4Header header{test::random8(rng), test::random8(rng), test::random32(rng)};
    std::uint8_t out[icmp4_header_bytes];
    emit(header, out);
    REQUIRE(Icmp4View::parse(out)->header() == header);
    CHECK(Icmp4View::parse(out)->pointer() == header.rest >> 24);
  }
}
