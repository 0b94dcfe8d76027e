// SPDX-License-Identifier: BSD-3-Clause
// The device's choice of a receive queue. Called by Ena::receive(), set by the RSS features; calls the naive Toeplitz hash.
#include "tests/devmodel/ena/rss.hpp"

#include "tests/devmodel/sums.hpp"

#include <algorithm>
#include <vector>

namespace millrace::devmodel::ena {
namespace {

/// The key of Microsoft's "Verifying the RSS Hash Calculation": a device that was told none has to have one.
constexpr std::array<std::uint8_t, Rss::key_bytes> default_key{
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
    0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

HashProtocol protocol_of(const Packet& packet) {
  if (packet.l3 == L3::ipv4) {
    if (packet.fragment) return HashProtocol::ip4_fragment;
    if (packet.l4 == L4::tcp) return HashProtocol::tcp4;
    return packet.l4 == L4::udp ? HashProtocol::udp4 : HashProtocol::ip4;
  }
  if (packet.l3 == L3::ipv6) {
    if (packet.extension_headers) return packet.l4 == L4::tcp ? HashProtocol::tcp6_extended : HashProtocol::ip6_extended;
    if (packet.l4 == L4::tcp) return HashProtocol::tcp6;
    return packet.l4 == L4::udp ? HashProtocol::udp6 : HashProtocol::ip6;
  }
  return HashProtocol::not_ip;
}

}  // namespace

const HashFields Rss::supported_fields{
    hash_field::l3_and_l4, hash_field::l3_and_l4, hash_field::l3_and_l4, hash_field::l3_and_l4, hash_field::l3,
    hash_field::l3,        hash_field::l3,        hash_field::l2,        hash_field::l3_and_l4, hash_field::l3};

Rss::Rss() { std::reverse_copy(default_key.begin(), default_key.end(), key.begin()); }

// The chosen fields one behind the other: source before destination, as RSS has them; of Ethernet as the frame has them.
std::uint32_t Rss::hash(const Packet& packet, Bytes frame) const {
  const std::uint16_t chosen = fields[static_cast<std::size_t>(protocol_of(packet))];
  std::vector<std::uint8_t> input;
  const auto take = [&](std::uint16_t field, std::size_t at, std::size_t bytes) {
    if ((chosen & field) != 0) input.insert(input.end(), frame.begin() + at, frame.begin() + at + bytes);
  };
  const bool ipv6 = packet.l3 == L3::ipv6;
  const std::size_t address_bytes = ipv6 ? 16 : 4;
  const std::size_t source_at = packet.l3_at + (ipv6 ? 8 : 12);
  if (packet.l3 == L3::unknown) {
    take(hash_field::l2_destination, 0, 6);
    take(hash_field::l2_source, 6, 6);
  } else {
    take(hash_field::l3_source, source_at, address_bytes);
    take(hash_field::l3_destination, source_at + address_bytes, address_bytes);
    take(hash_field::l4_source, packet.l4_at, 2);
    take(hash_field::l4_destination, packet.l4_at + 2, 2);
  }
  if (input.empty()) return 0;
  std::array<std::uint8_t, key_bytes> in_order{};
  std::reverse_copy(key.begin(), key.end(), in_order.begin());
  return toeplitz(in_order, input, initial_value);
}

}  // namespace millrace::devmodel::ena
