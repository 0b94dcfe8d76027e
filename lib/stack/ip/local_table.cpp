// SPDX-License-Identifier: BSD-3-Clause
// The local table. Called by ip::Stack; pure. fib_add_ifaddr of net/ipv4/fib_frontend.c (receive_path H4, H5).
#include <millrace/stack/ip/local_table.hpp>

#include <algorithm>
#include <bit>

namespace millrace::ip {

void LocalTable::rebuild(std::span<neighbor::Interface* const> interfaces) {
  std::size_t addresses = 1;
  for (const neighbor::Interface* interface : interfaces) addresses += 1 + 2 * interface->addresses.size();
  slots_.assign(std::bit_ceil(4 * addresses), {});
  mask_ = slots_.size() - 1;
  has_loopback_ = std::any_of(interfaces.begin(), interfaces.end(), [](const auto* i) { return i->is_loopback; });
  for (const neighbor::Interface* interface : interfaces)
    for (const IpPrefix& own : interface->addresses) add(own.address, Kind::local);
  add(IpAddress::v4(255, 255, 255, 255), Kind::broadcast);
  for (const neighbor::Interface* interface : interfaces) {
    if (interface->is_loopback) continue;
    if (!interface->broadcast.is_unspecified()) add(interface->broadcast, Kind::broadcast);
    for (const IpPrefix& own : interface->addresses) {
      if (!own.address.is_v4() || own.length >= 31) continue;  // RFC 3021
      IpAddress broadcast = own.address;
      store_be32(&broadcast.bytes[12], own.address.v4_number() | (own.length == 0 ? 0xffffffff : (1u << (32 - own.length)) - 1));
      add(broadcast, Kind::broadcast);
    }
  }
}

// What is there already stays what it is: an own address is no broadcast.
void LocalTable::add(const IpAddress& address, Kind kind) {
  std::size_t at = hash(address) & mask_;
  for (; slots_[at].kind != Kind::none; at = (at + 1) & mask_)
    if (slots_[at].address == address) return;
  slots_[at] = {address, kind};
}

}  // namespace millrace::ip
