// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// GRO as receive_path.md describes it, plain and slow, to be held against lib/gro. It shares no code with lib/.
namespace millrace::oracle {

using Bytes = std::vector<std::uint8_t>;

/// What a port says of a packet's TCP checksum (E10).
enum class Sum : std::uint8_t { unknown, good, bad, partial };

/// A frame as a port gives it.
struct Frame {
  Bytes bytes;
  std::uint16_t ifindex = 1;
  std::optional<std::uint16_t> stripped_tci;  ///< of a VLAN tag that the port took off
  std::optional<std::uint32_t> hash;          ///< the port's RSS hash
  Sum sum = Sum::unknown;
  bool ip_bad = false;  ///< the port says that the IPv4 header checksum is wrong
  bool ip_good = false;
  std::uint16_t merged_size = 0;  ///< input that is merged already: payload bytes of its segments
  std::uint16_t merged_segs = 1;
  std::vector<std::size_t> cuts;  ///< where the next buffer of its chain begins
};

/// X18: a flow, for order, is what the socket lookup sees.
struct FlowId {
  std::uint16_t ifindex = 0;
  std::uint16_t vlan = 0;  ///< id of the outer tag; 0: none, or one that only says a priority
  Bytes source, destination;
  std::uint16_t source_port = 0, destination_port = 0;
  bool operator==(const FlowId&) const = default;
  /// The same but for the ports.
  [[nodiscard]] bool same_pair(const FlowId& other) const;
};

/// What the rules want to know of a frame. Fields hold header bits as they lie on the wire.
struct Reading {
  enum class Kind : std::uint8_t {
    foreign,  ///< no TCP, or no flow to be read: passes, and ends nothing
    pair,     ///< TCP whose ports cannot be read: passes behind all held packets between its addresses
    alone,    ///< its flow is known, but it may not be merged: passes behind what is held of its flow
    mergeable,
  };
  Kind kind = Kind::foreign;
  std::vector<std::string> why;  ///< the conditions that made it less than mergeable

  FlowId flow;
  Bytes l2;  ///< everything in front of IP
  bool is_v6 = false;
  std::size_t l3 = 0, l4 = 0, payload_at = 0, payload = 0;  ///< offsets in the frame, bytes of payload

  std::uint8_t tos = 0, ttl = 0;  ///< IPv6: traffic class, hop limit
  bool df = false;
  std::uint16_t id = 0;
  std::uint32_t flow_label = 0;
  Bytes extensions;  ///< next header of the IPv6 header, and the extension headers

  std::uint32_t seq = 0, ack = 0;
  std::uint16_t offset_flags = 0;  ///< bytes 12 and 13: header length, reserved bits, flags
  std::uint16_t window = 0, urgent = 0;
  Bytes options;
};

namespace tcp_flag {
inline constexpr std::uint16_t fin = 1, syn = 2, rst = 4, psh = 8, ack = 16, urg = 32, ece = 64, cwr = 128;
}

/// One's complement sum of bytes, not complemented.
[[nodiscard]] std::uint16_t sum_of(const Bytes& bytes, std::uint32_t start = 0);
/// The sum of TCP's pseudo header for a segment of `length` bytes, header included.
[[nodiscard]] std::uint16_t pseudo_sum(const FlowId& flow, std::size_t length);

[[nodiscard]] std::uint32_t load(const Bytes& bytes, std::size_t at, std::size_t count);
void store(Bytes& bytes, std::size_t at, std::size_t count, std::uint32_t value);
[[nodiscard]] Bytes part(const Bytes& bytes, std::size_t at, std::size_t count);

[[nodiscard]] Reading read(const Frame& frame);

}  // namespace millrace::oracle
