// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/base/time.hpp>
#include <millrace/bpf/filter.hpp>
#include <millrace/stack/socket/callback.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace millrace::raw {
class Raw;
class Socket;
}  // namespace millrace::raw

namespace millrace::socket {

class Sockets;

/// What comes beside the bytes of a packet that a raw or ping socket has read.
struct RawControl {
  IpAddress from{};
  IpAddress destination{};
  std::uint8_t hop_limit = 0;
  std::uint8_t traffic_class = 0;
  std::uint16_t ifindex = 0;  ///< by which interface it came (Engine::ifindex)
  Instant timestamp{};        ///< when it was received, by the engine's clock
};

/// A raw socket (SOCK_RAW) or a ping socket (SOCK_DGRAM with IPPROTO_ICMP or IPPROTO_ICMPV6) on one lcore; every call and
/// callback happens there. Results are POSIX's. Lives until close(). A raw socket sees a copy of each packet of its protocol
/// for this host that its lcore processes: over IPv4 with the IP header, over IPv6 without. A ping socket sees the replies to
/// its own requests, whichever lcore receives them, from their ICMP header on (receive_path L8, L10).
class RawSocket {
 public:
  /// Called when something has arrived, or an ICMP error for a ping socket.
  void on_readable(std::function<void(RawSocket&)> function) { on_readable_.set(std::move(function)); }
  /// The next packet: copies what fits, returns its whole length. -EAGAIN: none waits; or what ICMP said of a request:
  /// -EHOSTUNREACH, -ECONNREFUSED...
  std::int64_t receive_from(std::span<std::uint8_t> into, RawControl& control);
  /// Sends one: behind an IP header that the stack makes, or, with set_header_included(), as it is (length, checksum and, where
  /// they are 0, identification and source are filled in, as on Linux). A ping socket takes an ICMP echo request, of which the
  /// stack sets identifier and checksum. The count, or -EMSGSIZE, -EINVAL, -ENETUNREACH, -EHOSTUNREACH, -ENOBUFS, -EAFNOSUPPORT.
  std::int64_t send_to(std::span<const std::uint8_t> bytes, const IpAddress& to);
  /// Only what is sent to that own address is received, and what is sent comes from it. 0, -EADDRNOTAVAIL, -EAFNOSUPPORT.
  int bind(const IpAddress& local);
  /// Only what comes from there is received. 0 or -EAFNOSUPPORT.
  int connect(const IpAddress& remote);
  /// IP_HDRINCL; on from the beginning for protocol 255 (IPPROTO_RAW). -ENOPROTOOPT: of IPv6 or a ping socket.
  int set_header_included(bool on);
  /// IP_TTL or IPV6_UNICAST_HOPS, 1..255; IP_TOS or IPV6_TCLASS. -EINVAL.
  int set_hop_limit(int hops);
  int set_traffic_class(int value);
  /// SO_RCVBUF, by the rules of doc/sockets.md.
  int set_rcvbuf(std::int64_t bytes);
  /// SO_ATTACH_FILTER: as UdpSocket::attach_filter(), from where this socket's data begins.
  [[nodiscard]] Result<void> attach_filter(std::span<const bpf::Instruction> program);
  /// A ping socket's identifier; 0 of others.
  [[nodiscard]] std::uint16_t ident() const;
  /// Packets that it lost: its queue was full, no buffer was free, or its filter did not want them.
  [[nodiscard]] std::uint64_t drops() const;
  void close();
  [[nodiscard]] Sockets& sockets() const { return sockets_; }

  /// Made by Sockets only.
  struct Ping {};
  RawSocket(Sockets& sockets, raw::Raw& raw, bool v6, std::uint8_t proto);
  RawSocket(Sockets& sockets, raw::Raw& raw, bool v6, Ping);
  ~RawSocket();
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

 private:
  friend class Sockets;
  class Events;

  Sockets& sockets_;
  raw::Raw& raw_;
  raw::Socket* socket_ = nullptr;
  std::unique_ptr<Events> events_;
  Callback<RawSocket&> on_readable_;
  FlowKey key_{};  ///< of a ping socket: by which other lcores know it
  std::size_t index_ = 0;
};

}  // namespace millrace::socket
