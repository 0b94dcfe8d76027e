// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/dissect.hpp>
#include <millrace/wire/plain.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/wire/frames.hpp"

using namespace millrace;
using namespace millrace::wire;
namespace frame = millrace::test::frame;

namespace {

struct Row {
  const char* name;
  const test::Bytes& bytes;
  std::uint16_t ethertype, l3, l4, payload;
  std::uint8_t proto;
  bool is_fragment;
  std::uint16_t remote_port, local_port;
};

const Row rows[] = {
    {"IPv4 SYN", frame::ipv4_tcp_syn, 0x0800, 14, 34, 74, 6, false, 40000, 80},
    {"IPv4 data", frame::ipv4_tcp_data, 0x0800, 14, 34, 66, 6, false, 40000, 80},
    {"IPv4 UDP with padding", frame::ipv4_udp_padded, 0x0800, 14, 34, 42, 17, false, 40000, 7},
    {"IPv4 options", frame::ipv4_options_udp, 0x0800, 14, 38, 46, 17, false, 40000, 7},
    {"IPv4 first fragment", frame::ipv4_first_fragment, 0x0800, 14, 0, 0, 17, true, 0, 0},
    {"IPv4 echo", frame::ipv4_echo, 0x0800, 14, 34, 0, 1, false, 0, 0},
    {"IPv6 data", frame::ipv6_tcp_data, 0x86dd, 14, 54, 86, 6, false, 40000, 80},
    {"IPv6 UDP", frame::ipv6_udp, 0x86dd, 14, 54, 62, 17, false, 40000, 7},
    {"IPv6 hop-by-hop", frame::ipv6_hopopts_udp, 0x86dd, 14, 62, 70, 17, false, 40000, 7},
    {"IPv6 chain, atomic fragment", frame::ipv6_chain_udp, 0x86dd, 14, 102, 110, 17, false, 40000, 7},
    {"IPv6 fragment", frame::ipv6_fragment, 0x86dd, 14, 0, 0, 17, true, 0, 0},
    {"IPv6 echo", frame::ipv6_echo, 0x86dd, 14, 54, 0, 58, false, 0, 0},
    {"IPv6 solicitation", frame::ipv6_ns, 0x86dd, 14, 54, 0, 58, false, 0, 0},
    {"two tags", frame::qinq_vlan_ipv4_udp, 0x0800, 22, 42, 50, 17, false, 40000, 7},
};

test::Bytes changed(test::Bytes bytes, std::size_t at, std::uint8_t value) {
  bytes[at] = value;
  return bytes;
}

test::Bytes tagged(const test::Bytes& bytes, std::initializer_list<const char*> tags) {
  test::Bytes out(bytes.begin(), bytes.begin() + 12);
  for (const char* tag : tags)
    for (const std::uint8_t b : test::hex(tag)) out.push_back(b);
  out.insert(out.end(), bytes.begin() + 12, bytes.end());
  return out;
}

bool is_inside(const Layers& l, std::size_t size) {
  return l.l3_offset <= size && l.l4_offset <= size && l.payload_offset <= size &&
         (l.l4_offset == 0 || l.l4_offset > l.l3_offset) && (l.payload_offset == 0 || l.payload_offset > l.l4_offset);
}

}  // namespace

TEST_CASE("every kind of frame: offsets, protocol and flow") {
  for (const Row& row : rows) {
    INFO(row.name);
    const Layers l = dissect(row.bytes);
    CHECK(l.ethertype == row.ethertype);
    CHECK(l.l3_offset == row.l3);
    CHECK(l.l4_offset == row.l4);
    CHECK(l.payload_offset == row.payload);
    CHECK(l.l4_proto == row.proto);
    CHECK(l.is_fragment == row.is_fragment);
    FlowKey expected;
    expected.local = *IpAddress::parse(row.ethertype == 0x0800 ? "10.77.0.2" : "fd00:77::2");
    expected.remote = *IpAddress::parse(row.ethertype == 0x0800 ? "10.77.0.1" : "fd00:77::1");
    expected.remote_port = row.remote_port;
    expected.local_port = row.local_port;
    expected.proto = row.proto;
    CHECK(flow_key(row.bytes, l) == expected);
  }
}

