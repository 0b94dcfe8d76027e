// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <array>
#include <cstdint>

namespace millrace::neighbor {
struct Entry;
struct Interface;
}  // namespace millrace::neighbor

namespace millrace::ip {

/// How the last datagram from a socket to a destination was sent: its IP header and its neighbour. The next one like it needs
/// neither route nor source nor neighbour looked up: sk_dst_cache and hh_cache in one. The socket keeps it, ip::Stack fills it
/// in and finds it out of date once a route or an address has changed.
struct KnownPath {
  using Header = std::array<std::uint8_t, 40>;
  std::uint64_t generation = 0;  ///< of routes and addresses; 0: nothing is known
  neighbor::Interface* interface = nullptr;
  neighbor::Entry* neighbor = nullptr;  ///< was that of next_hop
  IpAddress next_hop{};
  IpAddress destination{};
  Header header{};                  ///< of IP; of what changes with each packet it has the first one's
  std::uint16_t* next_id = nullptr; ///< the flow's counter; null: each packet's is 0
  std::uint8_t header_bytes = 0;
  std::uint8_t hop_limit = 0;  ///< 0: the stack's default
  bool link_mtu_only = false;
};

}  // namespace millrace::ip
