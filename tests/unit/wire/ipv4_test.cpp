// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/ipv4.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/wire/bytes.hpp"

using namespace millrace;
using namespace millrace::wire;
using test::hex;

namespace {

Ipv4Header random_header(Rng& rng) {
  Ipv4Header h;
  h.source = test::random_v4(rng);
  h.destination = test::random_v4(rng);
  h.total_length = test::random16(rng);
  h.id = test::random16(rng);
  h.fragment_offset = static_cast<std::uint16_t>(test::random16(rng) & 0xfff8);
  h.tos = test::random8(rng);
  h.ttl = test::random8(rng);
  h.proto = test::random8(rng);
  h.dont_fragment = rng.chance(0.5);
  h.more_fragments = rng.chance(0.5);
  return h;
}

}  // namespace

TEST_CASE("an IPv4 header, byte for byte") {
  const auto bytes = hex("45 b8 00 3c 1c 46 40 00 3f 06 b2 2e ac 10 0a 63 ac 10 0a 0c");
  const auto view = Ipv4View::parse(bytes);
  REQUIRE(view);
  CHECK(view->checksum_valid());
  CHECK(view->header_length() == 20);
  CHECK(view->options().empty());
  CHECK_FALSE(view->is_fragment());
  Ipv4Header expected;
  expected.source = IpAddress::v4(172, 16, 10, 99);
  expected.destination = IpAddress::v4(172, 16, 10, 12);
  expected.total_length = 60;
  expected.id = 0x1c46;
  expected.tos = 0xb8;
  expected.ttl = 63;
  expected.proto = ip_proto::tcp;
  expected.dont_fragment = true;
  CHECK(view->header() == expected);
  test::Bytes out(ipv4_header_bytes);
  emit(expected, out.data());
  CHECK(out == bytes);
}

TEST_CASE("RFC 791 appendix A example 2: a fragment") {
  // Total length 472 (the figure's first fragment), identification 111, more fragments, offset 0 and its successor.
  auto bytes = hex("45 00 01 dc 00 6f 20 00 7b 06 00 00 0a 4d 00 01 0a 4d 00 02");
  CHECK(Ipv4View::parse(bytes)->is_fragment());
  CHECK(Ipv4View::parse(bytes)->more_fragments());
  CHECK(Ipv4View::parse(bytes)->fragment_offset() == 0);
  bytes[6] = 0x00;
  bytes[7] = 0x39;
  CHECK(Ipv4View::parse(bytes)->is_fragment());
  CHECK_FALSE(Ipv4View::parse(bytes)->more_fragments());
  CHECK(Ipv4View::parse(bytes)->fragment_offset() == 456);
  bytes[6] = 0x80;  // the reserved bit alone makes no fragment
  bytes[7] = 0x00;
  CHECK_FALSE(Ipv4View::parse(bytes)->is_fragment());
  CHECK_FALSE(Ipv4View::parse(bytes)->dont_fragment());
}

TEST_CASE("options belong to the header, its checksum covers them, and a cut header is refused") {
  auto bytes = hex("46 00 00 25 12 34 40 00 40 11 7e f3 0a 4d 00 01 0a 4d 00 02 94 04 00 00");
  const auto view = Ipv4View::parse(bytes);
  REQUIRE(view);
  CHECK(view->header_length() == 24);
  CHECK(test::Bytes(view->options().begin(), view->options().end()) == hex("94 04 00 00"));
  CHECK(view->checksum_valid());
  test::for_each_truncation(bytes, [](auto cut) {
    const auto v = Ipv4View::parse(cut);
    REQUIRE(v.has_value() == (cut.size() >= 24));
    if (v) CHECK(v->checksum_valid());
  });
  bytes[22] = 1;
  CHECK_FALSE(view->checksum_valid());
}

TEST_CASE("wrong version or header length is refused") {
  auto bytes = hex("45 00 00 14 00 00 00 00 40 11 00 00 0a 4d 00 01 0a 4d 00 02");
  for (int first = 0; first < 256; ++first) {
    bytes[0] = static_cast<std::uint8_t>(first);
    CHECK(Ipv4View::parse(bytes).has_value() == (first == 0x45));
  }
}

TEST_CASE("IPv4 headers written are read back the same, with a valid checksum") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 2000; ++i) {
    const Ipv4Header header = random_header(rng);
    std::uint8_t out[ipv4_header_bytes];
    emit(header, out);
    REQUIRE(Ipv4View::parse(out)->header() == header);
    REQUIRE(Ipv4View::parse(out)->checksum_valid());
  }
}

TEST_CASE("options are written behind the header, whose length and checksum include them") {
  const test::Bytes options{7, 7, 4, 0, 0, 0, 0, 0};
  std::uint8_t out[ipv4_header_bytes + 8];
  emit(Ipv4Header{.total_length = 28, .proto = 1}, options, out);
  const auto view = Ipv4View::parse(out);
  CHECK(view->header_length() == 28);
  CHECK(test::Bytes(view->options().begin(), view->options().end()) == options);
  CHECK(view->checksum_valid());
  emit(Ipv4Header{.total_length = 20, .proto = 1}, {}, out);
  CHECK(Ipv4View::parse(out)->header_length() == 20);
}

TEST_CASE("patching length and TTL keeps the checksum as if written anew") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 2000; ++i) {
    Ipv4Header header = random_header(rng);
    header.ttl = static_cast<std::uint8_t>(1 + rng.below(255));
    test::Bytes patched(ipv4_header_bytes);
    emit(header, patched.data());
    header.total_length = test::random16(rng);
    set_ipv4_total_length(patched.data(), header.total_length);
    --header.ttl;
    decrement_ttl(patched.data());
    test::Bytes anew(ipv4_header_bytes);
    emit(header, anew.data());
    REQUIRE(patched == anew);
  }
}
