// SPDX-License-Identifier: BSD-3-Clause
// ICMP and ICMPv6 input: checks, echo, and the fork to errors and neighbour discovery. Called by ip::Stack; calls
// ip::Output::send, errors_in.cpp, neighbor::Neighbors. RFC 792, RFC 1122 section 3.2.2, RFC 4443; icmp_rcv.
#include <millrace/stack/icmp/icmp.hpp>

#include <millrace/stack/ip/option_records.hpp>
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/ipv4.hpp>

#include <optional>
#include <utility>

namespace millrace::icmp {

using stats::DropReason;
namespace type4 = wire::icmp4_type;
namespace type6 = wire::icmp6_type;

namespace {

bool is_checksum_valid(const pkt::Packet& message, wire::Sum sum) {
  message.for_each_segment([&](std::span<const std::uint8_t> part) { sum.add(part); });
  return sum.is_valid();
}

// The request becomes the reply where it lies; its checksum follows the type (RFC 1624).
void set_type(pkt::Packet& message, std::uint8_t type) {
  std::uint8_t* p = message.data().data();
  const std::uint16_t before = load_be16(p);
  p[0] = type;
  store_be16(p + 2, wire::checksum_update(load_be16(p + 2), before, load_be16(p)));
  message.meta().tx_checksum = pkt::ChecksumRequest::none;
  message.meta().gso_size = 0;
}

void count_link_message(stats::CounterBlock<stats::Icmp6>& count, std::uint8_t type) {
  using C = stats::Icmp6;
  constexpr std::pair<std::uint8_t, C> counters[] = {
      {type6::listener_query, C::InGroupMembQueries},        {type6::listener_report, C::InGroupMembResponses},
      {type6::listener_done, C::InGroupMembReductions},      {type6::listener_report_v2, C::InMLDv2Reports},
      {type6::router_solicitation, C::InRouterSolicits},     {type6::router_advertisement, C::InRouterAdvertisements},
      {type6::neighbor_solicitation, C::InNeighborSolicits}, {type6::neighbor_advertisement, C::InNeighborAdvertisements},
      {type6::redirect, C::InRedirects}};
  for (const auto& [of, counter] : counters)
    if (of == type) count.add(counter);
}

// ICMPMSGIN_INC_STATS(): of every type that has a counter, before anybody looks further.
void count_type_v4(stats::CounterBlock<stats::Icmp>& count, std::uint8_t type) {
  using C = stats::Icmp;
  switch (type) {
    case type4::echo_reply: return count.add(C::InEchoReps);
    case type4::unreachable: return count.add(C::InDestUnreachs);
    case 4: return count.add(C::InSrcQuenchs);
    case 5: return count.add(C::InRedirects);
    case type4::echo_request: return count.add(C::InEchos);
    case type4::time_exceeded: return count.add(C::InTimeExcds);
    case type4::parameter_problem: return count.add(C::InParmProbs);
    case 13: return count.add(C::InTimestamps);
    case 14: return count.add(C::InTimestampReps);
    case 17: return count.add(C::InAddrMasks);
    case 18: return count.add(C::InAddrMaskReps);
    default: return;
  }
}

}  // namespace

Icmp::Icmp(Env& env, ip::Stack& ip, const RateLimit::Options& limits, RateLimit* limit)
    : env_(env), ip_(ip), own_limit_(limit == nullptr ? std::make_unique<RateLimit>(limits) : nullptr), limit_(limit == nullptr ? *own_limit_ : *limit) {
  ip.add_protocol(wire::ip_proto::icmp, *this);
  ip.add_protocol(wire::ip_proto::icmp6, *this);
  ip.set_error_sender(*this);
}

void Icmp::receive(pkt::Packet message, const ip::Delivery& delivery) {
  if (delivery.source.is_v4()) return receive_v4(std::move(message), delivery);
  receive_v6(std::move(message), delivery);
}

// An echo request of a ping socket's; nothing else that this protocol sends expects an error.
void Icmp::error(const ip::ErrorReport& report) {
  if (ip_.raw() != nullptr) ip_.raw()->error(report);
}

void Icmp::bad_v4(pkt::Packet message, DropReason reason) {
  env_.stats->icmp.add(stats::Icmp::InErrors);
  drop(env_, std::move(message), reason);
}

void Icmp::bad_v6(pkt::Packet message, DropReason reason) {
  env_.stats->icmp6.add(stats::Icmp6::InErrors);
  drop(env_, std::move(message), reason);
}

void Icmp::receive_v4(pkt::Packet message, const ip::Delivery& delivery) {
  auto& count = env_.stats->icmp;
  count.add(stats::Icmp::InMsgs);
  if (!is_checksum_valid(message, {})) {
    count.add(stats::Icmp::InCsumErrors);
    return bad_v4(std::move(message), DropReason::icmp_bad_checksum);
  }
  const auto icmp = wire::Icmp4View::parse(message.data());
  if (!icmp) return bad_v4(std::move(message), DropReason::icmp_invalid);
  count_type_v4(count, icmp->type());
  const bool to_group = !ip_.is_local(delivery.destination);
  if (icmp->type() == type4::echo_request) {
    // RFC 1122 section 3.2.2.6 permits it, Linux does it: the answer would be an amplifier.
    if (to_group) return bad_v4(std::move(message), DropReason::icmp_broadcast_echo);
    return answer_echo_v4(std::move(message), delivery);
  }
  if (icmp->type() == type4::unreachable || icmp->type() == type4::time_exceeded ||
      icmp->type() == type4::parameter_problem) {
    if (to_group) return bad_v4(std::move(message), DropReason::icmp_invalid);
    return receive_error_v4(std::move(message), delivery);
  }
  if (icmp->type() == type4::redirect) return receive_redirect_v4(std::move(message), delivery);
  if (icmp->type() == type4::echo_reply) {
    if (ip_.raw() != nullptr) ip_.raw()->receive_echo_reply(message, delivery);
    if (!message) return;
  }
  // icmp_rcv(): a group is asked for address masks alone; replies of that kind are taken, too.
  const bool is_mask = icmp->type() == 17 || icmp->type() == 18;
  constexpr std::uint8_t last_known_type = 18;  // NR_ICMP_TYPES
  if (icmp->type() > last_known_type || (to_group && !is_mask)) return bad_v4(std::move(message), DropReason::icmp_unhandled);
  drop(env_, std::move(message), DropReason::icmp_unhandled);
}

// icmp_redirect(): of the quoted datagram's destination, whatever the code says of nets (RFC 1812 section 5.2.7.2).
void Icmp::receive_redirect_v4(pkt::Packet message, const ip::Delivery& delivery) {
  const wire::Icmp4View icmp = *wire::Icmp4View::parse(message.data());
  const auto quoted = wire::Ipv4View::parse(icmp.body());
  constexpr std::uint8_t last_code = 3;
  if (!quoted || icmp.code() > last_code || !ip_.is_local(delivery.destination))
    return bad_v4(std::move(message), DropReason::icmp_invalid);
  const IpAddress gateway = IpAddress::v4_from(&message.data()[4]);
  const bool is_ours = ip_.is_local(quoted->source());
  if (!is_ours || !ip_.accept_redirect(*delivery.interface, delivery.source, quoted->destination(), gateway))
    return drop(env_, std::move(message), DropReason::redirect_refused);
  consume(env_, std::move(message), stats::Ledger::used);
}

// icmp_echo(), icmp_reply(). Options that tell the way are carried back (RFC 1122 section 3.2.2.6).
void Icmp::answer_echo_v4(pkt::Packet request, const ip::Delivery& delivery) {
  std::optional<ip::SentOptions> options = ip::SentOptions{};
  if (delivery.header_bytes > wire::ipv4_header_bytes) {
    const std::size_t bytes = delivery.header_bytes - wire::ipv4_header_bytes;
    options = ip::echo_options({request.data().data() - bytes, bytes}, ip_);
  }
  if (!options) return drop(env_, std::move(request), DropReason::icmp_invalid);
  set_type(request, type4::echo_reply);
  const auto verdict = ip_.send(std::move(request), {.source = delivery.destination,
                                                     .destination = delivery.source,
                                                     .proto = wire::ip_proto::icmp,
                                                     .traffic_class = delivery.traffic_class,
                                                     .dont_fragment = false,
                                                     .may_fragment = true,
                                                     .options = &*options});
  if (verdict != ip::SendVerdict::sent) return env_.stats->icmp.add(stats::Icmp::OutErrors);
  env_.stats->icmp.add(stats::Icmp::OutMsgs);
  env_.stats->icmp.add(stats::Icmp::OutEchoReps);
}

void Icmp::receive_v6(pkt::Packet message, const ip::Delivery& delivery) {
  auto& count = env_.stats->icmp6;
  count.add(stats::Icmp6::InMsgs);
  if (!is_checksum_valid(message, wire::pseudo_header(delivery.source, delivery.destination, wire::ip_proto::icmp6,
                                                      message.length()))) {
    count.add(stats::Icmp6::InCsumErrors);
    return bad_v6(std::move(message), DropReason::icmp_bad_checksum);
  }
  const auto icmp = wire::Icmp6View::parse(message.data());
  if (!icmp) return bad_v6(std::move(message), DropReason::icmp_invalid);
  if (icmp->is_error()) return receive_error_v6(std::move(message), delivery);
  switch (icmp->type()) {
    case type6::echo_request:
      count.add(stats::Icmp6::InEchos);
      return answer_echo_v6(std::move(message), delivery);
    case type6::echo_reply:
      count.add(stats::Icmp6::InEchoReplies);
      if (ip_.raw() != nullptr) ip_.raw()->receive_echo_reply(message, delivery);
      if (!message) return;
      return drop(env_, std::move(message), DropReason::icmp_unhandled);
    default: count_link_message(count, icmp->type());
  }
  if (icmp->is_listener_message())
    return ip_.groups().receive_mld(*delivery.interface, {delivery.source, delivery.hop_limit}, std::move(message));
  if (!icmp->is_neighbor_discovery()) return drop(env_, std::move(message), DropReason::icmp_unhandled);
  ip_.neighbors().receive_nd(*delivery.interface, {delivery.source, delivery.destination, delivery.hop_limit},
                             std::move(message));
}

// RFC 4443 section 4.2: a request to a group is answered from an address of ours.
void Icmp::answer_echo_v6(pkt::Packet request, const ip::Delivery& delivery) {
  set_type(request, type6::echo_reply);
  IpAddress source = delivery.destination;
  if (source.is_multicast()) {
    source = ip_.source_for(delivery.source).value_or(IpAddress{});
    std::uint8_t* sum = request.data().data() + 2;
    for (std::size_t at = 0; at < 16; at += 4)
      store_be16(sum, wire::checksum_update32(load_be16(sum), load_be32(&delivery.destination.bytes[at]),
                                              load_be32(&source.bytes[at])));
  }
  const auto verdict = ip_.send(std::move(request), {.source = source,
                                                     .destination = delivery.source,
                                                     .proto = wire::ip_proto::icmp6,
                                                     .traffic_class = delivery.traffic_class,
                                                     .may_fragment = true});
  if (verdict != ip::SendVerdict::sent) return env_.stats->icmp6.add(stats::Icmp6::OutErrors);
  env_.stats->icmp6.add(stats::Icmp6::OutMsgs);
  env_.stats->icmp6.add(stats::Icmp6::OutEchoReplies);
}

}  // namespace millrace::icmp
