// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/nd.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/wire/frames.hpp"

using namespace millrace;
using namespace millrace::wire;
using test::hex;

namespace {

const IpAddress one = *IpAddress::parse("fd00:77::1");
const IpAddress two = *IpAddress::parse("fd00:77::2");
const MacAddress mac{{2, 0, 0, 0, 0, 1}};

test::Bytes message_of(const test::Bytes& frame) { return {frame.begin() + 54, frame.end()}; }

template <class Message>
test::Bytes emitted(const Message& message) {
  test::Bytes out(nd_max_bytes, 0xee);
  out.resize(emit(message, out.data()));
  return out;
}

/// What emit() wrote, sealed, is what the frame holds.
template <class Message>
void check_bytes(const Message& message, const test::Bytes& frame) {
  test::Bytes out = emitted(message);
  seal_icmp6(out, one, two);
  CHECK(out == message_of(frame));
}

/// Everything shorter than a message is refused, except where the cut falls between two of its options.
template <class Message>
void check_truncations(const test::Bytes& bytes, const std::vector<std::size_t>& whole) {
  test::for_each_truncation(bytes, [&](auto cut) {
    INFO(cut.size());
    CHECK(Message::parse(cut).has_value() == (std::find(whole.begin(), whole.end(), cut.size()) != whole.end()));
  });
}

std::optional<MacAddress> maybe_mac(Rng& rng) {
  if (rng.chance(0.5)) return std::nullopt;
  return test::random_mac(rng);
}

}  // namespace

TEST_CASE("a neighbour solicitation, byte for byte (RFC 4861 section 4.3)") {
  const NeighborSolicitation expected{two, mac};
  CHECK(NeighborSolicitation::parse(message_of(test::frame::ipv6_ns)) == expected);
  check_bytes(expected, test::frame::ipv6_ns);
  check_truncations<NeighborSolicitation>(message_of(test::frame::ipv6_ns), {24, 32});
  CHECK(emitted(NeighborSolicitation{two, {}}).size() == 24);
}

TEST_CASE("a neighbour advertisement, byte for byte (RFC 4861 section 4.4)") {
  const NeighborAdvertisement expected{two, mac, false, true, true};
  CHECK(NeighborAdvertisement::parse(message_of(test::frame::ipv6_na)) == expected);
  check_bytes(expected, test::frame::ipv6_na);
  check_truncations<NeighborAdvertisement>(message_of(test::frame::ipv6_na), {24, 32});
}

TEST_CASE("a router advertisement, byte for byte (RFC 4861 section 4.2)") {
  RouterAdvertisement expected;
  expected.hop_limit = 64;
  expected.managed = expected.other_config = true;
  expected.router_lifetime_s = 1800;
  expected.reachable_time_ms = 30'000;
  expected.retransmit_timer_ms = 1'000;
  expected.mtu = 1280;
  expected.source_link = mac;
  expected.prefix_count = 1;
  expected.prefixes[0] = {{*IpAddress::parse("fd00:77::"), 64}, true, true, 86'400, 14'400};
  CHECK(RouterAdvertisement::parse(message_of(test::frame::ipv6_ra)) == expected);
  check_bytes(expected, test::frame::ipv6_ra);
  check_truncations<RouterAdvertisement>(message_of(test::frame::ipv6_ra), {16, 24, 32, 64});
}

TEST_CASE("a router solicitation, byte for byte (RFC 4861 section 4.1)") {
  const auto bytes = hex("85 00 00 00 00 00 00 00 01 01 02 00 00 00 00 01");
  CHECK(RouterSolicitation::parse(bytes) == RouterSolicitation{mac});
  CHECK(emitted(RouterSolicitation{mac}) == bytes);
  check_truncations<RouterSolicitation>(bytes, {8, 16});
}

TEST_CASE("messages of another type or code are refused") {
  auto bytes = message_of(test::frame::ipv6_ns);
  CHECK_FALSE(NeighborAdvertisement::parse(bytes));
  CHECK_FALSE(RouterAdvertisement::parse(bytes));
  CHECK_FALSE(RouterSolicitation::parse(bytes));
  CHECK_FALSE(NeighborSolicitation::parse(message_of(test::frame::ipv6_na)));
  bytes[1] = 1;
  CHECK_FALSE(NeighborSolicitation::parse(bytes));
}

TEST_CASE("RFC 4861 section 7.1: a multicast target is refused, and an IPv4-mapped one") {
  CHECK_FALSE(NeighborSolicitation::parse(emitted(NeighborSolicitation{*IpAddress::parse("ff02::1"), {}})));
  CHECK_FALSE(NeighborAdvertisement::parse(emitted(NeighborAdvertisement{*IpAddress::parse("ff02::1"), {}})));
  CHECK_FALSE(NeighborSolicitation::parse(emitted(NeighborSolicitation{IpAddress::v4(10, 77, 0, 1), {}})));
}

