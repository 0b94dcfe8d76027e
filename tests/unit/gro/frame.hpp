// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>
#include <millrace/wire/dissect.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/tcp.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace millrace::test {

using Bytes = std::vector<std::uint8_t>;

// Out of line: where g++ 12 inlines it at -O3, it warns of bounds that are kept.
[[gnu::noinline]] inline void append(Bytes& to, const Bytes& more) { to.insert(to.end(), more.begin(), more.end()); }

/// A TCP frame as a test describes it; the defaults are those of a plain data segment. Its payload depends on seq
/// alone, so that the bytes of a stream are the same however it is cut.
struct Frame {
  int family = 4;
  std::uint8_t source_host = 9;
  std::uint8_t destination_host = 1;
  std::uint16_t source_port = 1000;
  std::uint16_t destination_port = 2000;
  std::uint32_t seq = 1000;
  std::uint32_t ack = 1;
  std::uint8_t flags = wire::tcp_flag::ack;
  std::uint16_t window = 500;
  std::uint16_t urgent = 0;
  Bytes options;                             ///< of TCP, a multiple of 4
  std::size_t payload = 100;
  std::uint8_t ttl = 64;                     ///< or hop limit
  std::uint8_t tos = 0;                      ///< or traffic class
  std::uint16_t id = 1;
  std::uint16_t fragment_field = 0x4000;     ///< IPv4: DF alone
  Bytes ip_options;                          ///< of IPv4, a multiple of 4
  std::uint32_t flow_label = 0;
  Bytes extensions;                          ///< of IPv6: whole headers, the last names TCP
  std::uint8_t first_extension = wire::ip_proto::destination_options;
  std::uint8_t source_mac = 9;
  std::optional<std::uint16_t> vlan;         ///< tag in the frame
  Bytes trailer;                             ///< bytes behind the IP packet: Ethernet padding
  std::uint16_t tcp_sum_error = 0;           ///< added to the right checksum
  std::uint16_t ip_sum_error = 0;
  std::int16_t ip_length_error = 0;

  [[nodiscard]] IpAddress address(std::uint8_t host) const {
    if (family == 4) return IpAddress::v4(10, 77, 0, host);
    return IpAddress{{0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host}};
  }
  [[nodiscard]] Bytes bytes() const {
    Bytes frame = layer2();
    append(frame, layer3(layer4()));
    append(frame, trailer);
    return frame;
  }

 private:
  [[nodiscard]] Bytes layer2() const {
    const std::uint16_t type = family == 4 ? wire::ethertype::ipv4 : wire::ethertype::ipv6;
    Bytes out(wire::ethernet_header_bytes);
    const wire::EthernetHeader header{{{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, source_mac}}, vlan ? wire::ethertype::vlan : type};
    wire::emit(header, out.data());
    if (vlan) {
      Bytes tag(wire::vlan_tag_bytes);
      store_be16(tag.data(), *vlan);
      store_be16(tag.data() + 2, type);
      append(out, tag);
    }
    return out;
  }
  [[nodiscard]] Bytes layer4() const {
    Bytes out(wire::tcp_header_bytes);
    wire::TcpHeader header{.source_port = source_port, .destination_port = destination_port, .seq = seq, .ack = ack};
    header.header_length = static_cast<std::uint8_t>(wire::tcp_header_bytes + options.size());
    header.flags = flags;
    header.window = window;
    header.urgent = urgent;
    wire::emit(header, out.data());
    append(out, options);
    for (std::size_t i = 0; i < payload; ++i) {
      const auto at = static_cast<std::uint32_t>(seq + i);
      out.push_back(static_cast<std::uint8_t>(at * 7 + (at >> 8)));
    }
    wire::Sum sum = wire::pseudo_header(address(source_host), address(destination_host), wire::ip_proto::tcp,
                                        static_cast<std::uint32_t>(out.size()));
    sum.add(out);
    wire::set_tcp_checksum(out.data(), static_cast<std::uint16_t>(sum.checksum() + tcp_sum_error));
    return out;
  }
  [[nodiscard]] Bytes layer3(const Bytes& segment) const {
    Bytes out;
    if (family == 4) {
      out.resize(wire::ipv4_header_bytes);
      wire::Ipv4Header header{.source = address(source_host), .destination = address(destination_host)};
      header.id = id;
      header.tos = tos;
      header.ttl = ttl;
      header.proto = wire::ip_proto::tcp;
      wire::emit(header, out.data());
      append(out, ip_options);
      out[0] = static_cast<std::uint8_t>(0x40 | out.size() / 4);
      store_be16(out.data() + 2, static_cast<std::uint16_t>(out.size() + segment.size() + static_cast<std::size_t>(ip_length_error)));
      store_be16(out.data() + 6, fragment_field);
      store_be16(out.data() + 10, 0);
      store_be16(out.data() + 10, static_cast<std::uint16_t>(wire::checksum(out) + ip_sum_error));
    } else {
      out.resize(wire::ipv6_header_bytes);
      wire::Ipv6Header header{.source = address(source_host), .destination = address(destination_host), .flow_label = flow_label};
      header.payload_length = static_cast<std::uint16_t>(extensions.size() + segment.size() + static_cast<std::size_t>(ip_length_error));
      header.traffic_class = tos;
      header.next_header = extensions.empty() ? wire::ip_proto::tcp : first_extension;
      header.hop_limit = ttl;
      wire::emit(header, out.data());
      append(out, extensions);
    }
    append(out, segment);
    return out;
  }
};

