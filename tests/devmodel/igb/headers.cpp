// SPDX-License-Identifier: BSD-3-Clause
// The device's parser. Called by the receive path for packet types, checksums and RSS.
#include "tests/devmodel/igb/headers.hpp"

#include "tests/devmodel/igb/registers.hpp"
#include "tests/devmodel/sums.hpp"

#include <algorithm>

namespace millrace::devmodel::igb {
namespace {

constexpr std::uint16_t ethertype_ipv4 = 0x0800, ethertype_ipv6 = 0x86dd;
using protocol::sctp, protocol::tcp, protocol::udp;

// Extension headers (RFC 8200 4).
constexpr std::uint8_t hop_by_hop = 0, routing = 43, fragment = 44, destination_options = 60;

std::size_t least_header(std::uint8_t protocol) { return protocol == tcp ? 20 : protocol == sctp ? 12 : 8; }

/// The transport header begins at `at`, unless it is of a protocol that the device does not know or cut off.
void take_transport(Headers& h, std::uint8_t protocol, std::size_t at) {
  if (protocol != tcp && protocol != udp && protocol != sctp) return;
  if (h.is_fragment || at + least_header(protocol) > h.end) return;
  h.transport = protocol;
  h.transport_at = at;
}

void parse_ipv4(Headers& h, Bytes frame) {
  const std::size_t at = h.network_at;
  if (at + 20 > frame.size() || frame[at] >> 4 != 4) return;
  const std::size_t header = (frame[at] & 0xfu) * 4;
  const std::size_t total = be16(frame, at + 2);
  if (header < 20 || total < header || at + total > frame.size()) return;
  h.network = Headers::Network::ipv4;
  h.has_options = header > 20;
  h.is_fragment = (be16(frame, at + 6) & 0x3fff) != 0;
  h.end = at + total;
  take_transport(h, frame[at + 9], at + header);
}

void parse_ipv6(Headers& h, Bytes frame, bool parses_extensions) {
  const std::size_t at = h.network_at;
  if (at + 40 > frame.size() || frame[at] >> 4 != 6) return;
  h.end = at + 40 + be16(frame, at + 4);
  if (h.end > frame.size()) return;
  h.network = Headers::Network::ipv6;
  std::uint8_t next = frame[at + 6];
  std::size_t next_at = at + 40;
  while (next == hop_by_hop || next == routing || next == fragment || next == destination_options) {
    h.has_options = true;
    if (!parses_extensions || next_at + 8 > h.end) return;
    if (next == fragment) h.is_fragment = true;
    const std::size_t bytes = next == fragment ? 8 : (frame[next_at + 1] + std::size_t{1}) * 8;
    next = frame[next_at];
    next_at += bytes;
  }
  take_transport(h, next, next_at);
}

}  // namespace

bool is_broadcast(Bytes frame) {
  return std::all_of(frame.begin(), frame.begin() + 6, [](std::uint8_t b) { return b == 0xff; });
}

Headers parse(Bytes frame, std::uint16_t vlan_ethertype, bool parses_extensions) {
  Headers h;
  if (frame.size() < 18) return h;
  std::uint16_t ethertype = be16(frame, 12);
  h.network_at = 14;
  if (ethertype == vlan_ethertype) {
    h.tag = be16(frame, 14);
    ethertype = be16(frame, 16);
    h.network_at = 18;
  }
  if (ethertype == ethertype_ipv4) parse_ipv4(h, frame);
  if (ethertype == ethertype_ipv6) parse_ipv6(h, frame, parses_extensions);
  return h;
}

std::uint32_t Headers::packet_type() const {
  std::uint32_t type = 0;
  if (network == Network::ipv4) type |= packet_type::ipv4 | (has_options ? packet_type::ipv4_options : 0);
  if (network == Network::ipv6) type |= packet_type::ipv6 | (has_options ? packet_type::ipv6_extensions : 0);
  if (transport == tcp) type |= packet_type::tcp;
  if (transport == udp) type |= packet_type::udp;
  if (transport == sctp) type |= packet_type::sctp;
  return type;
}

std::uint16_t pseudo_header_sum(Bytes frame, const Headers& h) {
  const bool is_ipv4 = h.network == Headers::Network::ipv4;
  const Bytes addresses = is_ipv4 ? frame.subspan(h.network_at + 12, 8) : frame.subspan(h.network_at + 8, 32);
  return ones_sum(addresses, h.transport + static_cast<std::uint32_t>(h.end - h.transport_at));
}

}  // namespace millrace::devmodel::igb
