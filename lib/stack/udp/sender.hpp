// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>
#include <millrace/wire/address.hpp>

#include <cstring>

namespace millrace::udp {

// Who sent a queued datagram stands in its Meta::cb, which is ours while it waits.
static_assert(sizeof(pkt::Meta::cb) >= sizeof(IpAddress) + sizeof(std::uint16_t));

inline void store_sender(pkt::Packet& payload, const IpAddress& address, std::uint16_t port) {
  auto* cb = reinterpret_cast<std::uint8_t*>(payload.meta().cb);
  std::memcpy(cb, address.bytes.data(), address.bytes.size());
  std::memcpy(cb + address.bytes.size(), &port, sizeof port);
}

[[nodiscard]] inline Endpoint load_sender(const pkt::Packet& payload) {
  Endpoint sender;
  const auto* cb = reinterpret_cast<const std::uint8_t*>(payload.meta().cb);
  std::memcpy(sender.address.bytes.data(), cb, sender.address.bytes.size());
  std::memcpy(&sender.port, cb + sender.address.bytes.size(), sizeof sender.port);
  return sender;
}

}  // namespace millrace::udp
