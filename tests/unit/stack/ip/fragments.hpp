// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/unit/stack/ip/recorder.hpp"

namespace millrace::test {

/// Bytes [begin, end) of a datagram as a frame of their own, from the peer.
struct PieceOf {
  const Bytes& datagram;
  std::uint8_t proto = test_proto;
  std::uint16_t id = 7;
  std::uint8_t ecn = 0;
  IpAddress source = peer4;

  /// `more` when the datagram goes on behind `end`.
  [[nodiscard]] Bytes v4(std::size_t begin, std::size_t end) const {
    return v4(begin,
              Bytes(datagram.begin() + static_cast<std::ptrdiff_t>(begin),
                    datagram.begin() + static_cast<std::ptrdiff_t>(end)),
              end < datagram.size());
  }
  [[nodiscard]] Bytes v4(std::size_t begin, const Bytes& bytes, bool more) const {
    return ipv4_frame({.source = source,
                       .destination = host4,
                       .id = id,
                       .fragment_offset = static_cast<std::uint16_t>(begin),
                       .tos = ecn,
                       .proto = proto,
                       .more_fragments = more},
                      bytes);
  }
  [[nodiscard]] Bytes v6(std::size_t begin, std::size_t end) const {
    return v6(begin, Bytes(datagram.begin() + static_cast<std::ptrdiff_t>(begin), datagram.begin() + static_cast<std::ptrdiff_t>(end)),
              end < datagram.size());
  }
  /// Behind an unfragmentable part of `before`, a destination options header or nothing.
  [[nodiscard]] Bytes v6(std::size_t begin, const Bytes& bytes, bool more, const Bytes& before = {}) const {
    Bytes payload = before;
    payload.resize(before.size() + wire::ipv6_fragment_header_bytes);
    wire::emit(wire::Ipv6FragmentHeader{.id = id, .offset = static_cast<std::uint16_t>(begin), .next_header = proto, .more = more},
               payload.data() + before.size());
    payload.insert(payload.end(), bytes.begin(), bytes.end());
    if (!before.empty()) payload[0] = wire::ip_proto::fragment;
    return ipv6_frame({.source = peer6,
                       .destination = host6,
                       .traffic_class = ecn,
                       .next_header = before.empty() ? wire::ip_proto::fragment : wire::ip_proto::destination_options},
                      payload);
  }
};

}  // namespace millrace::test