TEST_CASE(
    "RFC 4861 section 4.6: an option of length zero or past the end spoils the message, an unknown one does not") {
  const auto with = [](const char* option) {
    auto bytes = emitted(NeighborSolicitation{two, {}});
    const auto more = hex(option);
    bytes.insert(bytes.end(), more.begin(), more.end());
    return NeighborSolicitation::parse(bytes);
  };
  CHECK_FALSE(with("01 00 02 00 00 00 00 01"));
  CHECK_FALSE(with("0e 00 00 00 00 00 00 00"));
  CHECK_FALSE(with("01 02 02 00 00 00 00 01"));
  CHECK_FALSE(with("01 02 02 00 00 00 00 01 00 00 00 00 00 00 00 00"));  // longer than an Ethernet address needs
  CHECK_FALSE(with("01"));
  REQUIRE(with("0e 01 00 00 00 00 00 00"));
  CHECK_FALSE(with("0e 01 00 00 00 00 00 00")->source_link);
  CHECK_FALSE(with("02 01 02 00 00 00 00 01")->source_link);
  CHECK(with("0e 01 00 00 00 00 00 00 01 01 02 00 00 00 00 01 01 01 06 06 06 06 06 06")->source_link == mac);
}

TEST_CASE("more prefixes than fit are passed over, and so is an impossible one") {
  RouterAdvertisement ra;
  ra.prefix_count = nd_max_prefixes;
  for (std::size_t i = 0; i < nd_max_prefixes; ++i) ra.prefixes[i].prefix = {one, static_cast<std::uint8_t>(64 + i)};
  auto bytes = emitted(ra);
  CHECK(RouterAdvertisement::parse(bytes) == ra);
  const test::Bytes last(bytes.end() - 32, bytes.end());
  bytes.insert(bytes.end(), last.begin(), last.end());
  CHECK(RouterAdvertisement::parse(bytes) == ra);
  bytes = emitted(ra);
  bytes[16 + 2] = 129;
  CHECK(RouterAdvertisement::parse(bytes)->prefix_count == nd_max_prefixes - 1);
}

TEST_CASE("neighbour discovery messages written are read back the same") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 500; ++i) {
    const Nonce drawn{test::random8(rng), 2, 3, test::random8(rng)};
    const NeighborSolicitation ns{test::random_v6(rng), maybe_mac(rng), rng.chance(0.5) ? std::optional(drawn) : std::nullopt};
    REQUIRE(NeighborSolicitation::parse(emitted(ns)) == ns);
    const NeighborAdvertisement na{test::random_v6(rng), maybe_mac(rng), rng.chance(0.5), rng.chance(0.5),
                                   rng.chance(0.5)};
    REQUIRE(NeighborAdvertisement::parse(emitted(na)) == na);
    RouterAdvertisement ra{test::random8(rng),  rng.chance(0.5),     rng.chance(0.5),     test::random16(rng),
                           test::random32(rng), test::random32(rng), test::random32(rng), maybe_mac(rng),
                           static_cast<std::uint8_t>(rng.below(nd_max_prefixes + 1)), {}};
    for (std::size_t p = 0; p < ra.prefix_count; ++p)
      ra.prefixes[p] = {{test::random_v6(rng), static_cast<std::uint8_t>(rng.below(129))},
                        rng.chance(0.5),
                        rng.chance(0.5),
                        test::random32(rng),
                        test::random32(rng)};
    ra.dns_count = static_cast<std::uint8_t>(rng.below(nd_max_name_servers + 1));
    for (std::size_t d = 0; d < ra.dns_count; ++d) ra.dns[d] = {test::random_v6(rng), test::random32(rng)};
    ra.preference = static_cast<int>(rng.below(3)) - 1;
    REQUIRE(RouterAdvertisement::parse(emitted(ra)) == ra);
    REQUIRE(emitted(ra).size() <= nd_max_bytes);
    IpAddress target = test::random_v6(rng);
    target.bytes[0] = 0xfe;
    target.bytes[1] = 0x80;
    const Redirect redirect{target, test::random_v6(rng), maybe_mac(rng)};
    REQUIRE(Redirect::parse(emitted(redirect)) == redirect);
  }
}

TEST_CASE("RFC 4291 section 2.7.1: the example of a solicited-node group") {
  CHECK(solicited_node(*IpAddress::parse("4037::01:800:200e:8c6c")).to_string() == "ff02::1:ff0e:8c6c");
}

TEST_CASE("RFC 8106 5.1: one option of name servers may hold several; one that is cut short spoils the message") {
  RouterAdvertisement ra;
  ra.dns_count = 1;
  ra.dns[0] = {*IpAddress::parse("fd00::53"), 60};
  test::Bytes bytes = emitted(ra);
  bytes[16 + 1] = 5;
  const IpAddress second = *IpAddress::parse("fd00::54");
  for (const std::uint8_t byte : second.bytes) bytes.push_back(byte);  // g++ 14 sees insert() write where it does not
  const auto read = RouterAdvertisement::parse(bytes);
  REQUIRE(read);
  CHECK(read->dns_count == 2);
  CHECK(read->dns[1] == DnsServer{second, 60});
  bytes[16 + 1] = 4;
  bytes.resize(bytes.size() - 8);
  CHECK_FALSE(RouterAdvertisement::parse(bytes));
}

TEST_CASE("RFC 4861 8.1: a redirect leads to a router's link-local address or to the destination itself, and is about no group") {
  const IpAddress far_away = *IpAddress::parse("2001:db8::1"), other = *IpAddress::parse("2001:db8::2");
  CHECK(Redirect::parse(emitted(Redirect{*IpAddress::parse("fe80::1"), far_away, {}})));
  CHECK(Redirect::parse(emitted(Redirect{far_away, far_away, {}})));
  CHECK_FALSE(Redirect::parse(emitted(Redirect{other, far_away, {}})));
  CHECK_FALSE(Redirect::parse(emitted(Redirect{*IpAddress::parse("fe80::1"), *IpAddress::parse("ff02::1"), {}})));
}
