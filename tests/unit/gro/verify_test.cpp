// SPDX-License-Identifier: BSD-3-Clause
// X21: what another lcore reads is merged on headers alone; there each segment is summed once, and a wrong one is cut out.
#include <millrace/gro/verify.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/raw_frame.hpp"
#include "tests/unit/gro/lane.hpp"
#include "tests/unit/gso/plain_segmenter.hpp"

#include <bitset>

using namespace millrace;
using namespace millrace::test;

namespace {

struct Where final : gro::Destination {
  bool is_elsewhere(const pkt::Packet&) const override {
    ++asked;
    return elsewhere;
  }
  bool elsewhere = true;
  mutable int asked = 0;
};

/// GRO of an lcore that gives everything to another one, and what that one makes of it.
struct Pair {
  Pair() {
    ports->add(2000);
    lane.gro.configure(lane.env, {.udp_ports = ports.get(), .destination = &where}, lane.up);
    there.stats = &there_stats;
    there.pool = &*there_pool;
  }
  ~Pair() { read(); }

  void give(const Bytes& bytes, const PacketChange& change = {}) {
    pkt::Packet packet = lane.pool.packet(bytes);
    packet.meta().ifindex = 1;
    dissect_into_meta(packet);
    if (change) change(packet);
    lane.gro.receive(lane.env, std::move(packet), lane.up);
  }
  void give(const Frame& frame, const PacketChange& change = {}) { give(frame.bytes(), change); }

  /// What the other lcore gets, verified where that is needed.
  std::vector<Output> read() {
    lane.gro.flush_all(lane.env, lane.up);
    pkt::PacketList read;
    while (pkt::Packet p = lane.up.pop_front()) {
      if (p.meta().checksum == pkt::ChecksumVerdict::by_segment) {
        gro::verify(there, std::move(p), read);
      } else {
        read.push_back(std::move(p));
      }
    }
    std::vector<Output> out;
    while (pkt::Packet p = read.pop_front()) {
      out.push_back({bytes_of(p), p.meta(), p.segments()});
      pkt::consume(std::move(p));
    }
    return out;
  }
  [[nodiscard]] std::uint64_t here(stats::Gro which) const { return lane.stats.gro[which]; }
  [[nodiscard]] std::uint64_t elsewhere(stats::Gro which) const { return there_stats.gro[which]; }

  std::unique_ptr<gro::UdpPorts> ports = std::make_unique<gro::UdpPorts>();
  Where where;
  TestPool there_pool;
  stats::LcoreStats there_stats;
  Env there;
  Lane lane;
};

Frame full(int n, int family = 4) {
  Frame f;
  f.family = family;
  f.payload = 1448;
  f.seq += static_cast<std::uint32_t>(n) * 1448;
  f.id = static_cast<std::uint16_t>(f.id + n);
  return f;
}

using stats::Gro;
using pkt::ChecksumVerdict;

}  // namespace

TEST_CASE("X21: what goes to another lcore is merged on headers alone; there each segment is summed, once") {
  for (const int family : {4, 6}) {
    Pair pair;
    std::vector<Bytes> given;
    for (int n = 0; n < 10; ++n) {
      Frame f = full(n, family);
      if (n == 9) f.flags |= wire::tcp_flag::psh;
      given.push_back(f.bytes());
      pair.give(given.back());
    }
    const auto out = pair.read();
    CHECK(pair.where.asked == 1);
    CHECK(pair.here(Gro::checksum_computed) == 0);
    CHECK(pair.here(Gro::checksum_deferred) == 10);
    CHECK(pair.elsewhere(Gro::checksum_computed) == 10);
    CHECK(pair.elsewhere(Gro::checksum_bad) == 0);
    REQUIRE(out.size() == 1);
    CHECK(out[0].payload() == 14480);
    CHECK(out[0].meta.gso_segs == 10);
    CHECK(out[0].meta.gso_size == 1448);
    CHECK((out[0].flags() & wire::tcp_flag::psh) != 0);
    CHECK(fault_of_merged(out[0].bytes, out[0].meta) == nullptr);
    CHECK(split(out[0].bytes, out[0].meta) == given);
  }
}

TEST_CASE("X21: of ten segments the bad fifth is cut out and counted once, the nine others stay merged") {
  for (const int family : {4, 6}) {
    Pair pair;
    std::vector<Bytes> given;
    for (int n = 0; n < 10; ++n) {
      given.push_back(full(n, family).bytes());
      if (n == 4) given.back()[700] ^= 1;
      pair.give(given.back());
    }
    const auto out = pair.read();
    REQUIRE(out.size() == 3);
    CHECK(out[0].payload() == 4u * 1448);
    CHECK(out[1].payload() == 1448);
    CHECK(out[2].payload() == 5u * 1448);
    CHECK(out[1].meta.checksum == ChecksumVerdict::bad);
    CHECK(out[1].meta.gso_segs == 1);
    CHECK(out[1].meta.gso_size == 0);
    CHECK(out[1].bytes == given[4]);
    CHECK(fault_of_merged(out[0].bytes, out[0].meta) == nullptr);
    CHECK(fault_of_merged(out[2].bytes, out[2].meta) == nullptr);
    CHECK(split(out[2].bytes, out[2].meta) == std::vector<Bytes>(given.begin() + 5, given.end()));
    CHECK(pair.here(Gro::checksum_computed) == 0);
    CHECK(pair.elsewhere(Gro::checksum_computed) == 10);
    CHECK(pair.elsewhere(Gro::checksum_bad) == 1);
  }
}

