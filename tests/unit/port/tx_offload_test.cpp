// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/base/byte_order.hpp>
#include <millrace/port/tx_offload.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"
#include "tests/support/raw_frame.hpp"

#include <memory>

using namespace millrace;
using test::RawFrame;

namespace {

struct Host {
  test::TestPool pool;
  std::unique_ptr<stats::LcoreStats> stats = std::make_unique<stats::LcoreStats>();
  Env env;
  Host() {
    env.pool = &*pool;
    env.stats = stats.get();
  }
};

pkt::ChecksumRequest request_for(std::uint8_t proto) {
  return proto == 6 ? pkt::ChecksumRequest::tcp : proto == 17 ? pkt::ChecksumRequest::udp : pkt::ChecksumRequest::icmp6;
}

void describe(pkt::Packet& packet, const RawFrame& frame) {
  packet.meta().l3_offset = 14;
  packet.meta().l4_offset = static_cast<std::uint16_t>(frame.l4_offset());
  packet.meta().tx_checksum = request_for(frame.proto);
}

/// The unfinished frame cut into buffers: the first holds the headers and `first` payload bytes, the others `piece`.
pkt::Packet cut(test::TestPool& pool, const RawFrame& frame, std::size_t first, std::size_t piece) {
  const auto bytes = frame.unfinished();
  const std::size_t head = std::min(frame.l4_offset() + frame.l4_header() + first, bytes.size());
  pkt::Packet packet = pool.packet(std::span(bytes).first(head));
  for (std::size_t at = head; at < bytes.size(); at += piece)
    packet.chain(pool.packet(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at))));
  describe(packet, frame);
  return packet;
}

const RawFrame kinds[] = {{.v6 = false, .proto = 6},
                          {.v6 = false, .proto = 17},
                          {.v6 = true, .proto = 6},
                          {.v6 = true, .proto = 17},
                          {.v6 = true, .proto = 58}};

port::Info info_with(port::Offloads offloads, std::uint16_t mtu = 1500) { return {.mtu = mtu, .offloads = offloads}; }

}  // namespace

TEST_CASE("finish_checksum equals the naive sum over every kind of chain") {
  Host host;
  for (RawFrame frame : kinds) {
    for (const std::size_t payload : {0u, 1u, 2u, 31u, 64u, 333u, 1400u}) {
      for (const std::size_t first : {0u, 1u, 7u, 40u}) {
        for (const std::size_t piece : {1u, 3u, 8u, 99u, 2000u}) {
          if (payload / piece > 200) continue;
          frame.payload = payload;
          pkt::Packet packet = cut(host.pool, frame, first, piece);
          port::finish_checksum(packet.mbuf());
          REQUIRE(test::bytes_of(packet) == frame.bytes());
          REQUIRE(packet.meta().tx_checksum == pkt::ChecksumRequest::none);
          pkt::consume(std::move(packet));
        }
      }
    }
  }
}

TEST_CASE("bytes behind the datagram are Ethernet padding and not summed") {
  Host host;
  RawFrame frame{.payload = 3};
  auto bytes = frame.unfinished();
  bytes.resize(60, 0xee);
  pkt::Packet packet = host.pool.packet(bytes);
  describe(packet, frame);
  port::finish_checksum(packet.mbuf());
  CHECK(load_be16(packet.data().data() + frame.sum_offset()) == frame.checksum());
  pkt::consume(std::move(packet));
}

TEST_CASE("RFC 768: a UDP checksum of zero goes as all ones, TCP's stays zero") {
  Host host;
  for (const std::uint8_t proto : {std::uint8_t{17}, std::uint8_t{6}}) {
    RawFrame frame{.proto = proto, .payload = 2, .first_byte = 0};
    auto bytes = frame.unfinished();
    // With the sum of the rest as payload, the complement of all is zero.
    bytes[bytes.size() - 2] = bytes[bytes.size() - 1] = 0;
    const auto sum =
        static_cast<std::uint16_t>(~test::naive_sum(std::span(bytes).subspan(frame.l4_offset()), frame.pseudo_sum()));
    store_be16(&bytes[bytes.size() - 2], sum);
    pkt::Packet packet = host.pool.packet(bytes);
    describe(packet, frame);
    port::finish_checksum(packet.mbuf());
    CHECK(load_be16(packet.data().data() + frame.sum_offset()) == (proto == 17 ? 0xffff : 0));
    pkt::consume(std::move(packet));
  }
}

TEST_CASE("write_pseudo_sum leaves what a device continues from") {
  Host host;
  for (const RawFrame& frame : kinds) {
    pkt::Packet packet = cut(host.pool, frame, 100, 100);
    port::write_pseudo_sum(packet.mbuf());
    CHECK(load_be16(packet.data().data() + frame.sum_offset()) == frame.pseudo_sum());
    CHECK(packet.meta().tx_checksum != pkt::ChecksumRequest::none);
    // A device sums what it finds, the field included: the result is the checksum.
    const auto bytes = test::bytes_of(packet);
    const auto sum = static_cast<std::uint16_t>(~test::naive_sum(std::span(bytes).subspan(frame.l4_offset())));
    CHECK(sum == frame.checksum());
    pkt::consume(std::move(packet));
  }
}

