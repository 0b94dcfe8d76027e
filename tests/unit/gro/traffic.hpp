// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/unit/gro/frame.hpp"

#include <millrace/pkt/pool.hpp>

#include <array>
#include <functional>

namespace millrace::test {

/// A number in [0, bound): drawn from a seed, or read from a fuzzer's input.
using Choose = std::function<std::uint32_t(std::uint32_t bound)>;

/// Endless frames of a few TCP flows, most of them in order, the rest with everything that a network, a device or an
/// attacker does to them.
class Traffic {
 public:
  explicit Traffic(Choose choose) : choose_(std::move(choose)) {
    for (std::size_t i = 0; i < flows_.size(); ++i) {
      Frame& f = flows_[i];
      f.family = i % 2 == 0 ? 4 : 6;
      f.source_host = static_cast<std::uint8_t>(9 + i / 4);  // two flows of a family share their addresses
      f.source_port = static_cast<std::uint16_t>(1000 + i);
      f.seq = 0xffffffff - 20000 * static_cast<std::uint32_t>(i);
      f.payload = 50 + 40 * i;
      if (i % 3 == 0) f.options = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
      if (i == 5) f.vlan = 7;
      if (i == 7) f.extensions = {wire::ip_proto::tcp, 0, 1, 4, 0, 0, 0, 0};
    }
  }

  /// The next frame as a packet, dissected; null when the pool is empty.
  pkt::Packet next(pkt::Pool& pool) {
    Frame& flow = flows_[choose_(flows_.size())];
    Frame frame = flow;
    if (one_in(4)) change(flow, frame);
    Bytes bytes = frame.bytes();
    if (one_in(60)) bytes[choose_(static_cast<std::uint32_t>(bytes.size()))] ^= static_cast<std::uint8_t>(1u << choose_(8));
    if (one_in(200)) bytes.resize(1 + choose_(static_cast<std::uint32_t>(bytes.size())));
    if (one_in(200)) store_be16(&bytes[bytes.size() > 14 ? 12 : 0], static_cast<std::uint16_t>(choose_(0x10000)));
    pkt::Packet packet = packet_of(pool, bytes);
    if (packet) describe(packet, frame);
    return packet;
  }

 private:
  bool one_in(std::uint32_t n) { return choose_(n) == n - 1; }

  // What happens to a flow, for this frame alone or from now on.
  void change(Frame& flow, Frame& f) {
    using namespace wire::tcp_flag;
    switch (choose_(26)) {
      case 0: f.payload = 1 + choose_(static_cast<std::uint32_t>(f.payload)); break;
      case 1: f.flags |= psh; break;
      case 2: f.flags |= fin; break;
      case 3: f.flags |= static_cast<std::uint8_t>(1u << choose_(8)); break;
      case 4: f.payload = 0; break;
      case 5: f.ack = ++flow.ack; break;
      case 6: f.window = ++flow.window; break;
      case 7: if (!f.options.empty()) f.options[7] = ++flow.options[7]; break;
      case 8: f.ttl = --flow.ttl; break;
      case 9: f.tos = ++flow.tos; break;
      case 10: f.id = flow.id = static_cast<std::uint16_t>(flow.id + choose_(3) - 1); break;
      case 11: step_ = static_cast<std::uint16_t>(choose_(2)); break;
      case 12: f.fragment_field = flow.fragment_field ^= 0x4000; break;
      case 13: f.seq = flow.seq += choose_(2000) - 1000; break;
      case 14: f.payload += 1 + choose_(50); break;
      case 15: f.urgent = static_cast<std::uint16_t>(choose_(2)); break;
      case 16: f.tcp_sum_error = static_cast<std::uint16_t>(1 + choose_(5)); break;
      case 17: f.ip_sum_error = 1; break;
      case 18: f.ip_options = {1, 1, 1, 0}; break;
      case 19: f.fragment_field = static_cast<std::uint16_t>(choose_(0x10000)); break;
      case 20: f.trailer = Bytes(1 + choose_(6), 0); break;
      case 21: f.ip_length_error = static_cast<std::int16_t>(choose_(9) - 4); break;
      case 22: f.source_mac = ++flow.source_mac; break;
      case 23: f.flow_label = ++flow.flow_label; break;
      case 24: fragment6(f); break;
      default: f.vlan = static_cast<std::uint16_t>(choose_(3) == 0 ? 7 : 0x2007); break;
    }
  }

  void fragment6(Frame& f) {
    f.first_extension = wire::ip_proto::fragment;
    f.extensions = {wire::ip_proto::tcp, 0, 0, static_cast<std::uint8_t>(choose_(2)), 0, 0, 0, 9};
  }

  // One buffer, or several cut at random; the headers stay in the first as drivers see to it, mostly.
  pkt::Packet packet_of(pkt::Pool& pool, const Bytes& bytes) {
    pkt::Packet whole;
    for (std::size_t at = 0; at < bytes.size();) {
      std::size_t n = bytes.size() - at;
      if (one_in(10)) n = std::min<std::size_t>(n, at == 0 && !one_in(10) ? 86 : 1 + choose_(100));
      pkt::Packet part = pool.allocate();
      if (!part) {
        if (whole) pkt::consume(std::move(whole));
        return {};
      }
      std::memcpy(part.append(static_cast<std::uint16_t>(n)), &bytes[at], n);
      if (whole) {
        whole.chain(std::move(part));
      } else {
        whole = std::move(part);
      }
      at += n;
    }
    return whole;
  }

  // What port and dissector say, and where the flow goes on.
  void describe(pkt::Packet& packet, const Frame& frame) {
    pkt::Meta& meta = packet.meta();
    meta.ifindex = static_cast<std::uint16_t>(one_in(300) ? 2 : 1);
    if (one_in(100)) meta.checksum = pkt::ChecksumVerdict::bad;
    if (one_in(100)) {
      packet.mbuf().ol_flags |= pkt::flag::rx_rss_hash;
      packet.mbuf().rss_hash = choose_(2);
    }
    if (one_in(100)) {
      packet.mbuf().ol_flags |= pkt::flag::rx_vlan | pkt::flag::rx_vlan_stripped;
      packet.mbuf().vlan_tci = static_cast<std::uint16_t>(choose_(2) * 0x2000 + 7);
    }
    dissect_into_meta(packet);
    for (Frame& flow : flows_) {
      if (flow.source_port != frame.source_port) continue;
      flow.seq = static_cast<std::uint32_t>(frame.seq + frame.payload);
      flow.id = static_cast<std::uint16_t>(frame.id + step_);
    }
  }

  Choose choose_;
  std::array<Frame, 8> flows_;
  std::uint16_t step_ = 1;  ///< of IP IDs
};

}  // namespace millrace::test
