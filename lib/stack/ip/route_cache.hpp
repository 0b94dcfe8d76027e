// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/neighbor/interface.hpp>

#include <cstdint>

namespace millrace::ip {

/// Where what a socket sends from one address to another leaves (sk_dst_cache). The socket keeps it, ip::Stack fills it in
/// and asks anew once a route or an address has changed.
struct RouteCache {
  neighbor::Interface* interface = nullptr;
  IpAddress next_hop{};
  IpAddress source{};            ///< the route's
  std::uint64_t generation = 0;  ///< of routes and addresses when it was found; 0: never
};

/// That packets of a flow that come in by an interface are for this host, and from where they may come (sk_rx_dst).
struct ReceiveRoute {
  std::uint64_t generation = 0;
  std::uint16_t ifindex = 0;
};

/// That fragments between two IPv4 addresses are for this host, and may come by that interface: most follow one like them.
struct FragmentRoute {
  std::uint64_t addresses = 0;  ///< as the header has them
  std::uint16_t ifindex = 0;
  std::uint64_t generation = 0;
  bool operator==(const FragmentRoute&) const = default;
};

/// A packet's ends as the socket lookup sees them.
struct EarlyFlow {
  IpAddress local;
  IpAddress remote;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
};

/// The established socket of a flow, which its protocol finds before the packet is routed (receive_path H3).
struct Demuxed {
  void* socket = nullptr;         ///< the protocol's own; null: there is none
  ReceiveRoute* route = nullptr;  ///< what the socket knows of the way in
};

/// net.ipv4.ip_early_demux, and tcp_early_demux and udp_early_demux beneath it; of both versions.
struct EarlyDemux {
  bool tcp = true;
  bool udp = true;
};

}  // namespace millrace::ip
