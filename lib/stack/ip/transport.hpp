// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>
#include <millrace/stack/ip/known_path.hpp>
#include <millrace/stack/ip/route_cache.hpp>
#include <millrace/stack/neighbor/interface.hpp>
#include <millrace/wire/address.hpp>

#include <cerrno>
#include <cstdint>
#include <span>

namespace millrace::ip {

/// What IP tells a transport protocol about a datagram that it delivers.
struct Delivery {
  IpAddress source;
  IpAddress destination;
  std::uint8_t hop_limit = 0;
  std::uint8_t traffic_class = 0;  ///< TOS or traffic class, ECN bits included
  neighbor::Interface* interface = nullptr;
  std::uint16_t header_bytes = 0;  ///< of IP, still lying in front of data(); 0: gone
  void* socket = nullptr;          ///< what early_demux() found, a moment ago
  void** found = nullptr;          ///< where UDP leaves the socket that it finds, for the flow's next datagrams; null: nowhere
};

enum class ErrorKind : std::uint8_t {
  net_unreachable, host_unreachable, protocol_unreachable, port_unreachable,
  prohibited, packet_too_big, time_exceeded, parameter_problem,
};

/// An ICMP error about a datagram that claims to come from here. Nothing in it is proven: transports check that
/// the quoted header fits what they have in flight (RFC 5927).
struct ErrorReport {
  ErrorKind kind;
  std::uint8_t type = 0;                            ///< of the ICMP message
  std::uint8_t code = 0;
  std::uint32_t mtu = 0;                            ///< packet_too_big only
  IpAddress local;                                  ///< source of the quoted datagram
  IpAddress remote;                                 ///< its destination
  IpAddress reporter;
  std::span<const std::uint8_t> transport_header;   ///< what was quoted of it, 8 bytes or more
};

/// A protocol above IP, as inet_protos[] holds it: registered with Ip::add_protocol for IPv4 and IPv6 at once.
class Transport {
 public:
  virtual ~Transport() = default;
  /// Takes a datagram whose data() begins at the transport header; its Meta offsets still count from the frame's
  /// start and must not be used. length() is exactly the IP payload. May be a merged packet (Meta::gso_size).
  virtual void receive(pkt::Packet datagram, const Delivery& delivery) = 0;
  /// Datagrams of flows whose last one led to `socket`, told by Delivery::found; of one family, in order. data() at the frame, of
  /// which Meta's offsets are right and the IP header is plain and has been verified; it takes them all.
  virtual void receive_known(void* /*socket*/, pkt::PacketList& /*frames*/) {}
  virtual void error(const ErrorReport& report) = 0;
  /// inet_protos[].early_demux: the socket that is connected to the flow's other end.
  [[nodiscard]] virtual Demuxed early_demux(const EarlyFlow&) { return {}; }
};

inline constexpr std::uint32_t largest_packet = 65535;  ///< bytes: what a length of 16 bits says

struct SentOptions;

/// How a transport wants a datagram sent.
struct SendHeader {
  IpAddress source;
  IpAddress destination;
  std::uint8_t proto = 0;
  std::uint8_t hop_limit = 0;  ///< 0: the stack's default
  std::uint8_t traffic_class = 0;
  bool dont_fragment = true;  ///< IPv4 DF
  bool may_fragment = false;  ///< what is longer than the MTU is cut here, without DF; else it is too_big
  std::uint16_t ifindex = 0;  ///< of a group: the interface to send it by; 0: by which it is reached
  bool loops = false;         ///< of a group: this host hears it, too, if it listens
  KnownPath* path = nullptr;    ///< where to leave how it was sent; null: nowhere
  RouteCache* route = nullptr;  ///< of a socket that sends from `source` to `destination` only
  SentOptions* options = nullptr;  ///< IPv4's, which send() fills in; null: none
  bool link_mtu_only = false; ///< what is known of the path does not count: for probes, and for TCP, which learns by its own loss
};

/// What became of a datagram given to Ip::send. Anything but `sent` was dropped there with its reason and counted.
enum class SendVerdict : std::uint8_t {
  sent,
  no_route,
  blackhole, host_unreachable, prohibited,  ///< a route says so, by its type
  too_big,
  no_buffer,
  denied,  ///< by a hook
};

/// What a socket's user is told of it (fib_props[].error for routes); 0: it was sent.
[[nodiscard]] constexpr int errno_of(SendVerdict verdict) {
  switch (verdict) {
    case SendVerdict::sent: return 0;
    case SendVerdict::no_route: return ENETUNREACH;
    case SendVerdict::blackhole: return EINVAL;
    case SendVerdict::host_unreachable: return EHOSTUNREACH;
    case SendVerdict::prohibited: return EACCES;
    case SendVerdict::too_big: return EMSGSIZE;
    case SendVerdict::no_buffer: return ENOBUFS;
    case SendVerdict::denied: return EPERM;
  }
  return EINVAL;
}

}  // namespace millrace::ip
