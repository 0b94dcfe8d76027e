// SPDX-License-Identifier: BSD-3-Clause
// Finds the layers of a frame. Called once per received packet, before GRO and steering; calls the views. The answers
// are those of Linux's eth_type_trans, skb_vlan_untag and flow dissector.
#include <millrace/wire/dissect.hpp>

#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/tcp.hpp>
#include <millrace/wire/udp.hpp>

#include <algorithm>

namespace millrace::wire {

namespace {

using Bytes = std::span<const std::uint8_t>;

bool is_vlan(std::uint16_t type) { return type == ethertype::vlan || type == ethertype::qinq; }

/// The EtherType behind the tags, 0 when a tag is cut off; notes the tags and what lies behind them in `layers`.
[[gnu::noinline]] std::uint16_t read_tags(Bytes frame, std::uint16_t type, Layers& layers) {
  layers.vlan_proto = type;
  while (is_vlan(type) && layers.vlan_tags < max_vlan_tags) {
    if (frame.size() < layers.l3_offset + vlan_tag_bytes) return 0;
    const std::uint8_t* const tag = frame.data() + layers.l3_offset;
    (layers.vlan_tags == 0 ? layers.vlan_tci : layers.inner_vlan_tci) = load_be16(tag);
    ++layers.vlan_tags;
    layers.l3_offset = static_cast<std::uint16_t>(layers.l3_offset + vlan_tag_bytes);
    type = load_be16(tag + 2);
  }
  return type;
}

/// Bytes of the TCP or UDP header at the front of `l4`, 0 when it does not lie whole there or it is another protocol.
inline std::size_t header_with_ports(std::uint8_t proto, Bytes l4) {
  if (proto == ip_proto::tcp) {
    const auto tcp = TcpView::parse(l4);
    return tcp ? tcp->header_length() : 0;
  }
  return proto == ip_proto::udp && l4.size() >= udp_header_bytes ? udp_header_bytes : 0;
}

/// `l4` begins at `offset` of the frame.
inline void read_transport(Bytes l4, std::size_t offset, std::uint8_t proto, std::uint8_t icmp, Layers& layers) {
  const std::size_t header_bytes = header_with_ports(proto, l4);
  if (header_bytes != 0) {
    layers.l4_offset = static_cast<std::uint16_t>(offset);
    layers.payload_offset = static_cast<std::uint16_t>(offset + header_bytes);
  } else if (proto == icmp && l4.size() >= icmp4_header_bytes) {
    layers.l4_offset = static_cast<std::uint16_t>(offset);
  }
}

inline void read_ipv4(Bytes l3, std::size_t offset, Layers& layers) {
  const auto ip = Ipv4View::parse(l3);
  if (!ip) return;
  const std::uint8_t proto = ip->proto();
  layers.l4_proto = proto;
  layers.is_fragment = ip->is_fragment();
  // What lies behind the datagram is padding, and no transport header may be read out of it.
  const std::size_t end = std::min<std::size_t>(l3.size(), ip->total_length());
  const std::size_t start = ip->header_length();
  if (ip->is_fragment() || end < start) return;
  read_transport({l3.data() + start, end - start}, offset + start, proto, ip_proto::icmp, layers);
}

[[gnu::noinline]] void read_extensions(Bytes datagram, std::size_t offset, Layers& layers) {
  const Ipv6Walk walk = walk_ipv6(datagram);
  layers.l4_proto = walk.proto;
  layers.is_fragment = walk.status == Ipv6Walk::Status::fragment;
  if (walk.status != Ipv6Walk::Status::complete) return;
  read_transport(datagram.subspan(walk.offset), offset + walk.offset, walk.proto, ip_proto::icmp6, layers);
}

inline void read_ipv6(Bytes l3, std::size_t offset, Layers& layers) {
  const auto ip = Ipv6View::parse(l3);
  if (!ip) return;
  const Bytes datagram(l3.data(), std::min(l3.size(), ipv6_header_bytes + ip->payload_length()));
  const std::uint8_t proto = ip->next_header();
  if (proto != ip_proto::tcp && proto != ip_proto::udp) return read_extensions(datagram, offset, layers);
  layers.l4_proto = proto;
  read_transport({datagram.data() + ipv6_header_bytes, datagram.size() - ipv6_header_bytes}, offset + ipv6_header_bytes,
                 proto, ip_proto::icmp6, layers);
}

}  // namespace

Layers dissect(Bytes frame) {
  Layers layers;
  if (frame.size() < ethernet_header_bytes) return layers;
  layers.l3_offset = ethernet_header_bytes;
  std::uint16_t type = load_be16(frame.data() + 12);
  if (is_vlan(type)) type = read_tags(frame, type, layers);
  if (type < ethertype_min) return layers;
  layers.ethertype = type;
  const std::size_t offset = layers.l3_offset;
  const Bytes l3(frame.data() + offset, frame.size() - offset);
  if (type == ethertype::ipv4) read_ipv4(l3, offset, layers);
  if (type == ethertype::ipv6) read_ipv6(l3, offset, layers);
  return layers;
}

FlowKey flow_key(Bytes frame, const Layers& layers) {
  FlowKey key;
  const Bytes l3 = frame.subspan(layers.l3_offset);
  if (layers.ethertype == ethertype::ipv4) {
    const auto ip = Ipv4View::parse(l3);
    if (!ip) return key;
    key.local = ip->destination();
    key.remote = ip->source();
  } else if (layers.ethertype == ethertype::ipv6) {
    const auto ip = Ipv6View::parse(l3);
    // An IPv4-mapped address would pass for an IPv4 flow of another's.
    if (!ip || ip->destination().is_v4() || ip->source().is_v4()) return key;
    key.local = ip->destination();
    key.remote = ip->source();
  } else {
    return key;
  }
  key.proto = layers.l4_proto;
  if (layers.payload_offset != 0) {
    key.remote_port = load_be16(frame.data() + layers.l4_offset);
    key.local_port = load_be16(frame.data() + layers.l4_offset + 2);
  }
  return key;
}

}  // namespace millrace::wire
