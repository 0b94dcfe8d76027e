// SPDX-License-Identifier: BSD-3-Clause
// Addresses that need no asking: group addresses and one's own. Called by the neighbour table and by ip.
#include <millrace/stack/neighbor/link_address.hpp>

#include <millrace/wire/ethernet.hpp>

namespace millrace::neighbor {

bool is_broadcast(const Interface& interface, const IpAddress& address) {
  if (!address.is_v4()) return false;
  const std::uint32_t number = address.v4_number();
  // Of prefixes that have one, at least two bits are the host's: most addresses are told by that.
  if ((number & 3) != 3 && address != interface.broadcast) return false;
  if (number == 0xffffffff || (address == interface.broadcast && number != 0)) return true;
  for (const IpPrefix& own : interface.addresses) {
    if (!own.address.is_v4() || own.length >= 31) continue;
    const std::uint32_t host_bits = own.length == 0 ? 0xffffffff : (1u << (32 - own.length)) - 1;
    if (number == (own.address.v4_number() | host_bits)) return true;
  }
  return false;
}

std::optional<MacAddress> group_mac(const Interface& interface, const IpAddress& address) {
  if (address.is_multicast()) return wire::multicast_mac(address);
  if (is_broadcast(interface, address)) return broadcast_mac;
  return std::nullopt;
}

std::optional<IpAddress> own_address_towards(const Interface& interface, const IpAddress& destination) {
  // ff02::/16 is of link-local scope (RFC 4291 section 2.7).
  const bool wants_link_local = destination.is_link_local() || (!destination.is_v4() && destination.is_multicast() &&
                                                                (destination.bytes[1] & 15) <= 2);
  const IpPrefix* best = nullptr;
  int best_rank = 0;
  for (const IpPrefix& own : interface.addresses) {
    if (own.address.is_v4() != destination.is_v4()) continue;
    const int rank = 1 + 2 * (own.address.is_link_local() == wants_link_local) + (own.contains(destination) ? 1 : 0);
    if (rank > best_rank) {
      best = &own;
      best_rank = rank;
    }
  }
  if (best == nullptr) return std::nullopt;
  return best->address;
}

}  // namespace millrace::neighbor
