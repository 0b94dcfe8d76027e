// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>
#include <millrace/stack/tcp/seq.hpp>
#include <millrace/stats/lcore_stats.hpp>
#include <millrace/wire/address.hpp>
#include <millrace/wire/tcp.hpp>

#include <cstdint>

namespace millrace::tcp {

/// What a step of segment_arrives() decides.
enum class Verdict : std::uint8_t {
  next,  ///< go on with the next step
  done,  ///< the segment is finished
};

/// A segment that arrived: SEG.* of RFC 9293 section 3.3.1 and its payload. A merged packet is one long segment.
struct Segment {
  pkt::Packet packet;           ///< payload only
  FlowKey flow;
  Seq seq;
  Seq ack;
  std::uint32_t wnd = 0;        ///< as in the header, not scaled
  bool fin = false, syn = false, rst = false, psh = false, has_ack = false;
  wire::TcpOptions options;
  std::uint8_t traffic_class = 0;
  std::uint16_t mss_seen = 0;   ///< payload of one segment on the wire
  /// How the packet ends when no step took it: delivered if it had nothing wrong, else dropped for this reason.
  bool refused = false;
  stats::DropReason reason{};

  /// SEG.LEN.
  [[nodiscard]] std::uint32_t len() const { return packet.length() + (syn ? 1u : 0u) + (fin ? 1u : 0u); }
  [[nodiscard]] std::uint32_t payload() const { return packet.length(); }
  /// The sequence number after its last.
  [[nodiscard]] Seq end() const { return seq + len(); }

  /// Finishes the segment: it is dropped for `why`.
  Verdict refuse(stats::DropReason why) {
    refused = true;
    reason = why;
    return Verdict::done;
  }
};

}  // namespace millrace::tcp
