// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/bpf/filter.hpp>
#include <millrace/pkt/packet.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>
#include <memory>

namespace millrace::raw {

class Socket;

/// What a socket's user hears, on the socket's lcore. It may call anything of Raw, close() of this socket included.
class Events {
 public:
  virtual ~Events() = default;
  /// Something was queued: once for each packet.
  virtual void on_readable(Socket& socket) = 0;
};

/// A raw socket (SOCK_RAW), or a ping socket (SOCK_DGRAM with IPPROTO_ICMP or IPPROTO_ICMPV6). Its state is changed by Raw
/// alone, on one lcore.
class Socket {
 public:
  [[nodiscard]] bool is_v6() const { return v6_; }
  [[nodiscard]] bool is_ping() const { return ping_; }
  /// The IP protocol of what it receives and sends.
  [[nodiscard]] std::uint8_t proto() const { return proto_; }
  /// A ping socket's identifier, which its requests and their replies bear; chosen when it was opened.
  [[nodiscard]] std::uint16_t ident() const { return ident_; }
  [[nodiscard]] const IpAddress& local() const { return local_; }
  [[nodiscard]] const IpAddress& remote() const { return remote_; }
  [[nodiscard]] std::uint32_t rmem() const { return rmem_; }
  [[nodiscard]] std::uint64_t drops() const { return drops_; }

  std::uint32_t rcvbuf = 212992;  ///< truesize that may wait to be read; the test comes before the charge, as with UDP
  bool header_included = false;   ///< IP_HDRINCL: what is sent begins with an IPv4 header of the sender's own
  std::uint8_t hop_limit = 0;     ///< 0: the stack's default
  std::uint8_t traffic_class = 0;
  std::shared_ptr<const bpf::Filter> filter{};  ///< SO_ATTACH_FILTER: from where the socket's data begins

 private:
  friend class Raw;
  bool v6_ = false;
  bool ping_ = false;
  std::uint8_t proto_ = 0;
  std::uint16_t ident_ = 0;
  int error_ = 0;
  IpAddress local_;
  IpAddress remote_;
  std::uint32_t rmem_ = 0;
  std::uint64_t drops_ = 0;
  Events* events_ = nullptr;
  pkt::PacketList queue_;
};

}  // namespace millrace::raw
