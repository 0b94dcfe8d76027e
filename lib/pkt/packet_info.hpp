// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/pkt/packet.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>
#include <optional>

namespace millrace::pkt {

/// What the IP header of a received datagram said, for sockets that want to be told (IP_PKTINFO, IP_RECVTOS, IP_RECVTTL and
/// their IPv6 kin). It lies in a field of the buffer that is registered once for the process, and only where it is asked for.
struct PacketInfo {
  IpAddress destination{};
  std::uint8_t traffic_class = 0;
  std::uint8_t hop_limit = 0;
};

/// Registers the field, if nobody has; EAL is up. ENOSPC or ENOMEM: there is no room for it.
[[nodiscard]] Result<void> register_packet_info();
/// The field is registered. Sets Meta::has_info.
void set_packet_info(Packet& packet, const PacketInfo& info);
/// Null: nobody asked when the packet came.
[[nodiscard]] std::optional<PacketInfo> packet_info(const Packet& packet);

}  // namespace millrace::pkt
