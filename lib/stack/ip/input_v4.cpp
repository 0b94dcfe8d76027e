// SPDX-License-Identifier: BSD-3-Clause
// IPv4 input: the checks in ip_rcv's order, then local delivery or forwarding. Called by Stack::input; calls the transports
// and forward.cpp. RFC 791, RFC 1122 section 3.2.1; net/ipv4/ip_input.c (receive_path H1, H4, H7, H8).
#include <millrace/stack/ip/mib.hpp>
#include <millrace/stack/ip/option_records.hpp>
#include <millrace/stack/ip/stack.hpp>

#include <millrace/env/build_packet.hpp>
#include <millrace/stack/neighbor/link_address.hpp>
#include <millrace/wire/ipv4.hpp>

namespace millrace::ip {

using stats::DropReason;
using Counter = stats::Ip;

namespace {

constexpr IpAddress all_hosts = IpAddress::v4(224, 0, 0, 1);
constexpr std::uint32_t link_groups = 224 << 16;  // 224.0.0.0/24

// RFC 1122 section 3.2.1.3; ip_route_input_slow()'s martians. Source 0.0.0.0 is right for a host that has no
// address yet and shouts, as to 0.0.0.0 it does, too, or speaks to a group of the link.
bool is_possible_source(const IpAddress& source, const IpAddress& destination) {
  if (source.is_multicast() || source.is_loopback() || source.v4_number() == 0xffffffff) return false;
  const std::uint32_t to = destination.v4_number();
  return (source.v4_number() >> 24) != 0 || (source.is_unspecified() && (to == 0xffffffff || to == 0 || to >> 8 == link_groups));
}

// ip_rcv_finish_core()
void count_group(stats::CounterBlock<Counter>& count, const neighbor::Interface& interface, const IpAddress& destination, const pkt::Packet& packet) {
  if (destination.is_multicast()) {
    count_bytes(count, Counter::InMcastPkts, Counter::InMcastOctets, packet);
  } else if (neighbor::is_broadcast(interface, destination) || destination.is_unspecified()) {
    count_bytes(count, Counter::InBcastPkts, Counter::InBcastOctets, packet);
  }
}

}  // namespace

void Stack::input_v4(neighbor::Interface& interface, pkt::Packet packet) {
  auto& count = env_.stats->ip;
  const bool is_new = !packet.meta().is_reassembled;
  if (is_new) count_received(count, packet.length());
  const auto refuse = [&](Counter counter, DropReason reason) {
    count.add(counter);
    drop(env_, std::move(packet), reason);
  };
  const std::span<const std::uint8_t> bytes = packet.data();
  const auto ip = wire::Ipv4View::parse(bytes);
  // Linux looks at the field before it looks for the options.
  if (is_new && bytes.size() >= wire::ipv4_header_bytes && bytes[0] >> 4 == 4 && (bytes[0] & 15) >= 5) count_ecn(count, packet, bytes[1]);
  if (!ip) return refuse(Counter::InHdrErrors, DropReason::ip_bad_header);
  if ((packet.mbuf().ol_flags & pkt::flag::rx_ip_good) == 0 && !ip->checksum_valid()) {
    count.add(Counter::InCsumErrors);
    return refuse(Counter::InHdrErrors, DropReason::ip_bad_checksum);
  }
  if (ip->total_length() > packet.length()) return refuse(Counter::InTruncatedPkts, DropReason::ip_truncated);
  if (ip->total_length() < ip->header_length()) return refuse(Counter::InHdrErrors, DropReason::ip_bad_header);
  packet.truncate(ip->total_length());  // Ethernet pads short frames

  // What was put together here has passed in its fragments.
  if (hooks_ != nullptr && is_new && hooks_->run({.hook = Hook::pre_routing, .in = &interface}, packet) != HookVerdict::accept) return;
  route_v4(interface, std::move(packet));
}

// ip_rcv_options(). Where in the options the route was recorded, 0: nowhere. Null: the packet is gone.
std::optional<std::uint8_t> Stack::pass_options(neighbor::Interface& interface, pkt::Packet& packet) {
  const wire::Ipv4View ip = *wire::Ipv4View::parse(packet.data());
  if (ip.header_length() == wire::ipv4_header_bytes) return std::uint8_t{0};
  const OptionsVerdict verdict = judge_options(ip.options());
  std::uint8_t route_at = 0;
  if (verdict.is_recorded) {
    // fib_compute_spec_dst(): the address by which the sender knows this host.
    const IpAddress source = ip.source(), destination = ip.destination();
    auto own = is_local(destination) ? std::optional(destination) : (source.v4_number() >> 24) != 0 ? source_for(source) : std::nullopt;
    if (!own) own = neighbor::own_address_towards(interface, source);
    packet = with_own_headers(env_, std::move(packet));
    if (!packet) return std::nullopt;
    const std::span<std::uint8_t> header = packet.data().first(wire::Ipv4View::parse(packet.data())->header_length());
    const std::span<std::uint8_t> good = header.first(verdict.kind == OptionsVerdict::malformed ? verdict.pointer : header.size());
    route_at = record_arrival(good.subspan(wire::ipv4_header_bytes), {own.value_or(IpAddress::v4(0, 0, 0, 0)), time_of_day(env_)}, *this);
    wire::seal_ipv4(header);
  }
  if (verdict.kind == OptionsVerdict::fine) return route_at;
  if (verdict.kind == OptionsVerdict::malformed) {
    env_.stats->ip.add(Counter::InHdrErrors);
    report(packet, {.kind = ErrorKind::parameter_problem, .info = verdict.pointer});
  }
  drop(env_, std::move(packet), verdict.kind == OptionsVerdict::malformed ? DropReason::ip_bad_header : DropReason::ip_source_route);
  return std::nullopt;
}

// ip_rcv_finish_core(), ip_route_input_slow(): for this host, or for another?
void Stack::route_v4(neighbor::Interface& interface, pkt::Packet packet) {
  const wire::Ipv4View ip = *wire::Ipv4View::parse(packet.data());
  const IpAddress source = ip.source();
  const IpAddress destination = ip.destination();
  const std::span<const std::uint8_t> bytes = packet.data();
  const bool is_fragment = ip.is_fragment();
  const Demuxed demuxed = is_fragment ? Demuxed{} : demux(bytes.subspan(ip.header_length()), ip.proto(), destination, source);
  if (is_current(demuxed, interface)) {
    if (pass_options(interface, packet)) deliver_local_v4(interface, std::move(packet), demuxed);
    return;
  }
  const FragmentRoute route{load64(bytes.data() + 12), interface.ifindex, generation()};
  if (is_fragment && route == fragment_route_) {
    if (pass_options(interface, packet)) deliver_local_v4(interface, std::move(packet));
    return;
  }
  env_.stats->ip.add(Counter::FibLookups);
  // What came by lo has been routed here by ourselves, and so has what we sent to a group.
  const bool is_from_here = interface.is_loopback || packet.meta().type == pkt::PacketType::loopback;
  if (!is_from_here && !is_possible_source(source, destination)) return drop(env_, std::move(packet), DropReason::ip_invalid_source);
  const bool is_old_shout = source.is_unspecified() && destination.is_unspecified();
  const LocalTable::Kind kind = is_old_shout ? LocalTable::Kind::broadcast : local_.find(destination);
  if (destination.is_multicast() && destination != all_hosts && !is_wanted(interface, destination, source, ip.proto()))
    return drop(env_, std::move(packet), DropReason::group_unwanted);  // ip_check_mc_rcu()
  const bool is_martian = (destination.is_loopback() && !interface.is_loopback) || ((destination.v4_number() >> 24) == 0 && !is_old_shout);
  if (is_martian) return drop(env_, std::move(packet), DropReason::not_local);
  const bool is_settled = kind != LocalTable::Kind::none || destination.is_multicast();
  const NextHop* const hop = is_settled ? nullptr : routes_.lookup(destination);
  const bool is_local_route = hop != nullptr && hop->type == RouteType::local;
  // fib_validate_source(), of which nobody asks where the packet goes nowhere.
  if (!is_from_here && (is_settled || is_local_route || forwarding_.v4)) {
    if (is_broadcast(source) || is_local(source)) return drop(env_, std::move(packet), DropReason::ip_invalid_source);
    if (!is_expected(interface, source)) {
      env_.stats->tcp_ext.add(stats::TcpExt::IPReversePathFilter);
      return drop(env_, std::move(packet), DropReason::rp_filter);
    }
  }
  const std::optional<std::uint8_t> route_at = pass_options(interface, packet);
  if (!route_at) return;
  if (kind == LocalTable::Kind::broadcast || destination.is_multicast()) return deliver_local_v4(interface, std::move(packet));
  if (kind == LocalTable::Kind::local || is_local_route) {
    remember(demuxed, interface);
    if (is_fragment) fragment_route_ = route;
    return deliver_local_v4(interface, std::move(packet), demuxed);
  }
  forward_v4(interface, std::move(packet), hop, *route_at);
}

// ip_local_deliver()
void Stack::deliver_local_v4(neighbor::Interface& interface, pkt::Packet packet, const Demuxed& demuxed) {
  const wire::Ipv4View ip = *wire::Ipv4View::parse(packet.data());
  if (!packet.meta().is_reassembled) count_group(env_.stats->ip, interface, ip.destination(), packet);
  if (ip.is_fragment()) packet = reassemble_v4(std::move(packet));
  if (!packet) return;
  if (hooks_ != nullptr && hooks_->run({.hook = Hook::local_in, .in = &interface}, packet) != HookVerdict::accept) return;
  // What a hook's function may have done to sockets and packet, nobody knows.
  deliver_v4(interface, std::move(packet), hooks_ == nullptr ? demuxed.socket : nullptr);
}

// ip_defrag(). Null: fragments are missing, or the whole is another lcore's.
pkt::Packet Stack::reassemble_v4(pkt::Packet packet) {
  const wire::Ipv4View ip = *wire::Ipv4View::parse(packet.data());
  const auto header_bytes = static_cast<std::uint16_t>(ip.header_length());
  std::uint32_t bytes = ip.total_length() - std::uint32_t{header_bytes};
  if (ip.more_fragments()) bytes &= ~7u;  // RFC 791 section 3.2: offsets count units of 8; Linux cuts the rest off, too
  Reassembly::Whole whole =
      fragments_v4_.add(std::move(packet), {.key = {ip.source(), ip.destination(), ip.id(), ip.proto()},
                                            .begin = ip.fragment_offset(),
                                            .end = ip.fragment_offset() + bytes,
                                            .header_bytes = header_bytes,
                                            .more = ip.more_fragments(),
                                            .ecn = static_cast<std::uint8_t>(ip.tos() & 3)});
  if (!whole.packet) return {};
  std::uint8_t* const header = whole.packet.data().data();
  header[1] |= whole.ecn;
  store_be16(header + 2, static_cast<std::uint16_t>(whole.packet.length()));
  store_be16(header + 6, 0);
  store_be16(header + 10, 0);
  store_be16(header + 10, wire::checksum({header, wire::Ipv4View::parse(whole.packet.data())->header_length()}));
  return begin_anew(std::move(whole.packet));
}

// ip_protocol_deliver_rcu().
void Stack::deliver_v4(neighbor::Interface& interface, pkt::Packet packet, void* socket) {
  const wire::Ipv4View ip = *wire::Ipv4View::parse(packet.data());
  Transport* transport = protocols_[ip.proto()];
  Delivery delivery{.source = ip.source(),
                    .destination = ip.destination(),
                    .hop_limit = ip.ttl(),
                    .traffic_class = ip.tos(),
                    .interface = &interface};
  const auto header_bytes = static_cast<std::uint16_t>(ip.header_length());
  const bool is_seen = raw_ != nullptr && raw_->is_listening() && raw_->receive(packet, header_bytes, ip.proto(), delivery);
  if (transport == nullptr && is_seen) {
    env_.stats->ip.add(Counter::InDelivers);
    return consume(env_, std::move(packet), stats::Ledger::used);
  }
  if (transport == nullptr || ip.proto() == wire::ip_proto::icmp6) {
    env_.stats->ip.add(Counter::InUnknownProtos);
    report(packet, {.kind = ErrorKind::protocol_unreachable});
    return drop(env_, std::move(packet), DropReason::ip_unknown_proto);
  }
  env_.stats->ip.add(Counter::InDelivers);
  if (!is_seen) delivery.socket = socket;  // who saw it may have closed sockets
  know_flow(packet, delivery);
  hand_over(*transport, std::move(packet), header_bytes, delivery);
}

}  // namespace millrace::ip
