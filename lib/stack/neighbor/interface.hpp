// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>
#include <millrace/steer/rx_placement.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::neighbor {

/// Where an interface's finished frames go. The runtime implements it over a tx queue; tests over a vector.
class LinkOutput {
 public:
  virtual ~LinkOutput() = default;
  /// Takes a whole Ethernet frame whose Meta::{l3_offset, l4_offset, l4_proto, tx_checksum} are set. Never blocks; a
  /// frame that cannot go is dropped there with its reason.
  virtual void transmit(pkt::Packet frame) = 0;
  /// The same of each, in order.
  virtual void transmit_list(pkt::PacketList& frames) {
    while (pkt::Packet frame = frames.pop_front()) transmit(std::move(frame));
  }
  /// Bytes of that flow that wait there since the device is behind.
  [[nodiscard]] virtual std::uint32_t queued_bytes(const FlowKey&) const { return 0; }
};

/// One lcore's view of a network interface of a stack. Its addresses are the same on every lcore.
struct Interface {
  std::uint16_t ifindex = 0;
  std::string name;
  MacAddress mac;
  std::uint32_t mtu = 1500;
  bool is_loopback =
      false;  ///< IFF_LOOPBACK: all of 127.0.0.0/8 is its own, and nobody needs to be asked for an address
  std::uint32_t gso_max_size = 65536;  ///< dev->gso_max_size: an IP packet of many segments stays below it
  std::uint16_t gso_max_segs = 65535;
  std::vector<IpPrefix> addresses;  ///< IPv6 link-local included
  IpAddress broadcast{};            ///< ifa_broadcast of a lease, beside those of the prefixes; unspecified: none
  bool speaks = true;  ///< of the lcores that share the interface it is this one that says unasked what concerns all
  bool autoconf = false;            ///< configures its IPv6 itself, and reports its solicited-node groups unasked
  std::vector<IpAddress> deprecated;  ///< of the addresses: nothing is begun with them if there are others (RFC 4862 section 5.5.4)
  // What a router says (RFC 4861 section 6.3.4); 0: nothing.
  std::uint8_t hop_limit_v6 = 0;
  std::uint32_t mtu_v6 = 0;
  Duration base_reachable{0};
  Duration retrans{0};
  LinkOutput* output = nullptr;
  const steer::RxPlacementPointer* rx_placement = nullptr;  ///< where its port's RSS brings flows; null: not told

  [[nodiscard]] bool has_address(const IpAddress& address) const {
    if (is_loopback && address.is_loopback()) return true;
    for (const IpPrefix& own : addresses)
      if (own.address == address) return true;
    return false;
  }
  [[nodiscard]] std::uint32_t mtu_of(bool v4) const { return v4 || mtu_v6 == 0 ? mtu : mtu_v6; }
};

}  // namespace millrace::neighbor
