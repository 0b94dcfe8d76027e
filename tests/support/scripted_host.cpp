// SPDX-License-Identifier: BSD-3-Clause
// A host under test on a link that the test plays, and the frames of its peer.
#include "tests/support/scripted_host.hpp"

#include <millrace/pkt/rx_stamp.hpp>
#include <millrace/port/tx_offload.hpp>
#include <millrace/wire/dissect.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/udp.hpp>

#include "tests/support/catch.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace millrace::test {
namespace {

pkt::PacketType type_of(const Bytes& frame) {
  const MacAddress to = wire::EthernetView::parse(frame)->destination();
  if (to == host_mac) return pkt::PacketType::host;
  if (to.is_broadcast()) return pkt::PacketType::broadcast;
  return to.is_multicast() ? pkt::PacketType::multicast : pkt::PacketType::other_host;
}

MacAddress mac_for(const IpAddress& destination) {
  if (destination.is_multicast()) return wire::multicast_mac(destination);
  if (destination == addr("255.255.255.255") || destination == addr("10.77.0.255")) return all_macs;
  return host_mac;
}

}  // namespace

IpAddress addr(std::string_view text) {
  const auto address = IpAddress::parse(text);
  if (!address) throw std::invalid_argument(std::string(text));
  return *address;
}

void Wire::transmit(pkt::Packet frame) {
  const bool has_ip_header = frame.meta().ethertype != wire::ethertype::arp;
  CHECK(frame.meta().l3_offset == wire::ethernet_header_bytes);
  if (has_ip_header && frame.meta().tx_checksum != pkt::ChecksumRequest::none) port::finish_checksum(frame.mbuf());
  frames_.push_back(bytes_of(frame));
  env_.stats->port.add(stats::Port::tx_packets);
  recycle(env_, std::move(frame));
}

Bytes Wire::take_one() {
  auto frames = take();
  REQUIRE(frames.size() == 1);
  return frames[0];
}

ScriptedHost::ScriptedHost(const neighbor::Options& options, std::uint32_t buffers)
    : pool(buffers),
      env{.now = Instant{} + 1h, .rng = Rng(7), .pool = &*pool, .wheel = &wheel, .stats = &stats, .secret = {1, 2}},
      interface{.ifindex = 1,
                .name = "eth0",
                .mac = host_mac,
                .addresses = {{host4, 24}, {host6, 64}, {host_link, 64}},
                .output = &wire},
      ip(env, options),
      icmp(env, ip),
      udp(env, ip) {
  ip.add_protocol(wire::ip_proto::udp, udp);
  REQUIRE(ip.add_interface(interface));
}

void ScriptedHost::receives(const Bytes& frame, const Arrival& arrival) {
  const std::array one{std::pair{frame, arrival}};
  receives(one);
}

void ScriptedHost::receives(std::span<const std::pair<Bytes, Arrival>> burst) {
  pkt::PacketList frames;
  for (const auto& [frame, arrival] : burst) frames.push_back(arrived(frame, arrival));
  while (!frames.empty()) {
    if (ip.input_known(frames) != 0) continue;
    pkt::Packet packet = frames.pop_front();
    if (packet.meta().ethertype == wire::ethertype::arp) {
      ip.neighbors().receive_arp(interface, std::move(packet));
    } else {
      ip.input(std::move(packet));
    }
  }
}

pkt::Packet ScriptedHost::arrived(const Bytes& frame, const Arrival& arrival) {
  const std::size_t first = arrival.first_buffer == 0 ? frame.size() : arrival.first_buffer;
  const std::span<const std::uint8_t> all(frame);
  pkt::Packet packet = pool.packet(all.first(first));
  constexpr std::size_t room = 2048;
  for (std::size_t at = first; at < frame.size(); at += room)
    join(env, packet, pool.packet(all.subspan(at, std::min(room, frame.size() - at))));
  const wire::Layers layers = wire::dissect(packet.data());
  pkt::Meta& meta = packet.meta();
  meta.rx_time = env.now;
  meta.l3_offset = layers.l3_offset;
  meta.l4_offset = layers.l4_offset;
  meta.payload_offset = layers.payload_offset;
  meta.ethertype = layers.ethertype;
  meta.l4_proto = layers.l4_proto;
  meta.checksum = arrival.checksum;
  meta.type = type_of(frame);
  meta.ifindex = interface.ifindex;
  meta.is_copy = arrival.is_copy;
  meta.gso_segs = arrival.gso_segs;
  meta.gso_size = arrival.gso_size;
  if (arrival.rx_stamp) pkt::set_rx_stamp(packet.mbuf(), *arrival.rx_stamp);
  return packet;
}

void ScriptedHost::advance(Duration by) {
  const Instant end = env.now + by;
  while (wheel.next_expiry() <= end) {
    env.now = std::max(env.now, wheel.next_expiry());
    wheel.advance(env.now);
  }
  env.now = end;
  wheel.advance(end);
}

void ScriptedHost::knows_peer() {
  for (const IpAddress& address : {peer4, peer6, peer_link})
    REQUIRE(ip.neighbors().add_permanent(interface, address, peer_mac));
}

neighbor::State ScriptedHost::state_of(const IpAddress& address) {
  const auto row = ip.neighbors().find(interface, address);
  return row ? row->state : neighbor::State::none;
}

Bytes ethernet(const MacAddress& to, std::uint16_t ethertype, const Bytes& payload, const MacAddress& from) {
  Bytes frame(wire::ethernet_header_bytes);
  wire::emit(wire::EthernetHeader{to, from, ethertype}, frame.data());
  frame.insert(frame.end(), payload.begin(), payload.end());
  if (frame.size() < wire::ethernet_min_frame_bytes) frame.resize(wire::ethernet_min_frame_bytes);
  return frame;
}