TEST_CASE("X21: whichever of six segments are bad, all frames come back bit by bit and in order, the bad ones alone") {
  for (unsigned bad = 0; bad < 64; ++bad) {
    Pair pair;
    std::vector<Bytes> given;
    for (int n = 0; n < 6; ++n) {
      Frame f = nth(n);
      if (n == 5) f.payload = 33;
      if (n == 5) f.flags |= wire::tcp_flag::fin;
      f.tcp_sum_error = (bad >> n & 1) != 0 ? 7 : 0;
      given.push_back(f.bytes());
      pair.give(given.back());
    }
    std::vector<Bytes> got;
    std::size_t alone = 0;
    for (const Output& o : pair.read()) {
      for (Bytes& frame : split(o.bytes, o.meta)) got.push_back(std::move(frame));
      alone += o.meta.checksum == ChecksumVerdict::bad ? 1 : 0;
      CHECK((o.meta.gso_segs == 1 || o.meta.checksum == ChecksumVerdict::good));
    }
    CHECK(got == given);
    CHECK(alone == std::bitset<6>(bad).count());
    CHECK(pair.elsewhere(Gro::checksum_bad) == alone);
  }
}

TEST_CASE("X21: UDP's trains the same, whole and with one bad datagram") {
  for (const bool one_is_bad : {false, true}) {
    Pair pair;
    std::vector<Bytes> given;
    for (int n = 0; n < 10; ++n) {
      given.push_back(RawFrame{.proto = 17, .payload = 1000, .first_byte = static_cast<std::uint8_t>(n)}.bytes());
      if (one_is_bad && n == 3) given.back()[500] ^= 0x80;
      pair.give(given.back());
    }
    const auto out = pair.read();
    CHECK(pair.here(Gro::checksum_computed) == 0);
    REQUIRE(out.size() == (one_is_bad ? 3 : 1));
    std::vector<Bytes> got;
    for (const Output& o : out) {
      if (o.meta.gso_segs == 1) {
        got.push_back(o.bytes);
      } else {
        for (Bytes& frame : PlainSegmenter(o.meta).split(o.bytes)) got.push_back(std::move(frame));
      }
    }
    CHECK(got == given);
  }
}

TEST_CASE("X21: a packet of one segment goes up as it came, for its reader to sum") {
  Pair pair;
  pair.give(nth(0));
  const auto out = pair.read();
  REQUIRE(out.size() == 1);
  CHECK(out[0].bytes == nth(0).bytes());
  CHECK(out[0].meta.checksum == ChecksumVerdict::unknown);
}

TEST_CASE("X21: what stays here, and what a device judged, is dealt with as ever") {
  Pair stays;
  stays.where.elsewhere = false;
  for (int n = 0; n < 3; ++n) stays.give(nth(n));
  CHECK(stays.read().size() == 1);
  CHECK(stays.here(Gro::checksum_computed) == 3);
  Pair judged;
  for (int n = 0; n < 3; ++n) judged.give(nth(n), [](pkt::Packet& p) { p.meta().checksum = ChecksumVerdict::good; });
  CHECK(judged.read().size() == 1);
  CHECK(judged.where.asked == 0);
  CHECK(judged.here(Gro::checksum_deferred) == 0);
}

TEST_CASE("X21: a held packet is all seen or all unseen") {
  Pair pair;
  const auto good = [](pkt::Packet& p) { p.meta().checksum = ChecksumVerdict::good; };
  pair.give(nth(0));
  pair.give(nth(1));
  pair.give(nth(2), good);
  pair.give(nth(3), good);
  pair.give(nth(4));  // summed here, as what is held has been seen
  const auto out = pair.read();
  REQUIRE(out.size() == 2);
  CHECK(out[0].payload() == 200);
  CHECK(out[1].payload() == 300);
  CHECK(pair.here(Gro::checksum_deferred) == 2);
  CHECK(pair.here(Gro::checksum_computed) == 1);
}

TEST_CASE("X21: what cannot be cut out again is summed here: headers alone in their buffer, frames of a device, extension headers") {
  Pair pair;
  const auto apart = [&](int n) {
    const Bytes whole = nth(n).bytes();
    pkt::Packet packet = pair.lane.pool.packet(Bytes(whole.begin(), whole.begin() + 54));
    packet.chain(pair.lane.pool.packet(Bytes(whole.begin() + 54, whole.end())));
    packet.meta().ifindex = 1;
    dissect_into_meta(packet);
    pair.lane.gro.receive(pair.lane.env, std::move(packet), pair.lane.up);
  };
  apart(0);
  apart(1);
  CHECK(pair.read().size() == 1);
  CHECK(pair.here(Gro::checksum_computed) == 2);
  const auto of_a_device = [](pkt::Packet& p) {
    p.mbuf().ol_flags |= pkt::flag::rx_lro;
    p.meta().gso_segs = 2;
    p.meta().gso_size = 50;
  };
  pair.give(nth(0), of_a_device);
  pair.give(nth(1, [](Frame& f) { f.id = 3; }), of_a_device);
  CHECK(pair.read().size() == 1);
  CHECK(pair.here(Gro::checksum_computed) == 4);
  const auto extended = [](Frame& f) { f.extensions = {wire::ip_proto::tcp, 0, 1, 4, 0, 0, 0, 0}; };
  pair.give(nth6(0, extended));
  pair.give(nth6(1, extended));
  CHECK(pair.read().size() == 1);
  CHECK(pair.here(Gro::checksum_computed) == 6);
  CHECK(pair.here(Gro::checksum_deferred) == 0);
}
