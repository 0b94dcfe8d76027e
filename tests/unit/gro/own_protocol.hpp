// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/unit/gro/frame.hpp"

#include <millrace/wire/packet_offload.hpp>

namespace millrace::test {

/// An example of a protocol of an application's own: numbered packets with a checksum over header and payload.
///
///   0 flow (2)   2 flags (2)   4 number (4)   8 payload length (2)   10 checksum (2)
struct OwnPacket {
  static constexpr std::size_t header = 12;
  static constexpr std::uint16_t last = 1, query = 2;  ///< flags
  static constexpr std::uint16_t ethertype = 0x88b5;   ///< IEEE 802: local experiments
  static constexpr std::uint8_t ip_proto = 253;        ///< RFC 3692: experiments

  int family = 0;  ///< 4 or 6; 0: directly over Ethernet
  std::uint16_t flow = 7;
  std::uint16_t flags = 0;
  std::uint32_t number = 0;
  std::size_t payload = 1000;
  std::uint16_t id = 1;            ///< IPv4's
  std::uint8_t ttl = 64;
  std::uint8_t source_host = 9;
  std::uint8_t source_mac = 9;
  std::uint8_t destination_mac = 1;
  std::uint16_t fragment_field = 0x4000;
  std::size_t padding = 0;

  [[nodiscard]] Bytes own() const {
    Bytes out(header);
    store_be16(&out[0], flow);
    store_be16(&out[2], flags);
    store_be32(&out[4], number);
    store_be16(&out[8], static_cast<std::uint16_t>(payload));
    for (std::size_t i = 0; i < payload; ++i) out.push_back(static_cast<std::uint8_t>(number * 31 + i));
    store_be16(&out[10], wire::checksum(out));
    return out;
  }
  [[nodiscard]] Bytes bytes() const {
    Bytes out(wire::ethernet_header_bytes);
    const std::uint16_t type = family == 4 ? wire::ethertype::ipv4 : family == 6 ? wire::ethertype::ipv6 : ethertype;
    wire::emit(wire::EthernetHeader{{{2, 0, 0, 0, 0, destination_mac}}, {{2, 0, 0, 0, 0, source_mac}}, type}, out.data());
    const Bytes inner = own();
    if (family == 4) append(out, ipv4(inner.size()));
    if (family == 6) append(out, ipv6(inner.size()));
    append(out, inner);
    out.resize(out.size() + padding);
    return out;
  }

 private:
  [[nodiscard]] Bytes ipv4(std::size_t length) const {
    Bytes out(wire::ipv4_header_bytes);
    wire::Ipv4Header ip{.source = IpAddress::v4(10, 77, 0, source_host), .destination = IpAddress::v4(10, 77, 0, 1)};
    ip.total_length = static_cast<std::uint16_t>(out.size() + length);
    ip.id = id;
    ip.ttl = ttl;
    ip.proto = ip_proto;
    wire::emit(ip, out.data());
    store_be16(&out[6], fragment_field);
    store_be16(&out[10], 0);
    store_be16(&out[10], wire::checksum(out));
    return out;
  }
  [[nodiscard]] Bytes ipv6(std::size_t length) const {
    Bytes out(wire::ipv6_header_bytes);
    wire::Ipv6Header ip{.source = {{0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, source_host}},
                        .destination = {{0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};
    ip.payload_length = static_cast<std::uint16_t>(length);
    ip.next_header = ip_proto;
    ip.hop_limit = ttl;
    wire::emit(ip, out.data());
    return out;
  }
};

/// How that protocol is merged and cut.
inline wire::PacketOffload own_offload(wire::PacketOffload::Key key) {
  using Action = wire::GroReceived::Action;
  const auto sum_of = [](std::span<const std::uint8_t> header, wire::Pieces payload) {
    wire::Sum sum;
    sum.add(header);
    for (const auto& piece : payload) sum.add(piece);
    return sum;
  };
  wire::PacketOffload offload{.key = key, .type = key == wire::PacketOffload::Key::ethertype ? OwnPacket::ethertype : std::uint16_t{OwnPacket::ip_proto}};
  offload.gro_receive = [sum_of](wire::Pieces packet) -> wire::GroReceived {
    const auto first = packet[0];
    if (first.size() < OwnPacket::header) return {};
    std::size_t length = 0;
    for (const auto& piece : packet) length += piece.size();
    wire::GroReceived seen{.flow = load_be16(&first[0]), .header = OwnPacket::header};
    const std::uint16_t flags = load_be16(&first[2]);
    if (load_be16(&first[8]) + OwnPacket::header != length || !sum_of({}, packet).is_valid()) return seen;
    seen.action = (flags & OwnPacket::query) != 0 ? Action::consume : Action::merge;
    seen.is_last = (flags & OwnPacket::last) != 0;
    return seen;
  };
  offload.gro_follows = [](const wire::GroTrain& held, std::span<const std::uint8_t> header) {
    if (load_be32(&header[4]) != load_be32(&held.header[4]) + held.segments) return false;
    held.header[3] |= header[3];
    return true;
  };
  offload.gro_complete = [](const wire::GroTrain& train) {
    store_be16(&train.header[8], static_cast<std::uint16_t>(train.payload));
  };
  offload.gso_segment = [sum_of](std::span<std::uint8_t> header, const wire::GsoSegment& segment) {
    std::size_t length = 0;
    for (const auto& piece : segment.payload) length += piece.size();
    store_be32(&header[4], load_be32(&header[4]) + segment.index);
    store_be16(&header[8], static_cast<std::uint16_t>(length));
    if (!segment.is_last) header[3] &= 0xfe;
    store_be16(&header[10], 0);
    store_be16(&header[10], sum_of(header, segment.payload).checksum());
  };
  return offload;
}

}  // namespace millrace::test