TEST_CASE("prepare leaves to the device what it can and does the rest") {
  Host host;
  const port::Info device = info_with({.tx_tcp_checksum = true, .tx_multi_segment = true});
  pkt::Burst burst;
  for (const RawFrame& frame : kinds) burst.push(cut(host.pool, frame, 5, 9));
  port::prepare(host.env, burst, device);
  port::prepare(host.env, burst, device);  // as when the device took nothing
  REQUIRE(burst.size() == 5);
  CHECK(host.stats->port[stats::Port::tx_csum_software] == 3);
  std::size_t at = 0;
  burst.take_all([&](pkt::Packet packet) {
    const RawFrame& frame = kinds[at++];
    const bool by_device = frame.proto == 6;
    CHECK((packet.meta().tx_checksum == pkt::ChecksumRequest::none) == !by_device);
    CHECK(test::bytes_of(packet) == (by_device ? frame.unfinished() : frame.bytes()));
    CHECK(packet.segments() > 1);
    pkt::consume(std::move(packet));
  });
}

TEST_CASE("a packet that asks for no checksum is not touched") {
  Host host;
  RawFrame frame;
  pkt::Burst burst;
  pkt::Packet packet = cut(host.pool, frame, 50, 50);
  packet.meta().tx_checksum = pkt::ChecksumRequest::none;
  burst.push(std::move(packet));
  port::prepare(host.env, burst, info_with({}));
  CHECK(host.stats->port[stats::Port::tx_csum_software] == 0);
  burst.take_all([&](pkt::Packet p) {
    CHECK(test::bytes_of(p) == frame.unfinished());
    pkt::consume(std::move(p));
  });
}

TEST_CASE("a chain becomes one buffer for a port without multi-segment, in its place of the burst") {
  Host host;
  RawFrame before{.payload = 1};
  RawFrame chain{.v6 = true, .payload = 900};
  RawFrame after{.payload = 2};
  pkt::Burst burst;
  burst.push(cut(host.pool, before, 1, 1));
  burst.push(cut(host.pool, chain, 10, 33));
  burst.push(cut(host.pool, after, 2, 1));
  burst[1].meta.ifindex = 9;
  port::prepare(host.env, burst, info_with({}));
  REQUIRE(burst.size() == 3);
  CHECK(burst[1].nb_segs == 1);
  CHECK(burst[1].meta.ifindex == 9);
  const std::vector<std::uint8_t> expected[] = {before.bytes(), chain.bytes(), after.bytes()};
  std::size_t at = 0;
  burst.take_all([&](pkt::Packet p) {
    CHECK(test::bytes_of(p) == expected[at++]);
    pkt::consume(std::move(p));
  });
}

TEST_CASE("what no port could send is dropped with its reason, and the rest of the burst goes on") {
  Host host;
  pkt::Burst burst;
  RawFrame jumbo{.payload = 3000};
  burst.push(cut(host.pool, jumbo, 1000, 1000));                // drop.tx_too_long: the chain does not fit one buffer
  burst.push(host.pool.packet(std::vector<std::uint8_t>(13)));  // drop.bad_frame: a runt
  RawFrame good;
  burst.push(cut(host.pool, good, 100, 100));
  port::prepare(host.env, burst, info_with({}, 9000));
  REQUIRE(burst.size() == 1);
  CHECK(host.stats->drop[stats::DropReason::tx_too_long] == 1);
  CHECK(host.stats->drop[stats::DropReason::bad_frame] == 1);
  burst.take_all([&](pkt::Packet p) {
    CHECK(test::bytes_of(p) == good.bytes());
    pkt::consume(std::move(p));
  });
}

TEST_CASE("the MTU counts neither the Ethernet header nor one VLAN tag") {
  Host host;
  for (const std::size_t length : {1518u, 1519u}) {
    pkt::Burst burst;
    burst.push(host.pool.packet(std::vector<std::uint8_t>(length)));
    port::prepare(host.env, burst, info_with({}));
    CHECK(burst.size() == (length == 1518 ? 1 : 0));
    burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
  }
  CHECK(host.stats->drop[stats::DropReason::tx_too_long] == 1);
}

TEST_CASE("no buffer to make a chain one: the packet is dropped as no_buffer") {
  test::TestPool tiny(3);
  auto stats = std::make_unique<stats::LcoreStats>();
  Env env;
  env.pool = &*tiny;
  env.stats = stats.get();
  pkt::Burst burst;
  RawFrame frame{.payload = 30};
  burst.push(cut(tiny, frame, 10, 10));  // takes all three
  port::prepare(env, burst, info_with({}));
  CHECK(burst.empty());
  CHECK(stats->drop[stats::DropReason::no_buffer] == 1);
}
