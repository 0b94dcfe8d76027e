// SPDX-License-Identifier: BSD-3-Clause
// IPv6 extension headers at their destination. Called by Stack::input_v6 for packets that have any; pure.
// RFC 8200 section 4; net/ipv6/exthdrs.c.
#include <millrace/stack/ip/ext_headers.hpp>

#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/tcp.hpp>
#include <millrace/wire/udp.hpp>

#include <optional>

namespace millrace::ip {

using Verdict = ExtHeaders::Verdict;
namespace ip_proto = wire::ip_proto;

namespace {

constexpr std::uint8_t option_pad1 = 0;
constexpr std::uint8_t option_padn = 1;
constexpr std::uint8_t option_router_alert = 5;  // RFC 2711; nothing for a host to do

// The options of one header, [at, end) of the packet. Null: go on.
std::optional<ExtHeaders> judge_options(std::span<const std::uint8_t> packet, std::size_t at, std::size_t end,
                                        bool to_group) {
  while (at < end) {
    const std::uint8_t type = packet[at];
    if (type == option_pad1) {
      ++at;
      continue;
    }
    if (at + 2 > end || at + 2 + packet[at + 1] > end) return ExtHeaders{.verdict = Verdict::malformed};
    if (type != option_padn && type != option_router_alert) {
      // RFC 8200 section 4.2: the two highest bits tell what to do with an option one does not know.
      const int action = type >> 6;
      if (action == 1 || (action == 3 && to_group)) return ExtHeaders{.verdict = Verdict::discard};
      if (action >= 2)
        return ExtHeaders{.verdict = Verdict::report,
                          .code = wire::icmp6_parameter_problem::option,
                          .pointer = static_cast<std::uint16_t>(at)};
    }
    at += 2u + packet[at + 1];
  }
  return std::nullopt;
}

// Section 4.4, RFC 5095: no routing type is known here, so one with segments left goes back. None has business with a group
// (ipv6_rthdr_rcv).
std::optional<ExtHeaders> judge_routing(std::span<const std::uint8_t> packet, std::size_t at, bool is_for_host) {
  if (!is_for_host) return ExtHeaders{.verdict = Verdict::misaddressed};
  if (packet[at + 3] == 0) return std::nullopt;
  return ExtHeaders{.verdict = Verdict::report,
                    .code = wire::icmp6_parameter_problem::header_field,
                    .pointer = static_cast<std::uint16_t>(at + 2)};
}

bool is_extension(std::uint8_t proto, bool first) {
  return proto == ip_proto::routing || proto == ip_proto::fragment || proto == ip_proto::destination_options ||
         (proto == ip_proto::hop_by_hop && first);  // section 4.1: nowhere else
}

}  // namespace

ExtHeaders judge_ext_headers(std::span<const std::uint8_t> packet, bool to_group, bool is_ours) {
  std::uint8_t proto = packet[6];
  std::size_t proto_at = 6;
  std::size_t at = wire::ipv6_header_bytes;
  bool has_atomic_fragment = false;
  for (unsigned count = 0; is_extension(proto, count == 0); ++count) {
    if (count == wire::ipv6_max_extension_headers || at + 8 > packet.size()) return {};
    const bool is_fragment = proto == ip_proto::fragment;
    const std::size_t length = is_fragment ? wire::ipv6_fragment_header_bytes : 8u + 8u * packet[at + 1];
    if (at + length > packet.size()) return {};
    std::optional<ExtHeaders> verdict;
    if (is_fragment) {
      // RFC 6946: an atomic fragment is a whole packet.
      has_atomic_fragment = wire::Ipv6FragmentHeader::parse(packet.subspan(at))->is_atomic();
      if (!has_atomic_fragment)
        verdict = ExtHeaders{.verdict = Verdict::fragment,
                             .proto = packet[at],
                             .offset = static_cast<std::uint16_t>(at + length)};
    } else if (proto == ip_proto::routing) {
      verdict = judge_routing(packet, at, is_ours && !to_group);
    } else {
      verdict = judge_options(packet, at + 2, at + length, to_group);
    }
    if (verdict) return *verdict;
    proto = packet[at];
    proto_at = at;
    at += length;
  }
  return {.verdict = proto == ip_proto::none ? Verdict::no_next_header : Verdict::deliver,
          .proto = proto,
          .offset = static_cast<std::uint16_t>(at),
          .proto_at = static_cast<std::uint16_t>(proto_at),
          .has_atomic_fragment = has_atomic_fragment};
}

// ipv6_parse_hopopts()
ExtHeaders judge_hop_by_hop(std::span<const std::uint8_t> packet, bool to_group) {
  constexpr std::size_t at = wire::ipv6_header_bytes;
  if (packet[6] != ip_proto::hop_by_hop) return {.verdict = Verdict::deliver};
  if (at + 8 > packet.size() || at + 8u + 8u * packet[at + 1] > packet.size()) return {};
  return judge_options(packet, at + 2, at + 8u + 8u * packet[at + 1], to_group).value_or(ExtHeaders{.verdict = Verdict::deliver});
}

bool holds_header_chain(std::span<const std::uint8_t> part, std::uint8_t proto) {
  while (is_extension(proto, false)) {
    if (part.size() < 8) return false;
    const std::size_t length = proto == ip_proto::fragment ? wire::ipv6_fragment_header_bytes : 8u + 8u * part[1];
    if (part.size() < length) return false;
    proto = part[0];
    part = part.subspan(length);
  }
  if (proto == ip_proto::tcp) return part.size() >= wire::tcp_header_bytes;
  if (proto == ip_proto::udp) return part.size() >= wire::udp_header_bytes;
  if (proto == ip_proto::icmp6) return part.size() >= wire::icmp6_header_bytes;
  return proto == ip_proto::none || !part.empty();  // ipv6frag_thdr_truncated()
}

}  // namespace millrace::ip
