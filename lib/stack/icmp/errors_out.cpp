// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors and redirects of our own: whether one may be sent, what it says, what it quotes. Called by ip::Stack
// (ErrorSender); calls ip::Output::send. RFC 1122 section 3.2.2, RFC 1812 sections 4.3.2 and 5.2.7.2, RFC 4443 section 2.4,
// RFC 4861 section 8.2; icmp_send, ip_rt_send_redirect, ndisc_send_redirect.
#include <millrace/stack/icmp/icmp.hpp>

#include <millrace/base/siphash.hpp>
#include <millrace/pkt/pool.hpp>
#include <millrace/stack/ip/option_records.hpp>
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>

#include <algorithm>
#include <cstring>

namespace millrace::icmp {

using ip::ErrorKind;

namespace {

// Of the whole message: what every host takes in one piece (RFC 1812 section 4.3.2.3, RFC 4443 section 2.4(c)).
constexpr std::size_t most_bytes_v4 = 576;
constexpr std::size_t most_bytes_v6 = wire::ipv6_min_mtu;

struct Shape {
  std::uint8_t type;
  std::uint8_t code;
  std::uint32_t rest;
};

Shape shape_v4(const ip::Problem& problem) {
  namespace type = wire::icmp4_type;
  namespace code = wire::icmp4_unreachable;
  switch (problem.kind) {
    case ErrorKind::net_unreachable: return {type::unreachable, code::net, 0};
    case ErrorKind::host_unreachable: return {type::unreachable, code::host, 0};
    case ErrorKind::protocol_unreachable: return {type::unreachable, code::protocol, 0};
    case ErrorKind::port_unreachable: return {type::unreachable, code::port, 0};
    case ErrorKind::prohibited: return {type::unreachable, code::admin_prohibited, 0};
    case ErrorKind::packet_too_big: return {type::unreachable, code::fragmentation_needed, problem.info & 0xffff};
    case ErrorKind::time_exceeded: return {type::time_exceeded, problem.code, 0};
    case ErrorKind::parameter_problem: return {type::parameter_problem, problem.code, problem.info << 24};
  }
  return {};
}

Shape shape_v6(const ip::Problem& problem) {
  namespace type = wire::icmp6_type;
  namespace code = wire::icmp6_unreachable;
  switch (problem.kind) {
    case ErrorKind::net_unreachable: return {type::unreachable, problem.code != 0 ? problem.code : code::no_route, 0};
    case ErrorKind::host_unreachable: return {type::unreachable, code::address, 0};
    case ErrorKind::protocol_unreachable:
      return {type::parameter_problem, wire::icmp6_parameter_problem::next_header, problem.info};
    case ErrorKind::port_unreachable: return {type::unreachable, code::port, 0};
    case ErrorKind::prohibited: return {type::unreachable, code::prohibited, 0};
    case ErrorKind::packet_too_big: return {type::packet_too_big, 0, problem.info};
    case ErrorKind::time_exceeded: return {type::time_exceeded, problem.code, 0};
    case ErrorKind::parameter_problem: return {type::parameter_problem, problem.code, problem.info};
  }
  return {};
}

void count_v4(Env& env, std::uint8_t type) {
  using C = stats::Icmp;
  env.stats->icmp.add(C::OutMsgs);
  env.stats->icmp.add(type == wire::icmp4_type::unreachable     ? C::OutDestUnreachs
                      : type == wire::icmp4_type::time_exceeded ? C::OutTimeExcds
                      : type == wire::icmp4_type::redirect      ? C::OutRedirects
                                                                : C::OutParmProbs);
}

void count_v6(Env& env, std::uint8_t type) {
  using C = stats::Icmp6;
  env.stats->icmp6.add(C::OutMsgs);
  env.stats->icmp6.add(type == wire::icmp6_type::unreachable      ? C::OutDestUnreachs
                       : type == wire::icmp6_type::packet_too_big ? C::OutPktTooBigs
                       : type == wire::icmp6_type::time_exceeded  ? C::OutTimeExcds
                       : type == wire::icmp6_type::redirect       ? C::OutRedirects
                                                                  : C::OutParmProblems);
}

// icmp_pointers[].error: echo, timestamp, information and address mask. What else is defined, and what is not, counts as an error.
bool is_question_or_answer(std::uint8_t icmp_type) {
  return icmp_type == wire::icmp4_type::echo_reply || icmp_type == wire::icmp4_type::echo_request || (icmp_type >= 13 && icmp_type <= 18);
}

// RFC 1122 section 3.2.2: no error about an ICMP error, a group address, a later fragment, or for a source that
// does not name one host.
bool may_answer_v4(const ip::Stack& ip, const pkt::Meta& meta, const wire::Ipv4View& packet,
                   std::span<const std::uint8_t> bytes) {
  const auto is_group = [&](const IpAddress& a) { return a.is_multicast() || ip.is_broadcast(a); };
  const IpAddress source = packet.source();
  if (meta.type != pkt::PacketType::host || is_group(packet.destination()) || packet.fragment_offset() != 0)
    return false;
  const neighbor::Interface* const from = ip.interface(meta.ifindex);
  const bool is_from_lo = from != nullptr && from->is_loopback;
  if (is_group(source) || (source.is_loopback() && !is_from_lo) || (source.v4_number() >> 24) == 0) return false;
  if (packet.proto() != wire::ip_proto::icmp) return true;
  return bytes.size() > packet.header_length() && is_question_or_answer(bytes[packet.header_length()]);
}

// Whether the upper layer's header stands where the walk has ended, as it does in a first fragment, too.
bool begins_upper_layer(const wire::Ipv6Walk& walk, std::span<const std::uint8_t> bytes) {
  if (walk.status == wire::Ipv6Walk::Status::complete) return true;
  return walk.status == wire::Ipv6Walk::Status::fragment && wire::Ipv6FragmentHeader::parse(bytes.subspan(walk.fragment_at))->offset == 0;
}

// opt_unrec(): an option whose two highest bits are 10 is complained of whatever the packet was addressed to (RFC 8200 section
// 4.2).
bool is_option_for_all(const Shape& shape, std::span<const std::uint8_t> bytes) {
  return shape.type == wire::icmp6_type::parameter_problem && shape.code == wire::icmp6_parameter_problem::option && shape.rest < bytes.size() &&
         (bytes[shape.rest] & 0xc0) == 0x80;
}

// RFC 4443 section 2.4(e): the same for IPv6, where packet-too-big and such an option are worth an answer even when they came
// to a group.
bool may_answer_v6(const pkt::Meta& meta, const wire::Ipv6View& packet, std::span<const std::uint8_t> bytes,
                   const Shape& shape) {
  const bool about_groups = shape.type == wire::icmp6_type::packet_too_big || is_option_for_all(shape, bytes);
  if (!about_groups && (meta.type != pkt::PacketType::host || packet.destination().is_multicast())) return false;
  if (packet.source().is_unspecified() || packet.source().is_multicast()) return false;
  const wire::Ipv6Walk walk = wire::walk_ipv6(bytes);
  if (walk.proto != wire::ip_proto::icmp6 || !begins_upper_layer(walk, bytes)) return true;
  // is_ineligible(): a fragment that has not come to the message may be answered (RFC 8200 section 4.5).
  if (walk.offset >= bytes.size()) return walk.status == wire::Ipv6Walk::Status::fragment;
  const std::uint8_t type = bytes[walk.offset];
  return type >= 128 && type != wire::icmp6_type::redirect;
}

// Those that stand before the octet that a parameter problem complains of.
std::span<const std::uint8_t> good_options(const wire::Ipv4View& about, const wire::Icmp4Header& header) {
  const std::span<const std::uint8_t> options = about.options();
  const std::size_t pointer = header.type == wire::icmp4_type::parameter_problem ? header.rest >> 24 : wire::ipv4_header_max_bytes;
  if (pointer < wire::ipv4_header_bytes) return options;
  return options.first(std::min(options.size(), pointer - wire::ipv4_header_bytes));
}

// Message of `header_bytes` (left to be filled in), then the first `quoted` bytes of the packet, whose IP header
// begins `before` bytes in front of its data().
pkt::Packet make_message(Env& env, const pkt::Packet& packet, std::uint16_t before, std::size_t header_bytes,
                         std::size_t quoted) {
  pkt::Packet message = make_packet(env);
  if (!message) return message;
  quoted = std::min({quoted, std::size_t{before} + packet.length(), std::size_t{message.tailroom()} - header_bytes});
  std::uint8_t* out = message.append(static_cast<std::uint16_t>(header_bytes + quoted)) + header_bytes;
  const std::size_t headers = std::min<std::size_t>(before, quoted);
  std::memcpy(out, packet.data().data() - before, headers);
  packet.copy_out(0, {out + headers, quoted - headers});
  return message;
}

}  // namespace

void Icmp::send_error(const pkt::Packet& packet, std::uint16_t header_bytes, const ip::Problem& problem) {
  const std::uint8_t* begin = packet.data().data() - header_bytes;
  const std::span<const std::uint8_t> bytes(begin, packet.data().size() + header_bytes);
  if (bytes[0] >> 4 == 4) return send_error_v4(packet, header_bytes, bytes, problem);
  send_error_v6(packet, header_bytes, bytes, problem);
}

// icmpv4_global_allow(), icmpv4_xrlim_allow() and IPv6's: none about what came by the loopback, or how long packets may be; what
// goes by the loopback is counted with the rest, but limited by them alone.
Icmp::Limit Icmp::exceeded_limit(const pkt::Packet& about, const IpAddress& to, ErrorKind kind) {
  const neighbor::Interface* const from = ip_.interface(about.meta().ifindex);
  if (kind == ErrorKind::packet_too_big || (from != nullptr && from->is_loopback)) return Limit::none;
  if (!limit_.allows(env_.now)) return Limit::global;
  if (!ip_.is_local(to) && !allows_host(to)) return Limit::host;
  limit_.consume(env_.rng);
  return Limit::none;
}

bool Icmp::allows_host(const IpAddress& to) {
  const std::uint64_t hash = siphash(env_.secret, to.bytes);
  return to.is_v4() ? limit_.allows(hash, env_.now) : limit_.allows_v6(hash, env_.now, ip_.routes().match_bits(to));
}

void Icmp::send_error_v4(const pkt::Packet& packet, std::uint16_t header_bytes, std::span<const std::uint8_t> bytes,
                         const ip::Problem& problem) {
  const auto about = wire::Ipv4View::parse(bytes);
  if (!about || !may_answer_v4(ip_, packet.meta(), *about, bytes)) return;
  const IpAddress to = about->source();
  const Limit limit = exceeded_limit(packet, to, problem.kind);
  if (limit == Limit::global) return env_.stats->icmp.add(stats::Icmp::OutRateLimitGlobal);
  if (limit == Limit::host) return env_.stats->icmp.add(stats::Icmp::OutRateLimitHost);
  const Shape shape = shape_v4(problem);
  send_about_v4(packet, header_bytes, *about, {shape.type, shape.code, shape.rest});
}

void Icmp::send_about_v4(const pkt::Packet& packet, std::uint16_t header_bytes, const wire::Ipv4View& about, const wire::Icmp4Header& header) {
  const IpAddress to = about.source();
  auto& count = env_.stats->icmp;
  std::optional<ip::SentOptions> options = ip::echo_options(good_options(about, header), ip_);
  if (!options) return;
  const std::size_t room =
      std::min<std::size_t>(most_bytes_v4, ip_.mtu_for(to)) - wire::ipv4_header_bytes - options->size - wire::icmp4_header_bytes;
  pkt::Packet message = make_message(env_, packet, header_bytes, wire::icmp4_header_bytes, room);
  if (!message) return count.add(stats::Icmp::OutErrors);
  wire::emit(header, message.data().data());
  wire::seal_icmp4(message.data());
  const IpAddress own = about.destination();
  const std::uint8_t tos = 0xc0 | (about.tos() & 0x1e);  // RFC 1812 section 4.3.2.5: precedence 6, same service (RT_TOS)
  const auto verdict = ip_.send(std::move(message), {.source = ip_.is_local(own) ? own : IpAddress{},
                                                     .destination = to,
                                                     .proto = wire::ip_proto::icmp,
                                                     .traffic_class = tos,
                                                     .dont_fragment = false,
                                                     .options = &*options});
  if (verdict != ip::SendVerdict::sent) return count.add(stats::Icmp::OutErrors);
  count_v4(env_, header.type);
}

void Icmp::send_error_v6(const pkt::Packet& packet, std::uint16_t header_bytes, std::span<const std::uint8_t> bytes,
                         const ip::Problem& problem) {
  const auto about = wire::Ipv6View::parse(bytes);
  const Shape shape = shape_v6(problem);
  if (!about || !may_answer_v6(packet.meta(), *about, bytes, shape)) return;
  const IpAddress to = about->source();
  auto& count = env_.stats->icmp6;
  const Limit limit = exceeded_limit(packet, to, problem.kind);
  if (limit == Limit::global) return env_.stats->icmp.add(stats::Icmp::OutRateLimitGlobal);  // Linux has but one counter
  if (limit == Limit::host) return count.add(stats::Icmp6::OutRateLimitHost);
  const IpAddress own = about->destination();
  const auto source = ip_.is_local(own) ? std::optional(own) : ip_.source_for(to);  // section 2.2
  if (!source) return count.add(stats::Icmp6::OutErrors);
  constexpr std::size_t room = most_bytes_v6 - wire::ipv6_header_bytes - wire::icmp6_header_bytes;
  pkt::Packet message = make_message(env_, packet, header_bytes, wire::icmp6_header_bytes, room);
  if (!message) return count.add(stats::Icmp6::OutErrors);
  wire::emit(wire::Icmp6Header{shape.type, shape.code, shape.rest}, message.data().data());
  wire::seal_icmp6(message.data(), *source, to);
  const auto verdict =
      ip_.send(std::move(message), {.source = *source, .destination = to, .proto = wire::ip_proto::icmp6});
  if (verdict != ip::SendVerdict::sent) return count.add(stats::Icmp6::OutErrors);
  count_v6(env_, shape.type);
}

void Icmp::send_redirect(const pkt::Packet& packet, neighbor::Interface& in, const IpAddress& next_hop) {
  const std::span<const std::uint8_t> bytes = packet.data();
  if (bytes[0] >> 4 != 4) return send_redirect_v6(packet, in, next_hop);
  const auto about = wire::Ipv4View::parse(bytes);
  if (!about || !may_answer_v4(ip_, packet.meta(), *about, bytes)) return;
  if (!redirect_limit_.allow(siphash(env_.secret, about->source().bytes), env_.now)) return;
  constexpr std::uint8_t for_host = 1;
  send_about_v4(packet, 0, *about, {wire::icmp4_type::redirect, for_host, next_hop.v4_number()});
}

// RFC 4861 sections 4.5, 8.2: target, destination, the target's link address where it is known, as much of the packet as
// fits.
void Icmp::send_redirect_v6(const pkt::Packet& packet, neighbor::Interface& in, const IpAddress& next_hop) {
  const std::span<const std::uint8_t> bytes = packet.data();
  const auto about = wire::Ipv6View::parse(bytes);
  if (!about || !may_answer_v6(packet.meta(), *about, bytes, {wire::icmp6_type::redirect, 0, 0})) return;
  const IpAddress to = about->source();
  const IpAddress destination = about->destination();
  if (next_hop != destination && !next_hop.is_link_local()) return;  // hosts know routers by those
  const auto own = std::find_if(in.addresses.begin(), in.addresses.end(), [](const IpPrefix& p) { return p.address.is_link_local(); });
  if (own == in.addresses.end() || !limit_.allows(siphash(env_.secret, to.bytes), env_.now, 1s)) return;
  constexpr std::size_t fixed = wire::icmp6_header_bytes + 16 + 16, link_option = 8, header_option = 8;
  const auto neighbor = ip_.neighbors().find(in, next_hop);
  const bool knows_link = neighbor && is_valid(neighbor->state);
  const std::size_t before = fixed + (knows_link ? link_option : 0) + header_option;
  const std::size_t quoted = std::min<std::size_t>(most_bytes_v6 - wire::ipv6_header_bytes - before, packet.length()) & ~std::size_t{7};
  pkt::Packet message = make_message(env_, packet, 0, before, quoted);
  if (!message) return env_.stats->icmp6.add(stats::Icmp6::OutErrors);
  std::uint8_t* at = message.data().data();
  std::fill_n(at, before, std::uint8_t{0});
  wire::emit(wire::Icmp6Header{wire::icmp6_type::redirect, 0, 0}, at);
  std::copy_n(next_hop.bytes.begin(), 16, at + 8);
  std::copy_n(destination.bytes.begin(), 16, at + 24);
  at += fixed;
  if (knows_link) {
    constexpr std::uint8_t target_link_address = 2;
    at[0] = target_link_address;
    at[1] = 1;
    std::copy_n(neighbor->mac.bytes.begin(), 6, at + 2);
    at += link_option;
  }
  constexpr std::uint8_t redirected_header = 4;
  at[0] = redirected_header;
  at[1] = static_cast<std::uint8_t>((message.length() - before + header_option) / 8);
  wire::seal_icmp6(message.data(), own->address, to);
  constexpr std::uint8_t nd_hop_limit = 255;
  const auto verdict = ip_.send(std::move(message), {.source = own->address, .destination = to, .proto = wire::ip_proto::icmp6, .hop_limit = nd_hop_limit});
  if (verdict != ip::SendVerdict::sent) return env_.stats->icmp6.add(stats::Icmp6::OutErrors);
  count_v6(env_, wire::icmp6_type::redirect);
}

}  // namespace millrace::icmp