/// Fills Meta as the poll loop does before GRO.
inline void dissect_into_meta(pkt::Packet& packet) {
  const wire::Layers layers = wire::dissect(std::as_const(packet).data());
  pkt::Meta& meta = packet.meta();
  meta.l3_offset = layers.l3_offset;
  meta.l4_offset = layers.l4_offset;
  meta.payload_offset = layers.payload_offset;
  meta.ethertype = layers.ethertype;
  meta.l4_proto = layers.l4_proto;
}

/// The frames of which GRO made a merged packet, or a single frame as it is. `bytes` is the packet's whole chain.
inline std::vector<Bytes> split(const Bytes& bytes, const pkt::Meta& meta) {
  if (meta.gso_segs <= 1) return {bytes};
  std::vector<Bytes> frames;
  const bool v4 = meta.ethertype == wire::ethertype::ipv4;
  const std::size_t addresses = v4 ? 8 : 32;
  for (std::size_t at = meta.payload_offset, i = 0; at < bytes.size(); at += meta.gso_size, ++i) {
    const std::size_t end = std::min<std::size_t>(at + meta.gso_size, bytes.size());
    Bytes f(bytes.begin(), bytes.begin() + meta.payload_offset);
    f.insert(f.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.begin() + static_cast<std::ptrdiff_t>(end));
    std::uint8_t* ip = f.data() + meta.l3_offset;
    std::uint8_t* tcp = f.data() + meta.l4_offset;
    const auto ip_length = static_cast<std::uint16_t>(f.size() - meta.l3_offset);
    if (v4) {
      store_be16(ip + 2, ip_length);
      if (!meta.gso_fixed_id) store_be16(ip + 4, static_cast<std::uint16_t>(load_be16(ip + 4) + i));
      store_be16(ip + 10, 0);
      store_be16(ip + 10, wire::checksum({ip, wire::ipv4_header_bytes}));
    } else {
      store_be16(ip + 4, static_cast<std::uint16_t>(ip_length - wire::ipv6_header_bytes));
    }
    store_be32(tcp + 4, static_cast<std::uint32_t>(load_be32(tcp + 4) + (at - meta.payload_offset)));
    if (end != bytes.size()) tcp[13] &= static_cast<std::uint8_t>(~(wire::tcp_flag::fin | wire::tcp_flag::psh));
    store_be16(tcp + 16, 0);
    wire::Sum sum;
    sum.add({v4 ? ip + 12 : ip + 8, addresses});
    sum.add_be32(static_cast<std::uint32_t>(f.size() - meta.l4_offset));
    sum.add_be16(wire::ip_proto::tcp);
    sum.add({tcp, f.size() - meta.l4_offset});
    store_be16(tcp + 16, sum.checksum());
    frames.push_back(std::move(f));
  }
  return frames;
}

/// What is wrong with the lengths and sums of a merged packet, once its TCP checksum is finished as a port would
/// finish it; null when nothing is.
inline const char* fault_of_merged(Bytes bytes, const pkt::Meta& meta) {
  std::uint8_t* ip = bytes.data() + meta.l3_offset;
  std::uint8_t* tcp = bytes.data() + meta.l4_offset;
  const std::size_t ip_length = bytes.size() - meta.l3_offset;
  const std::size_t tcp_length = bytes.size() - meta.l4_offset;
  const bool v4 = meta.ethertype == wire::ethertype::ipv4;
  if (meta.checksum != pkt::ChecksumVerdict::good) return "verdict";
  if (meta.gso_size == 0) return "gso_size";
  if ((bytes.size() - meta.payload_offset + meta.gso_size - 1) / meta.gso_size != meta.gso_segs) return "gso_segs";
  if (v4 && load_be16(ip + 2) != ip_length) return "IPv4 total length";
  if (v4 && wire::checksum({ip, wire::ipv4_header_bytes}) != 0) return "IPv4 header checksum";
  if (!v4 && load_be16(ip + 4) + wire::ipv6_header_bytes != ip_length) return "IPv6 payload length";
  wire::Sum partial;
  partial.add({tcp, tcp_length});
  store_be16(tcp + 16, partial.checksum());
  wire::Sum whole;
  whole.add({v4 ? ip + 12 : ip + 8, v4 ? std::size_t{8} : std::size_t{32}});
  whole.add_be32(static_cast<std::uint32_t>(tcp_length));
  whole.add_be16(wire::ip_proto::tcp);
  whole.add({tcp, tcp_length});
  return whole.is_valid() ? nullptr : "TCP checksum";
}

}  // namespace millrace::test