Bytes arp_frame(const wire::ArpPacket& arp, const MacAddress& to) {
  Bytes payload(wire::arp_bytes);
  wire::emit(arp, payload.data());
  return ethernet(to, wire::ethertype::arp, payload);
}

wire::ArpPacket arp_request(const IpAddress& target) {
  return {
      .op = wire::arp_op::request, .sender_mac = peer_mac, .sender_ip = peer4, .target_mac = {}, .target_ip = target};
}

wire::ArpPacket arp_reply(const MacAddress& mac) {
  return {.op = wire::arp_op::reply, .sender_mac = mac, .sender_ip = peer4, .target_mac = host_mac, .target_ip = host4};
}

Bytes ipv4_frame(wire::Ipv4Header header, const Bytes& payload) {
  header.total_length = static_cast<std::uint16_t>(wire::ipv4_header_bytes + payload.size());
  Bytes packet(wire::ipv4_header_bytes);
  wire::emit(header, packet.data());
  packet.insert(packet.end(), payload.begin(), payload.end());
  return ethernet(mac_for(header.destination), wire::ethertype::ipv4, packet);
}

Bytes ipv6_frame(wire::Ipv6Header header, const Bytes& payload) {
  header.payload_length = static_cast<std::uint16_t>(payload.size());
  Bytes packet(wire::ipv6_header_bytes);
  wire::emit(header, packet.data());
  packet.insert(packet.end(), payload.begin(), payload.end());
  return ethernet(mac_for(header.destination), wire::ethertype::ipv6, packet);
}

Bytes with_options(Bytes frame, const Bytes& options) {
  frame.insert(frame.begin() + 34, options.begin(), options.end());
  frame[14] = static_cast<std::uint8_t>(0x45 + options.size() / 4);
  store_be16(&frame[16], static_cast<std::uint16_t>(load_be16(&frame[16]) + options.size()));
  wire::seal_ipv4(std::span(frame).subspan(14, 20 + options.size()));
  return frame;
}

Bytes options_of(const Bytes& frame) {
  const auto options = wire::Ipv4View::parse(std::span(frame).subspan(14))->options();
  return {options.begin(), options.end()};
}

Bytes ip_frame(std::uint8_t proto, const Bytes& payload, const IpAddress& source, const IpAddress& destination) {
  if (source.is_v4()) return ipv4_frame({.source = source, .destination = destination, .proto = proto}, payload);
  return ipv6_frame({.source = source, .destination = destination, .next_header = proto}, payload);
}

Bytes udp_datagram(std::uint16_t source, std::uint16_t destination, const Bytes& payload, const IpAddress& from,
                   const IpAddress& to) {
  const auto length = static_cast<std::uint16_t>(wire::udp_header_bytes + payload.size());
  Bytes datagram(wire::udp_header_bytes);
  wire::emit(wire::UdpHeader{source, destination, length, 0}, datagram.data());
  datagram.insert(datagram.end(), payload.begin(), payload.end());
  wire::Sum sum = wire::pseudo_header(from, to, wire::ip_proto::udp, length);
  sum.add(datagram);
  wire::set_udp_checksum(datagram.data(), sum.checksum());
  return datagram;
}

Bytes icmp4_message(std::uint8_t type, std::uint8_t code, std::uint32_t rest, const Bytes& body) {
  Bytes message(wire::icmp4_header_bytes);
  wire::emit(wire::Icmp4Header{type, code, rest}, message.data());
  message.insert(message.end(), body.begin(), body.end());
  wire::seal_icmp4(message);
  return message;
}

Bytes icmp6_message(std::uint8_t type, std::uint8_t code, std::uint32_t rest, const Bytes& body, const IpAddress& from,
                    const IpAddress& to) {
  Bytes message(wire::icmp6_header_bytes);
  wire::emit(wire::Icmp6Header{type, code, rest}, message.data());
  message.insert(message.end(), body.begin(), body.end());
  wire::seal_icmp6(message, from, to);
  return message;
}

Bytes counting(std::size_t n, int first) {
  Bytes bytes(n);
  std::iota(bytes.begin(), bytes.end(), static_cast<std::uint8_t>(first));
  return bytes;
}

Bytes behind(const Bytes& frame, std::size_t offset) {
  return {frame.begin() + static_cast<std::ptrdiff_t>(offset), frame.end()};
}

bool has_right_checksums(const Bytes& frame) {
  const Bytes packet = behind(frame, wire::ethernet_header_bytes);
  if (const auto v4 = wire::Ipv4View::parse(packet)) {
    const Bytes payload = behind(packet, v4->header_length());
    const bool needs_pseudo = v4->proto() == wire::ip_proto::udp;
    wire::Sum sum;
    if (needs_pseudo)
      sum =
          wire::pseudo_header(v4->source(), v4->destination(), v4->proto(), static_cast<std::uint32_t>(payload.size()));
    sum.add(payload);
    return v4->checksum_valid() && v4->total_length() == packet.size() && sum.is_valid();
  }
  const auto v6 = wire::Ipv6View::parse(packet);
  if (!v6) return false;
  const Bytes payload = behind(packet, wire::ipv6_header_bytes);
  wire::Sum sum = wire::pseudo_header(v6->source(), v6->destination(), v6->next_header(),
                                      static_cast<std::uint32_t>(payload.size()));
  sum.add(payload);
  return v6->payload_length() == payload.size() && sum.is_valid();
}

}  // namespace millrace::test
