// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/ipv6.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/wire/frames.hpp"

using namespace millrace;
using namespace millrace::wire;
using test::hex;

namespace {

using Status = Ipv6Walk::Status;

/// An IPv6 packet of `payload`, whose first header is `next`.
test::Bytes packet(std::uint8_t next, const test::Bytes& payload) {
  test::Bytes bytes(ipv6_header_bytes);
  Ipv6Header header;
  header.source = *IpAddress::parse("fd00:77::1");
  header.destination = *IpAddress::parse("fd00:77::2");
  header.payload_length = static_cast<std::uint16_t>(payload.size());
  header.next_header = next;
  emit(header, bytes.data());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

/// `count` destination options headers of 8 bytes, then UDP.
test::Bytes chain_of(unsigned count) {
  test::Bytes payload;
  for (unsigned i = 0; i < count; ++i) {
    const std::uint8_t next = i + 1 < count ? ip_proto::destination_options : ip_proto::udp;
    for (const std::uint8_t b : {next, std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{4}}) payload.push_back(b);
    payload.insert(payload.end(), 4, 0);
  }
  payload.insert(payload.end(), 8, 0);
  return packet(count == 0 ? ip_proto::udp : ip_proto::destination_options, payload);
}

}  // namespace

TEST_CASE("an IPv6 header, byte for byte (RFC 8200 section 3)") {
  const auto bytes = hex("6a bc de f0 12 34 11 3f fd000077000000000000000000000001 fd000077000000000000000000000002");
  const auto view = Ipv6View::parse(bytes);
  REQUIRE(view);
  const Ipv6Header expected{
      *IpAddress::parse("fd00:77::1"), *IpAddress::parse("fd00:77::2"), 0xcdef0, 0x1234, 0xab, ip_proto::udp, 63};
  CHECK(view->header() == expected);
  test::Bytes out(ipv6_header_bytes);
  emit(expected, out.data());
  CHECK(out == bytes);
  set_ipv6_payload_length(out.data(), 0x4321);
  CHECK(Ipv6View::parse(out)->payload_length() == 0x4321);
  test::for_each_truncation(bytes, [](auto cut) { CHECK(Ipv6View::parse(cut).has_value() == (cut.size() == 40)); });
  out[0] = 0x4a;
  CHECK_FALSE(Ipv6View::parse(out));
}

TEST_CASE("IPv6 headers written are read back the same") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 1000; ++i) {
    const Ipv6Header header{test::random_v6(rng), test::random_v6(rng), test::random32(rng) & 0xfffff,
                            test::random16(rng),  test::random8(rng),   test::random8(rng),
                            test::random8(rng)};
    std::uint8_t out[ipv6_header_bytes];
    emit(header, out);
    REQUIRE(Ipv6View::parse(out)->header() == header);
    const Ipv6FragmentHeader fragment{test::random32(rng), static_cast<std::uint16_t>(test::random16(rng) & 0xfff8),
                                      test::random8(rng), rng.chance(0.5)};
    emit(fragment, out);
    REQUIRE(Ipv6FragmentHeader::parse({out, 8}) == fragment);
  }
}

TEST_CASE("no extension header: the walk ends at once") {
  const auto bytes = packet(ip_proto::tcp, test::Bytes(20));
  const Ipv6Walk walk = walk_ipv6(bytes);
  CHECK(walk.status == Status::complete);
  CHECK(walk.proto == ip_proto::tcp);
  CHECK(walk.offset == 40);
  CHECK(walk.proto_at == 6);
  CHECK(walk.fragment_at == 0);
}

TEST_CASE("hop-by-hop, routing, destination options and an atomic fragment header are walked through (RFC 6946)") {
  const test::Bytes bytes(test::frame::ipv6_chain_udp.begin() + 14, test::frame::ipv6_chain_udp.end());
  const Ipv6Walk walk = walk_ipv6(bytes);
  CHECK(walk.status == Status::complete);
  CHECK(walk.proto == ip_proto::udp);
  CHECK(walk.offset == 40 + 8 + 24 + 8 + 8);
  CHECK(walk.fragment_at == 40 + 8 + 24 + 8);
  CHECK(walk.fragment_proto_at == 40 + 8 + 24);
  CHECK(walk.proto_at == walk.fragment_at);
}

TEST_CASE("a chain that is cut anywhere is truncated") {
  const test::Bytes bytes(test::frame::ipv6_chain_udp.begin() + 14, test::frame::ipv6_chain_udp.end());
  test::for_each_truncation(bytes, [](auto cut) {
    if (!Ipv6View::parse(cut)) return;
    const Ipv6Walk walk = walk_ipv6(cut);
    CHECK(walk.status == (cut.size() >= 88 ? Status::complete : Status::truncated));
    CHECK(walk.offset <= cut.size());
  });
}

TEST_CASE("a part of a larger packet ends the walk behind its Fragment header") {
  for (const char* field : {"00 01", "00 08", "00 09"}) {
    const auto bytes =
        packet(ip_proto::fragment, hex("3c 00 " + std::string(field) + " 00 00 00 09  11 00 00 00 00 00 00 00"));
    const Ipv6Walk walk = walk_ipv6(bytes);
    CHECK(walk.status == Status::fragment);
    CHECK(walk.proto == ip_proto::destination_options);
    CHECK(walk.offset == 48);
    CHECK(walk.fragment_at == 40);
    CHECK(walk.fragment_proto_at == 6);
  }
}

TEST_CASE("RFC 8200 section 4.1: hop-by-hop options anywhere but first are an unknown protocol") {
  const auto bytes = packet(ip_proto::destination_options, hex("00 00 01 04 00 00 00 00  11 00 01 04 00 00 00 00"));
  const Ipv6Walk walk = walk_ipv6(bytes);
  CHECK(walk.status == Status::complete);
  CHECK(walk.proto == ip_proto::hop_by_hop);
  CHECK(walk.offset == 48);
  CHECK(walk.proto_at == 40);
}

TEST_CASE("the walk is bounded") {
  const Ipv6Walk longest = walk_ipv6(chain_of(ipv6_max_extension_headers));
  CHECK(longest.status == Status::complete);
  CHECK(longest.proto == ip_proto::udp);
  CHECK(walk_ipv6(chain_of(ipv6_max_extension_headers + 1)).status == Status::too_many);
}

TEST_CASE("random chains never lead outside the packet") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  constexpr std::array<std::uint8_t, 6> protos{0, 43, 44, 60, 17, 59};
  for (int i = 0; i < 20'000; ++i) {
    auto payload = test::random_bytes(rng, rng.below(120));
    for (std::size_t at = 0; at + 1 < payload.size(); at += 8) {
      payload[at] = protos[rng.below(6)];
      payload[at + 1] = static_cast<std::uint8_t>(rng.below(3));
    }
    const test::Exact exact(packet(protos[rng.below(6)], payload));
    const Ipv6Walk walk = walk_ipv6(exact.span());
    REQUIRE(walk.offset <= exact.span().size());
    REQUIRE(exact.span()[walk.proto_at] == walk.proto);
  }
}
