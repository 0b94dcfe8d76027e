// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/oracle/gro_read.hpp"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace millrace::oracle {

/// A TCP frame field by field, so that a generator can set each of them wrong.
struct Draft {
  Bytes macs = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
  std::vector<std::pair<std::uint16_t, std::uint16_t>> tags;  ///< TPID, TCI
  bool is_v6 = false;
  Bytes source, destination;
  std::uint8_t proto = 6;

  std::uint8_t first_byte = 0;  ///< of the IP header; 0: what is right
  std::uint8_t tos = 0, ttl = 64;
  std::uint16_t id = 0, fragment = 0x4000;
  Bytes ip_options;
  std::uint32_t flow_label = 0;
  std::vector<std::pair<std::uint8_t, Bytes>> extensions;  ///< type; the header but for its first byte, the next type
  int length_off = 0;                                      ///< added to the IP length field
  bool ip_sum_wrong = false, tcp_sum_wrong = false;

  std::uint16_t source_port = 0, destination_port = 0;
  std::uint32_t seq = 0, ack = 0;
  std::uint16_t flags = 0x10;  ///< the twelve bits behind the header length
  int header_length_off = 0;   ///< added to the header length field
  std::uint16_t window = 512, urgent = 0;
  Bytes options;
  std::size_t payload = 0;
  std::size_t padding = 0;         ///< bytes behind the datagram
  std::optional<std::size_t> cut;  ///< the frame ends here

  Frame frame;  ///< what the port says of it; its bytes are written by build()

  [[nodiscard]] std::size_t l3_header() const;
  /// Of the IP packet, headers included, as it should be.
  [[nodiscard]] std::size_t ip_length() const { return l3_header() + 20 + options.size() + payload; }
};

/// The frame. The payload's bytes follow from the sequence numbers, so those of a retransmission are equal.
[[nodiscard]] Frame build(const Draft& draft);

}  // namespace millrace::oracle
