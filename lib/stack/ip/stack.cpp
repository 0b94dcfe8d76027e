// SPDX-License-Identifier: BSD-3-Clause
// The fork to IPv4 and IPv6, and what both share. Called by socket::Stack (input)
// and by neighbor::Neighbors (unreachable); calls input_v4.cpp, input_v6.cpp and the transports.
#include <millrace/stack/ip/stack.hpp>

#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>

namespace millrace::ip {

using stats::DropReason;

Stack::Stack(Env& env, const neighbor::Options& options, Routes* routes)
    : env_(env),
      neighbors_(env, *this, options),
      own_routes_(routes == nullptr ? std::make_unique<Routes>() : nullptr),
      routes_(routes == nullptr ? *own_routes_ : *routes) {
  // Where each counter begins shall tell nothing (RFC 7739 section 5).
  for (std::uint16_t& id : ids_) id = static_cast<std::uint16_t>(env.rng.next());
  add_protocol(wire::ip_proto::igmp, igmp_);
}

void Stack::input(pkt::Packet frame) {
  const pkt::Meta& meta = frame.meta();
  neighbor::Interface* interface = this->interface(meta.ifindex);
  if (interface == nullptr) return drop(env_, std::move(frame), DropReason::no_stack);
  if (meta.type == pkt::PacketType::other_host) return drop(env_, std::move(frame), DropReason::other_host);
  if (meta.l3_offset > frame.length()) return drop(env_, std::move(frame), DropReason::bad_frame);
  const std::uint16_t ethertype = meta.ethertype;
  frame.trim_front(meta.l3_offset);
  if (ethertype == wire::ethertype::ipv4) return input_v4(*interface, std::move(frame));
  if (ethertype == wire::ethertype::ipv6) return input_v6(*interface, std::move(frame));
  drop(env_, std::move(frame), DropReason::unknown_ethertype);
}

void Stack::configure_forwarding(const Forwarding& forwarding) {
  forwarding_ = forwarding;
  ++address_generation_;  // what sockets know was judged by other rules
  neighbors_.set_router(forwarding.v6);
}

void Stack::configure_reassembly(const Reassembly::Options& v4, const Reassembly::Options& v6) {
  fragments_v4_.configure(v4);
  fragments_v6_.configure(v6);
}

// What the port said of the first fragment does not hold for the whole: its socket may be another lcore's.
pkt::Packet Stack::begin_anew(pkt::Packet whole) {
  pkt::Meta& meta = whole.meta();
  meta.is_reassembled = true;
  meta.checksum = pkt::ChecksumVerdict::unknown;
  whole.mbuf().ol_flags &= ~(pkt::flag::rx_rss_hash | pkt::flag::rx_l4_good | pkt::flag::rx_l4_bad);
  if (resteer_ == nullptr || whole.headroom() < meta.l3_offset) return whole;
  whole.prepend(meta.l3_offset);
  whole = resteer_->resteer(std::move(whole));
  if (whole) whole.trim_front(whole.meta().l3_offset);
  return whole;
}

void Stack::on_reassembly_timeout(const pkt::Packet& first) {
  report(first, {.kind = ErrorKind::time_exceeded, .code = wire::icmp4_time_exceeded::reassembly});
}

void Stack::hand_over(Transport& transport, pkt::Packet packet, std::uint16_t header_bytes, Delivery& delivery) {
  // A buffer that held nothing but headers is freed by the trim, and the headers with it.
  delivery.header_bytes =
      packet.data().size() > header_bytes || packet.segments() == 1 ? header_bytes : std::uint16_t{0};
  packet.trim_front(header_bytes);
  packet.meta().is_reassembled = false;  // it may be sent on
  transport.receive(std::move(packet), delivery);
}

void Stack::report(const pkt::Packet& packet, const Problem& problem) {
  if (error_sender_ != nullptr) error_sender_->send_error(packet, 0, problem);
}

void Stack::send_port_unreachable(const pkt::Packet& datagram, const Delivery& delivery) {
  if (error_sender_ == nullptr || delivery.header_bytes == 0) return;
  error_sender_->send_error(datagram, delivery.header_bytes, {.kind = ErrorKind::port_unreachable});
}

void Stack::count_unclaimed_error(const IpAddress& remote) {
  if (remote.is_v4()) {
    env_.stats->icmp.add(stats::Icmp::InErrors);
  } else {
    env_.stats->icmp6.add(stats::Icmp6::InErrors);
  }
}

// Of what this stack sent its own transport is told, in place of an ICMP message to ourselves (RFC 1122 section 2.4;
// arp_error_report); of what was forwarded its sender is (ipv4_link_failure, ip6_link_failure).
void Stack::unreachable(neighbor::Interface&, pkt::Packet ip_packet) {
  const std::uint8_t* header = ip_packet.data().data();
  const bool v4 = header[0] >> 4 == 4;
  const pkt::Meta& meta = ip_packet.meta();
  const std::size_t l4 = std::size_t{meta.l4_offset} - wire::ethernet_header_bytes;
  if (!is_local(v4 ? IpAddress::v4_from(header + 12) : IpAddress::v6_from(header + 8))) {
    report(ip_packet, {.kind = ErrorKind::host_unreachable});
  } else if (Transport* transport = protocols_[meta.l4_proto]; transport != nullptr && l4 < ip_packet.data().size()) {
    const IpAddress source = v4 ? IpAddress::v4_from(header + 12) : IpAddress::v6_from(header + 8);
    const IpAddress destination = v4 ? IpAddress::v4_from(header + 16) : IpAddress::v6_from(header + 24);
    transport->error({.kind = ErrorKind::host_unreachable,
                      .local = source,
                      .remote = destination,
                      .reporter = source,
                      .transport_header = ip_packet.data().subspan(l4)});
  }
  drop(env_, std::move(ip_packet), DropReason::neighbor_failed);
}

}  // namespace millrace::ip
