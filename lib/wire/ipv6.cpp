// SPDX-License-Identifier: BSD-3-Clause
// Follows IPv6 extension headers. Called by dissect() and by IPv6 input. RFC 8200 section 4.
#include <millrace/wire/ipv6.hpp>

namespace millrace::wire {

namespace {

bool is_extension(std::uint8_t proto, bool is_first) {
  switch (proto) {
    // RFC 8200 section 4.1: anywhere but first it is no header this node knows, and answered as such.
    case ip_proto::hop_by_hop: return is_first;
    case ip_proto::routing:
    case ip_proto::destination_options:
    case ip_proto::fragment: return true;
    default: return false;
  }
}

}  // namespace

Ipv6Walk walk_ipv6(std::span<const std::uint8_t> bytes) {
  Ipv6Walk walk;
  walk.proto = bytes[walk.proto_at];
  walk.offset = ipv6_header_bytes;
  for (unsigned headers = 0; is_extension(walk.proto, headers == 0); ++headers) {
    walk.status = Ipv6Walk::Status::too_many;
    if (headers == ipv6_max_extension_headers) return walk;
    walk.status = Ipv6Walk::Status::truncated;
    if (bytes.size() < walk.offset + 8u) return walk;
    const std::uint8_t* const at = bytes.data() + walk.offset;
    // The length octet counts 8 octets beyond the first 8; the Fragment header has a reserved octet there.
    const bool is_fragment = walk.proto == ip_proto::fragment;
    const std::size_t length = is_fragment ? ipv6_fragment_header_bytes : at[1] * 8u + 8u;
    if (bytes.size() < walk.offset + length) return walk;
    if (is_fragment) {
      walk.fragment_at = walk.offset;
      walk.fragment_proto_at = walk.proto_at;
    }
    walk.proto = at[0];
    walk.proto_at = walk.offset;
    walk.offset = static_cast<std::uint16_t>(walk.offset + length);
    if (is_fragment && !Ipv6FragmentHeader::parse({at, length})->is_atomic()) {
      walk.status = Ipv6Walk::Status::fragment;
      return walk;
    }
  }
  walk.status = Ipv6Walk::Status::complete;
  return walk;
}

}  // namespace millrace::wire
