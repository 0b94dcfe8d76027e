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
};

}  // namespace millrace::test
