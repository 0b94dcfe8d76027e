// SPDX-License-Identifier: BSD-3-Clause
// Layer-4 checksums of captured copies. Called by Tap::record(); port::finish_checksum() is its twin for packets.
#include <millrace/capture/finish_checksum.hpp>

#include <millrace/wire/checksum.hpp>
#include <millrace/wire/protocol.hpp>
#include <millrace/wire/udp.hpp>

namespace millrace::capture {
namespace {

/// Where the protocol keeps its checksum: RFC 9293 section 3.1, RFC 768, RFC 4443 section 2.1.
std::size_t field_offset(std::uint8_t proto) {
  switch (proto) {
    case wire::ip_proto::tcp: return 16;
    case wire::ip_proto::udp: return 6;
    default: return 2;
  }
}

}  // namespace

void finish_checksum(std::span<std::uint8_t> frame, std::uint16_t l3_offset, std::uint16_t l4_offset,
                     std::uint8_t proto) {
  const std::size_t field = field_offset(proto);
  constexpr std::size_t ipv6_header = 40;
  constexpr std::size_t ipv4_header = 20;
  if (l4_offset < l3_offset + ipv4_header || l4_offset + field + 2 > frame.size()) return;
  const std::uint8_t* const ip = frame.data() + l3_offset;
  const bool is_v4 = ip[0] >> 4 == 4;
  if (!is_v4 && l4_offset < l3_offset + ipv6_header) return;
  // RFC 791 counts the IP header in its length, RFC 8200 does not.
  const std::size_t end = l3_offset + (is_v4 ? load_be16(ip + 2) : ipv6_header + load_be16(ip + 4));
  if (end < l4_offset + field + 2 || end > frame.size()) return;

  const std::size_t length = end - l4_offset;
  wire::Sum sum = wire::pseudo_header_of(ip, proto, static_cast<std::uint32_t>(length));
  std::uint8_t* const l4 = frame.data() + l4_offset;
  store_be16(l4 + field, 0);
  sum.add({l4, length});
  if (proto == wire::ip_proto::udp)
    wire::set_udp_checksum(l4, sum.checksum());
  else
    store_be16(l4 + field, sum.checksum());
}

}  // namespace millrace::capture
