// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>
#include <millrace/stack/ip/transport.hpp>

#include <cstdint>

namespace millrace::ip {

/// Who sees received IP packets before their transport does. raw::Raw, which stands above, implements it.
class RawReceiver {
 public:
  virtual ~RawReceiver() = default;
  /// Whether receive() is worth a call: nobody else pays for raw sockets.
  [[nodiscard]] bool is_listening() const { return is_listening_; }
  /// raw_local_deliver(): a packet for this host, data() at its IP header, its payload `header_bytes` behind; it stays as it is.
  /// Whether anybody took a copy.
  virtual bool receive(const pkt::Packet& packet, std::uint16_t header_bytes, std::uint8_t proto, const Delivery& delivery) = 0;
  /// ping_rcv(): an ICMP or ICMPv6 echo reply, verified, data() at its ICMP header. Takes it, or leaves it there.
  virtual void receive_echo_reply(pkt::Packet& message, const Delivery& delivery) = 0;
  /// ping_err(): an ICMP error about a message that this host sent.
  virtual void error(const ErrorReport& report) = 0;

 protected:
  bool is_listening_ = false;
};

}  // namespace millrace::ip
