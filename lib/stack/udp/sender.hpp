// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>
#include <millrace/wire/address.hpp>

#include <array>
#include <bit>
#include <cstring>

namespace millrace::udp {

// Who sent a queued datagram stands in its Meta::cb, which is ours while it waits.
static_assert(sizeof(pkt::Meta::cb) >= sizeof(IpAddress) + sizeof(std::uint16_t));
inline constexpr std::uint32_t v4_prefix = std::bit_cast<std::uint32_t>(std::array<std::uint8_t, 4>{0, 0, 0xff, 0xff});  // of its third word

inline void store_sender(pkt::Meta& meta, const IpAddress& address, std::uint16_t port) {
  auto* cb = reinterpret_cast<std::uint8_t*>(meta.cb);
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

[[nodiscard]] inline bool is_sender_v4(const pkt::Meta& meta) { return (meta.cb[0] | meta.cb[1]) == 0 && meta.cb[2] == v4_prefix; }

}  // namespace millrace::udp