TEST_CASE("a frame that is not IP has no layer 4 and no flow") {
  const Layers l = dissect(frame::arp_request);
  CHECK(l.ethertype == ethertype::arp);
  CHECK(l.l3_offset == 14);
  CHECK(l.l4_offset == 0);
  CHECK(l.l4_proto == 0);
  CHECK(flow_key(frame::arp_request, l) == FlowKey{});
}

TEST_CASE("VLAN tags: outer and inner TCI, two at most") {
  const Layers two = dissect(frame::qinq_vlan_ipv4_udp);
  CHECK(two.vlan_tags == 2);
  CHECK(two.vlan_proto == ethertype::qinq);
  CHECK(two.vlan_tci == 0x0064);
  CHECK(two.inner_vlan_tci == 0xe00a);
  const auto one_frame = tagged(frame::ipv6_udp, {"81002005"});
  const Layers one = dissect(one_frame);
  CHECK(one.vlan_tags == 1);
  CHECK(one.vlan_proto == ethertype::vlan);
  CHECK(one.vlan_tci == 0x2005);
  CHECK(one.inner_vlan_tci == 0);
  CHECK(one.l4_offset == 58);
  CHECK(flow_key(one_frame, one).local_port == 7);
  const Layers three = dissect(tagged(frame::ipv6_udp, {"88a80001", "81000002", "81000003"}));
  CHECK(three.vlan_tags == 2);
  CHECK(three.ethertype == ethertype::vlan);
  CHECK(three.l4_offset == 0);
}

TEST_CASE("an IEEE 802.3 length is no EtherType") {
  auto bytes = frame::ipv4_udp_padded;
  bytes[12] = 0x05;
  bytes[13] = 0xff;
  CHECK(dissect(bytes).ethertype == 0);
  bytes[12] = 0x06;
  bytes[13] = 0x00;
  CHECK(dissect(bytes).ethertype == 0x0600);
}

TEST_CASE("later fragments show no ports either") {
  auto bytes = frame::ipv4_first_fragment;
  bytes[14 + 6] = 0x00;
  bytes[14 + 7] = 0x01;
  CHECK(dissect(bytes).is_fragment);
  CHECK(dissect(bytes).l4_offset == 0);
  CHECK(flow_key(bytes, dissect(bytes)).local_port == 0);
}

TEST_CASE("a transport header is never read out of the padding behind a datagram") {
  // 8 bytes of UDP do not fit a total length of 27, nor a payload length of 7, though the frame has them.
  CHECK(dissect(changed(frame::ipv4_udp_padded, 14 + 3, 28)).l4_offset == 34);
  CHECK(dissect(changed(frame::ipv4_udp_padded, 14 + 3, 27)).l4_offset == 0);
  CHECK(dissect(changed(frame::ipv4_udp_padded, 14 + 3, 3)).l4_offset == 0);
  CHECK(dissect(changed(frame::ipv6_udp, 14 + 5, 8)).l4_offset == 54);
  CHECK(dissect(changed(frame::ipv6_udp, 14 + 5, 7)).l4_offset == 0);
  CHECK(dissect(changed(frame::ipv6_udp, 14 + 5, 0)).l4_offset == 0);
}

TEST_CASE("unreadable headers leave the layers above them unset") {
  CHECK(dissect(changed(frame::ipv4_tcp_data, 14, 0x55)).l4_proto == 0);
  CHECK(dissect(changed(frame::ipv4_tcp_data, 14, 0x44)).l4_proto == 0);
  CHECK(dissect(changed(frame::ipv4_tcp_data, 34 + 12, 0x40)).l4_offset == 0);
  CHECK(dissect(changed(frame::ipv4_tcp_data, 34 + 12, 0xf0)).l4_offset == 0);
  CHECK(dissect(changed(frame::ipv4_tcp_data, 14 + 9, 132)).l4_offset == 0);  // SCTP
  CHECK(dissect(changed(frame::ipv4_tcp_data, 14 + 9, 132)).l4_proto == 132);
  CHECK(dissect(changed(frame::ipv4_echo, 14 + 9, ip_proto::icmp6)).l4_offset == 0);
  CHECK(dissect(changed(frame::ipv6_echo, 14 + 6, ip_proto::icmp)).l4_offset == 0);
  CHECK(dissect(changed(frame::ipv6_udp, 14, 0x40)).l4_proto == 0);
  const auto bad = changed(frame::ipv4_tcp_data, 14, 0x44);
  CHECK(flow_key(bad, dissect(bad)) == FlowKey{});
}

