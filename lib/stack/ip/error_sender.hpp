// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>
#include <millrace/stack/ip/transport.hpp>

#include <cstdint>

namespace millrace::ip {

/// What is wrong with a received packet, for the ICMP error about it.
struct Problem {
  ErrorKind kind;
  std::uint32_t info = 0;  ///< packet_too_big: the MTU; parameter_problem and IPv6 protocol_unreachable: the pointer
  std::uint8_t code = 0;   ///< parameter_problem, time_exceeded: its code
};

/// Sends ICMP errors for IP. icmp::Icmp, which stands above, implements it.
class ErrorSender {
 public:
  virtual ~ErrorSender() = default;
  /// Tells the sender of `packet` of the problem, unless the rules or the rate limit forbid it. The packet's IP header
  /// begins `header_bytes` before its data(); the packet stays with the caller.
  virtual void send_error(const pkt::Packet& packet, std::uint16_t header_bytes, const Problem& problem) = 0;
  /// Tells the sender of `packet`, data() at its IP header, that `next_hop` is on the link that it came in by: the destination
  /// itself, or a better router. Unless the rules forbid it, or the sender has not listened.
  virtual void send_redirect(const pkt::Packet& packet, neighbor::Interface& in, const IpAddress& next_hop) = 0;
};

}  // namespace millrace::ip
