// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/unit/gro/lane.hpp"

#include <millrace/gro/segment.hpp>

#include <vector>

namespace millrace::test {

/// The same frames through Gro's burst path and one by one through receive(Packet): both must do the same with each.
class TwoWays {
 public:
  explicit TwoWays(gro::Variant variant, gro::Config config = {}) : singly(config), in_bursts(with(config, variant)) {}

  /// `packet` is given one by one, a copy of it in a burst; both bear the verdict of a device that verifies.
  void give(const std::vector<Bytes>& frames, bool has_verdicts = true) {
    pkt::Burst burst;
    for (const Bytes& bytes : frames) burst.push(packet_of(in_bursts, bytes));
    in_bursts.gro.receive(in_bursts.env, burst, arrival(has_verdicts), in_bursts.up);
    CHECK(burst.empty());
    for (const Bytes& bytes : frames) {
      pkt::Packet packet = packet_of(singly, bytes);
      if (bytes.size() < wire::ethernet_header_bytes) {
        pkt::consume(std::move(packet));
        continue;
      }
      dissect_into_meta(packet);
      singly.gro.receive(singly.env, std::move(packet), singly.up);
    }
  }

  /// Ends a poll of both in the same way.
  void end(int how) {
    for (Lane* lane : {&singly, &in_bursts}) {
      if (how == 0) lane->flush();
      if (how == 1) lane->flush_old();
      if (how == 2) lane->complete();
    }
  }
  void advance(Duration by) {
    singly.env.now += by;
    in_bursts.env.now += by;
  }

  /// "" when both did the same so far.
  [[nodiscard]] std::string difference() const {
    if (singly.out.size() != in_bursts.out.size())
      return std::to_string(singly.out.size()) + " packets singly, " + std::to_string(in_bursts.out.size()) + " in bursts";
    for (std::size_t i = 0; i < singly.out.size(); ++i) {
      const Output& a = singly.out[i];
      const Output& b = in_bursts.out[i];
      if (a.bytes != b.bytes || a.buffers != b.buffers) return "other bytes in packet " + std::to_string(i);
      if (!same(a.meta, b.meta)) return "other Meta in packet " + std::to_string(i);
    }
    for (std::size_t i = 0; i < stats::CounterBlock<stats::Gro>::size; ++i) {
      const auto which = static_cast<stats::Gro>(i);
      if (singly.count(which) != in_bursts.count(which)) return "other counts of counter " + std::to_string(i);
    }
    return {};
  }

  /// Forgets what came out.
  void forget() {
    singly.out.clear();
    in_bursts.out.clear();
  }

  Lane singly;
  Lane in_bursts;
  bool verifies = true;        ///< else no packet has a verdict
  std::uint64_t rx_flags = 0;  ///< ol_flags of every packet, beside the verdicts

 private:
  static gro::Config with(gro::Config config, gro::Variant variant) {
    config.variant = variant;
    return config;
  }
  static gro::Arrival arrival(bool has_verdicts) {
    return {.mac = {{2, 0, 0, 0, 0, 1}}, .ifindex = 1, .napi_id = 7, .has_verdicts = has_verdicts};
  }

  pkt::Packet packet_of(Lane& lane, const Bytes& bytes) const {
    pkt::Packet packet = lane.pool.packet(bytes);
    packet.meta().ifindex = 1;
    packet.meta().gso_segs = 1;
    packet.mbuf().ol_flags |= rx_flags;
    if (verifies) verify(packet);
    return packet;
  }
  static void verify(pkt::Packet& packet) {
    gro::Segment segment;
    pkt::Packet& p = packet;
    if (p.length() < wire::ethernet_header_bytes) return;
    dissect_into_meta(p);
    if (gro::read(p, segment) != gro::Kind::candidate) return;
    const bool good = gro::checksum_is_right(p, segment);
    p.mbuf().ol_flags |= good ? pkt::flag::rx_l4_good : pkt::flag::rx_l4_bad;
    p.meta().checksum = good ? pkt::ChecksumVerdict::good : pkt::ChecksumVerdict::bad;
  }
  static bool same(const pkt::Meta& a, const pkt::Meta& b) {
    return a.l3_offset == b.l3_offset && a.l4_offset == b.l4_offset && a.payload_offset == b.payload_offset && a.ethertype == b.ethertype &&
           a.l4_proto == b.l4_proto && a.checksum == b.checksum && a.gso_size == b.gso_size && a.gso_segs == b.gso_segs &&
           a.gso_fixed_id == b.gso_fixed_id && b.napi_id == 7;
  }
};

inline std::vector<gro::Variant> supported_variants() {
  std::vector<gro::Variant> all;
  for (const auto v : {gro::Variant::scalar, gro::Variant::sse, gro::Variant::avx2, gro::Variant::avx512}) {
    if (gro::is_supported(v)) all.push_back(v);
  }
  return all;
}

}  // namespace millrace::test
