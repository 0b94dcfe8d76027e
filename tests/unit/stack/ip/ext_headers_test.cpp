// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/ip/ext_headers.hpp>

#include <millrace/base/rng.hpp>
#include <millrace/wire/ipv6.hpp>

#include "tests/support/catch.hpp"

#include <algorithm>
#include <vector>

using namespace millrace;
using Bytes = std::vector<std::uint8_t>;
using Verdict = ip::ExtHeaders::Verdict;

namespace {

// An IPv6 header, then `rest`.
Bytes packet(std::uint8_t next_header, const Bytes& rest) {
  Bytes bytes(wire::ipv6_header_bytes + rest.size());
  wire::emit(wire::Ipv6Header{.payload_length = static_cast<std::uint16_t>(rest.size()), .next_header = next_header},
             bytes.data());
  std::copy(rest.begin(), rest.end(), bytes.begin() + wire::ipv6_header_bytes);
  return bytes;
}

ip::ExtHeaders judge(std::uint8_t next_header, const Bytes& rest, bool to_group = false) {
  return ip::judge_ext_headers(packet(next_header, rest), to_group);
}

// Destination options with one unknown option of this type, then UDP.
Bytes with_option(std::uint8_t type) { return {17, 0, type, 2, 0, 0, 0, 0}; }

}  // namespace

TEST_CASE("no extension headers: the upper layer begins at once") {
  const auto ext = judge(17, {});
  CHECK(ext.verdict == Verdict::deliver);
  CHECK(ext.proto == 17);
  CHECK(ext.offset == 40);
  CHECK(ext.proto_at == 6);
}

TEST_CASE("RFC 8200 4.1: hop-by-hop, destination options and routing without segments left are passed over") {
  const auto ext = judge(0, {60, 0, 5, 2, 0, 0, 1, 0,  //
                             43, 0, 0, 0, 0, 0, 0, 0,  // six Pad1
                             6, 0, 0, 0, 0, 0, 0, 0});
  CHECK(ext.verdict == Verdict::deliver);
  CHECK(ext.proto == 6);
  CHECK(ext.offset == 64);
  CHECK(ext.proto_at == 56);
}

TEST_CASE("RFC 8200 4.1: hop-by-hop options stand first or not at all") {
  const auto ext = judge(60, {0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0});
  CHECK(ext.verdict == Verdict::deliver);  // to protocol 0, which nobody takes
  CHECK(ext.proto == 0);
  CHECK(ext.proto_at == 40);
}

TEST_CASE("RFC 8200 4.2: the option type's high bits say what to do when it is unknown") {
  CHECK(judge(60, with_option(0x3e)).verdict == Verdict::deliver);
  CHECK(judge(60, with_option(0x7e)).verdict == Verdict::discard);
  for (bool group : {false, true}) {
    const auto ext = judge(60, with_option(0xbe), group);
    CHECK(ext.verdict == Verdict::report);
    CHECK(ext.code == 2);
    CHECK(ext.pointer == 42);
  }
  CHECK(judge(0, with_option(0xfe)).verdict == Verdict::report);
  CHECK(judge(0, with_option(0xfe), true).verdict == Verdict::discard);
}

TEST_CASE("a routing header to a group is discarded, whatever it says; to one host it is passed over when nothing is left of it") {
  const Bytes none_left{17, 0, 0, 0, 0, 0, 0, 0};
  CHECK(judge(43, none_left).verdict == Verdict::deliver);
  CHECK(judge(43, none_left, true).verdict == Verdict::misaddressed);
  CHECK(judge(43, {17, 0, 0, 1, 0, 0, 0, 0}, true).verdict == Verdict::misaddressed);
}

TEST_CASE("RFC 8200 4.4, RFC 5095: a routing header with segments left is reported") {
  const auto ext = judge(43, {17, 0, 0, 1, 0, 0, 0, 0});
  CHECK(ext.verdict == Verdict::report);
  CHECK(ext.code == 0);
  CHECK(ext.pointer == 42);
}

TEST_CASE("RFC 6946: an atomic fragment is whole, any other is not") {
  CHECK(judge(44, {17, 0, 0, 0, 1, 2, 3, 4}).verdict == Verdict::deliver);
  CHECK(judge(44, {17, 0, 0, 1, 1, 2, 3, 4}).verdict == Verdict::fragment);
  CHECK(judge(44, {17, 0, 0, 8, 1, 2, 3, 4}).verdict == Verdict::fragment);
}

TEST_CASE("RFC 8200 4.7: no next header") { CHECK(judge(59, {1, 2, 3}).verdict == Verdict::no_next_header); }

TEST_CASE("headers and options that do not fit are malformed") {
  CHECK(judge(60, {17, 0, 0}).verdict == Verdict::malformed);
  CHECK(judge(60, {17, 1, 0, 0, 0, 0, 0, 0}).verdict == Verdict::malformed);
  CHECK(judge(60, {17, 0, 0x3e, 5, 0, 0, 0, 0}).verdict == Verdict::malformed);
  CHECK(judge(60, {17, 0, 0, 0, 0, 0, 0, 0x3e}).verdict == Verdict::malformed);
  Bytes chain;
  for (int i = 0; i < 9; ++i)
    for (const std::uint8_t byte : {60, 0, 1, 4, 0, 0, 0, 0}) chain.push_back(byte);
  CHECK(judge(60, chain).verdict == Verdict::malformed);
}

TEST_CASE("random headers never lead outside the packet") {
  Rng rng(5);
  for (int i = 0; i < 20000; ++i) {
    Bytes rest(rng.below(80));
    for (auto& b : rest) b = static_cast<std::uint8_t>(rng.chance(0.6) ? rng.below(3) : rng.next());
    constexpr std::uint8_t kinds[] = {0, 43, 44, 60};
    const Bytes bytes = packet(kinds[rng.below(4)], rest);
    const auto ext = ip::judge_ext_headers(bytes, false);
    if (ext.verdict == Verdict::deliver) REQUIRE(ext.offset <= bytes.size());
    if (ext.verdict == Verdict::report) REQUIRE(ext.pointer < bytes.size());
  }
}
