// SPDX-License-Identifier: BSD-3-Clause
// Received ICMP errors: finds what they quote and tells the transport that sent it. Called by input.cpp with the
// checksum verified; calls ip::Transport::error. RFC 1122 section 3.2.2, RFC 4443 section 2.4(d); icmp_unreach.
#include <millrace/stack/icmp/icmp.hpp>

#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace millrace::icmp {

using ip::ErrorKind;
using stats::DropReason;

namespace {

// Enough for IP with options or a few extension headers, and a TCP header.
using QuoteBytes = std::array<std::uint8_t, 256>;
// What RFC 792 promises of the transport header: ports, and TCP's sequence number.
constexpr std::size_t least_transport_bytes = 8;

std::optional<ErrorKind> kind_of_v4(const wire::Icmp4View& icmp) {
  if (icmp.type() == wire::icmp4_type::time_exceeded) return ErrorKind::time_exceeded;
  if (icmp.type() == wire::icmp4_type::parameter_problem) return ErrorKind::parameter_problem;
  switch (icmp.code()) {
    case wire::icmp4_unreachable::net:
    case wire::icmp4_unreachable::net_unknown:
    case 11:  // for this type of service (RFC 1122 section 3.2.2.1)
      return ErrorKind::net_unreachable;
    case wire::icmp4_unreachable::host:
    case wire::icmp4_unreachable::host_unknown:
    case wire::icmp4_unreachable::source_route_failed:
    case 8:   // isolated
    case 12:  // for this type of service
      return ErrorKind::host_unreachable;
    case wire::icmp4_unreachable::protocol: return ErrorKind::protocol_unreachable;
    case wire::icmp4_unreachable::port: return ErrorKind::port_unreachable;
    case wire::icmp4_unreachable::fragmentation_needed: return ErrorKind::packet_too_big;
    case wire::icmp4_unreachable::net_prohibited:
    case wire::icmp4_unreachable::host_prohibited:
    case wire::icmp4_unreachable::admin_prohibited:
    case 14:  // precedence violation (RFC 1812 section 5.2.7.1)
    case 15:  // precedence cutoff
      return ErrorKind::prohibited;
    default: return std::nullopt;
  }
}

std::optional<ErrorKind> kind_of_v6(const wire::Icmp6View& icmp) {
  switch (icmp.type()) {
    case wire::icmp6_type::packet_too_big: return ErrorKind::packet_too_big;
    case wire::icmp6_type::time_exceeded: return ErrorKind::time_exceeded;
    case wire::icmp6_type::parameter_problem:
      return icmp.code() == wire::icmp6_parameter_problem::next_header ? ErrorKind::protocol_unreachable
                                                                       : ErrorKind::parameter_problem;
    case wire::icmp6_type::unreachable: break;
    default: return std::nullopt;
  }
  switch (icmp.code()) {
    case wire::icmp6_unreachable::no_route: return ErrorKind::net_unreachable;
    case wire::icmp6_unreachable::beyond_scope:
    case wire::icmp6_unreachable::address: return ErrorKind::host_unreachable;
    case wire::icmp6_unreachable::port: return ErrorKind::port_unreachable;
    case wire::icmp6_unreachable::prohibited:
    case wire::icmp6_unreachable::policy_failed:
    case wire::icmp6_unreachable::reject_route: return ErrorKind::prohibited;
    default: return std::nullopt;
  }
}

// Of a packet in pieces only the first has the transport header.
bool has_transport_header(const wire::Ipv6Walk& walk, std::span<const std::uint8_t> quote) {
  if (walk.status == wire::Ipv6Walk::Status::complete) return true;
  return walk.status == wire::Ipv6Walk::Status::fragment && wire::Ipv6FragmentHeader::parse(quote.subspan(walk.fragment_at))->offset == 0;
}

void count_v6(Env& env, std::uint8_t type) {
  using C = stats::Icmp6;
  if (type == wire::icmp6_type::unreachable) env.stats->icmp6.add(C::InDestUnreachs);
  if (type == wire::icmp6_type::packet_too_big) env.stats->icmp6.add(C::InPktTooBigs);
  if (type == wire::icmp6_type::time_exceeded) env.stats->icmp6.add(C::InTimeExcds);
  if (type == wire::icmp6_type::parameter_problem) env.stats->icmp6.add(C::InParmProblems);
}

}  // namespace

void Icmp::receive_error_v4(pkt::Packet message, const ip::Delivery& delivery) {
  const wire::Icmp4View icmp = *wire::Icmp4View::parse(message.data());
  QuoteBytes bytes;
  const std::span<const std::uint8_t> quote(bytes.data(), message.copy_out(wire::icmp4_header_bytes, bytes));
  const auto quoted = wire::Ipv4View::parse(quote);
  if (!quoted || quote.size() < quoted->header_length() + least_transport_bytes)
    return bad_v4(std::move(message), DropReason::icmp_invalid);
  const auto kind = kind_of_v4(icmp);
  ip::Transport* transport = ip_.protocol(quoted->proto());
  // A later fragment quotes no transport header; and what we did not send is none of ours.
  if (!kind || transport == nullptr || quoted->fragment_offset() != 0 || !ip_.is_local(quoted->source()))
    return drop(env_, std::move(message), DropReason::icmp_invalid);
  transport->error({.kind = *kind,
                    .type = icmp.type(),
                    .code = icmp.code(),
                    .mtu = *kind == ErrorKind::packet_too_big ? std::max<std::uint32_t>(icmp.mtu(), ip_.path_mtus().least(true)) : 0,
                    .local = quoted->source(),
                    .remote = quoted->destination(),
                    .reporter = delivery.source,
                    .transport_header = quote.subspan(quoted->header_length())});
  consume(env_, std::move(message), stats::Ledger::used);
}

void Icmp::receive_error_v6(pkt::Packet message, const ip::Delivery& delivery) {
  const wire::Icmp6View icmp = *wire::Icmp6View::parse(message.data());
  count_v6(env_, icmp.type());
  QuoteBytes bytes;
  const std::span<const std::uint8_t> quote(bytes.data(), message.copy_out(wire::icmp6_header_bytes, bytes));
  const auto quoted = wire::Ipv6View::parse(quote);
  if (!quoted) return bad_v6(std::move(message), DropReason::icmp_invalid);
  const wire::Ipv6Walk walk = wire::walk_ipv6(quote);
  if (walk.status == wire::Ipv6Walk::Status::truncated || quote.size() < walk.offset + least_transport_bytes)
    return bad_v6(std::move(message), DropReason::icmp_invalid);
  const auto kind = kind_of_v6(icmp);
  ip::Transport* transport = ip_.protocol(walk.proto);
  if (!kind || transport == nullptr || !has_transport_header(walk, quote) || !ip_.is_local(quoted->source()))
    return drop(env_, std::move(message), DropReason::icmp_invalid);
  transport->error({.kind = *kind,
                    .type = icmp.type(),
                    .code = icmp.code(),
                    .mtu = *kind == ErrorKind::packet_too_big ? std::max(icmp.mtu(), ip_.path_mtus().least(false)) : 0,
                    .local = quoted->source(),
                    .remote = quoted->destination(),
                    .reporter = delivery.source,
                    .transport_header = quote.subspan(walk.offset)});
  consume(env_, std::move(message), stats::Ledger::used);
}

}  // namespace millrace::icmp
