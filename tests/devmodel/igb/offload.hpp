// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/device.hpp"
#include "tests/devmodel/bytes.hpp"

#include <cstdint>
#include <vector>

namespace millrace::devmodel::igb {

/// A transmit context (datasheet 7.2): where the headers lie and what they are.
struct TxContext {
  enum class Transport : std::uint8_t { udp, tcp, sctp, none };

  std::size_t mac_bytes = 0, ip_bytes = 0, transport_bytes = 0;
  std::size_t mss = 0;
  std::uint16_t tag = 0;
  bool is_ipv4 = false;
  Transport transport = Transport::udp;

  [[nodiscard]] static TxContext from(Bytes descriptor);
  [[nodiscard]] std::size_t transport_at() const { return mac_bytes + ip_bytes; }
  [[nodiscard]] std::size_t header_bytes() const { return mac_bytes + ip_bytes + transport_bytes; }
};

/// One frame of at most MSS bytes of payload after the other, each with the headers of the first.
[[nodiscard]] std::vector<Frame> segment(const Frame& packet, const TxContext& context);

/// The IPv4 header's checksum (IXSM).
void insert_ip_checksum(Frame& frame, const TxContext& context);
/// The transport's (TXSM). Software has left the pseudo header's sum in the field; SCTP's CRC has none.
void insert_transport_checksum(Frame& frame, const TxContext& context);
/// A VLAN header (VLE).
void insert_tag(Frame& frame, std::uint16_t ethertype, std::uint16_t tag);

/// What a packet's first data descriptor asks of the device.
struct TxOptions {
  bool segments = false, inserts_ip_checksum = false, inserts_transport_checksum = false, inserts_tag = false;
  unsigned context = 0;
  std::size_t payload_bytes = 0;  ///< PAYLEN

  [[nodiscard]] static TxOptions from(std::uint32_t command, std::uint32_t options);
};

/// Whether the packet has the headers that the context names, as far as the options need them.
[[nodiscard]] bool fits(Bytes packet, const TxContext& context, const TxOptions& options);

}  // namespace millrace::devmodel::igb
