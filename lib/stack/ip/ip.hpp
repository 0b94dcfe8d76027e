// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/stack/group/filter.hpp>
#include <millrace/stack/ip/transport.hpp>

#include <optional>

namespace millrace::ip {

/// How much a transport may send as one packet of many segments (Meta::gso_size).
struct GsoLimits {
  std::uint32_t max_size = 65536;  ///< the IP packet stays below it
  std::uint16_t max_segs = 65535;
};

/// What a transport may ask of IP. One per lcore and stack; implemented by ip::Stack below it and by fakes in tests.
class Output {
 public:
  virtual ~Output() = default;
  /// Sends a datagram whose data() begins at the transport header, with pkt::headroom in front. The transport leaves
  /// its checksum field zero and sets Meta::tx_checksum; IP fills in its header, the offsets and the next hop. One of
  /// many segments has Meta::{gso_size, gso_segs} and, in payload_offset, the length of the transport header; each of its
  /// segments is held to the MTU.
  virtual SendVerdict send(pkt::Packet datagram, const SendHeader& header) = 0;
  /// Sends more, of one segment each, as the last of `path`'s was sent (SendHeader::path), all but their length: as many in order
  /// as can go so. The others stay in the list, and as they were.
  virtual void send_known(pkt::PacketList& datagrams, KnownPath& path) {
    static_cast<void>(datagrams);
    static_cast<void>(path);
  }
  /// Sends a whole IPv4 packet with pkt::headroom in front, its header in the first buffer: length, checksum and, where they
  /// are 0, identification and source are filled in; never cut.
  virtual SendVerdict send_whole(pkt::Packet packet, const IpAddress& destination) = 0;
  /// The local address from which `destination` is reached, or null when there is no route.
  [[nodiscard]] virtual std::optional<IpAddress> source_for(const IpAddress& destination) const = 0;
  /// Whether there is a way to `destination`: `sent`, or what send() would say for want of one.
  [[nodiscard]] virtual SendVerdict way_to(const IpAddress& destination) const {
    return source_for(destination) ? SendVerdict::sent : SendVerdict::no_route;
  }
  /// Largest IP packet towards `destination`, bytes, IP header included (path MTU where one is known).
  [[nodiscard]] virtual std::uint32_t mtu_for(const IpAddress& destination) const = 0;
  /// The same without what is known of the path: what may come from there (Linux: advmss).
  [[nodiscard]] virtual std::uint32_t link_mtu_for(const IpAddress& destination) const { return mtu_for(destination); }
  /// ICMP says that a packet to `destination` was too big for a link that takes `mtu`, and the caller found that it was ours
  /// (RFC 5927). mtu_for() answers so from now on, for net.ipv4.route.mtu_expires.
  virtual void learn_path_mtu(const IpAddress& destination, std::uint32_t mtu) {
    static_cast<void>(destination);
    static_cast<void>(mtu);
  }
  [[nodiscard]] virtual GsoLimits gso_limits_for(const IpAddress&) const { return {}; }
  /// Where the packets of a flow will be received, as far as RSS is known (receive_path F22): by this lcore, or another.
  enum class Leads : std::uint8_t { unknown, here, elsewhere };
  [[nodiscard]] virtual Leads leads(const FlowKey&) const { return Leads::unknown; }
  /// Bytes that a flow has in a tx queue whose device is behind (receive_path I5).
  [[nodiscard]] virtual std::uint32_t queued_bytes(const FlowKey&) const { return 0; }
  /// True when `address` is one of this stack's own.
  [[nodiscard]] virtual bool is_local(const IpAddress& address) const = 0;
  /// True for the IPv4 broadcast addresses of this stack's links.
  [[nodiscard]] virtual bool is_broadcast(const IpAddress& address) const {
    return address == IpAddress::v4(255, 255, 255, 255);
  }
  /// Answers a received datagram (data() at its transport header) with an ICMP port unreachable, rate limited.
  virtual void send_port_unreachable(const pkt::Packet& datagram, const Delivery& delivery) = 0;
  /// An ICMP error quotes a packet to `remote` that no socket has sent: Icmp's or Icmp6's InErrors.
  virtual void count_unclaimed_error(const IpAddress& remote) { static_cast<void>(remote); }
  /// On which interface a group is joined, or sent to: the one of that number or, where it is 0, the one by which the group is
  /// reached. Null: none.
  [[nodiscard]] virtual neighbor::Interface* group_interface(const IpAddress&, std::uint16_t) const { return nullptr; }
  /// From now on the listener, a socket by its number, wants that of the group; nothing: it leaves. 0 or -errno.
  virtual int join_group(neighbor::Interface&, const IpAddress&, std::uint64_t, group::Filter) { return 0; }
  /// Which UDP socket a flow's datagrams are for may have changed: what Delivery::found was told is forgotten.
  virtual void forget_flows() {}
  /// Hears that `destination` really received something (RFC 4861 section 7.3.1): keeps its neighbour reachable.
  virtual void confirm_reachable(const IpAddress& destination) = 0;
};

}  // namespace millrace::ip