TEST_CASE("IPv6 with an IPv4-mapped address does not pass for an IPv4 flow") {
  for (const std::size_t at : {14 + 8, 14 + 24}) {
    auto bytes = frame::ipv6_udp;
    const IpAddress mapped = IpAddress::v4(10, 77, 0, 1);
    std::copy(mapped.bytes.begin(), mapped.bytes.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
    CHECK(flow_key(bytes, dissect(bytes)) == FlowKey{});
  }
}

TEST_CASE("all truncations of all frames stay inside") {
  for (const Row& row : rows) {
    INFO(row.name);
    test::for_each_truncation(row.bytes, [&](auto cut) {
      const Layers l = dissect(cut);
      REQUIRE(is_inside(l, cut.size()));
      const FlowKey key = flow_key(cut, l);
      if (row.payload != 0) CHECK((l.payload_offset != 0) == (cut.size() >= row.payload));
      CHECK(key.local_port == (l.payload_offset != 0 ? row.local_port : 0));
    });
  }
}

TEST_CASE("frames with random damage stay inside") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 30'000; ++i) {
    test::Bytes bytes = rows[rng.below(std::size(rows))].bytes;
    for (std::uint32_t hits = 1 + rng.below(4); hits > 0; --hits)
      bytes[12 + rng.below(static_cast<std::uint32_t>(bytes.size()) - 12)] = test::random8(rng);
    bytes.resize(rng.below(static_cast<std::uint32_t>(bytes.size()) + 1));
    const test::Exact exact(bytes);
    const Layers l = dissect(exact.span());
    REQUIRE(is_inside(l, exact.span().size()));
    (void)flow_key(exact.span(), l);
  }
}

TEST_CASE("the shortcut for the common shape says what dissect() says, or nothing") {
  const auto agrees = [](const test::Bytes& bytes) {
    const PlainLayers plain = dissect_plain(bytes);
    if (plain.payload_offset == 0) return false;
    const Layers l = dissect(bytes);
    CHECK(l.l3_offset == 14);
    CHECK_FALSE(l.is_fragment);
    CHECK(std::tuple(plain.ethertype, plain.l4_offset, plain.payload_offset, plain.l4_proto) ==
          std::tuple(l.ethertype, l.l4_offset, l.payload_offset, l.l4_proto));
    return true;
  };
  for (const test::Bytes* bytes : {&frame::ipv4_tcp_syn, &frame::ipv4_tcp_data, &frame::ipv4_udp_padded, &frame::ipv6_tcp_data, &frame::ipv6_udp})
    CHECK(agrees(*bytes));
  for (const Row& row : rows) {
    INFO(row.name);
    const bool has_shape = row.l3 == 14 && row.payload != 0 && row.l4 == (row.ethertype == 0x0800 ? 34 : 54);
    CHECK(agrees(row.bytes) == has_shape);
    // Every length, and every header bit turned over.
    for (std::size_t n = 0; n <= row.bytes.size(); ++n) static_cast<void>(agrees({row.bytes.begin(), row.bytes.begin() + static_cast<std::ptrdiff_t>(n)}));
    for (std::size_t at = 12; at < std::min<std::size_t>(row.bytes.size(), 80); ++at)
      for (int bit = 0; bit < 8; ++bit) static_cast<void>(agrees(changed(row.bytes, at, static_cast<std::uint8_t>(row.bytes[at] ^ 1 << bit))));
  }
}
