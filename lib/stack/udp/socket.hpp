// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/list.hpp>
#include <millrace/bpf/filter.hpp>
#include <millrace/pkt/packet.hpp>
#include <millrace/stack/group/filter.hpp>
#include <millrace/stack/ip/known_path.hpp>
#include <millrace/stack/ip/route_cache.hpp>
#include <millrace/stack/udp/queued_error.hpp>
#include <millrace/wire/address.hpp>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace millrace::udp {

class Socket;

/// What a socket's user hears, on the socket's lcore, inside the call that brought it. It may call anything of Udp,
/// close() of this socket included.
class Events {
 public:
  virtual ~Events() = default;
  /// Datagrams were queued: once for those of a burst that follow one another, and again at once while it takes some and
  /// leaves others.
  virtual void on_readable(Socket& socket) = 0;
  /// udp_sock's encap_rcv, called where Socket::encap is on: a tunnel that lives in the socket (RFC 3948) sees each
  /// datagram before the queue does, its checksum verified, data() at its payload. It takes the datagram and returns
  /// null, or returns it for the queue. Unlike the others it may close no socket of this stack.
  virtual pkt::Packet encap_receive(Socket&, pkt::Packet payload, const Endpoint& /*from*/) { return payload; }
  /// An ICMP error ended something on a connected socket; the next call on the socket returns it, too.
  virtual void on_error(Socket& socket, int error) = 0;
};

/// What sockets of one lcore's stack may hold. Linux's tunables and their defaults.
struct Memory {
  std::uint32_t rmem_default = 212992;  ///< net.core.rmem_default: Socket::rcvbuf of new ones, bytes
  std::uint32_t wmem_default = 212992;  ///< net.core.wmem_default: Socket::sndbuf of new ones, bytes
  std::uint32_t rmem_min = 4096;        ///< net.ipv4.udp_rmem_min, bytes
  /// net.ipv4.udp_mem, pages of 4096 bytes: all sockets together hold the first at most; one that holds less than
  /// rmem_min may go on up to the third. The second means nothing, as in Linux.
  std::array<std::uint32_t, 3> pages{196608, 262144, 393216};
};
inline constexpr std::uint32_t page_bytes = 4096;

/// IP_PMTUDISC_*, Linux's numbers: whether what a socket sends bears DF (IPv4), and whether it is cut into fragments when it is
/// longer than the path takes, or refused with EMSGSIZE.
enum class MtuDiscover : std::uint8_t {
  dont = 0,          ///< no DF; cut
  want = 1,          ///< DF when it fits, else cut; as when never set
  require = 2,       ///< IP_PMTUDISC_DO: DF; refused
  probe = 3,         ///< as DO, but only the link's MTU counts
  by_interface = 4,  ///< IP_PMTUDISC_INTERFACE: no DF; refused when longer than the link's MTU
  omit = 5,          ///< no DF; cut when longer than the link's MTU
};

/// What a socket has to do with groups: the options IP_MULTICAST_* and IPV6_MULTICAST_*, of one family.
struct MulticastOptions {
  std::uint8_t hop_limit = 1;
  bool loop = true;           ///< what it sends is heard on this host, too
  bool all = true;            ///< it hears what comes to its port for groups that others joined
  std::uint16_t ifindex = 0;  ///< what it sends goes by that; 0: by which the group is reached
};

/// A group that a socket is in.
struct GroupMembership {
  IpAddress group;
  std::uint16_t ifindex = 0;
  group::Filter filter;
};

/// What the header of a datagram has from its socket.
struct SendOptions {
  std::uint8_t hop_limit = 0;
  std::uint8_t traffic_class = 0;
  MtuDiscover discover = MtuDiscover::want;
  bool operator==(const SendOptions&) const = default;
};

/// One UDP socket: a slot in Udp's table. Its state is changed by Udp alone, on one lcore.
class Socket {
 public:
  [[nodiscard]] bool is_open() const { return open_; }
  [[nodiscard]] bool is_bound() const { return local_.port != 0; }
  [[nodiscard]] bool is_connected() const { return remote_.port != 0; }
  [[nodiscard]] const Endpoint& local() const { return local_; }
  [[nodiscard]] const Endpoint& remote() const { return remote_; }
  /// Its number, of all sockets of the stack on all lcores; /proc/net/udp's inode.
  [[nodiscard]] std::uint64_t id() const { return id_; }
  /// Truesize of what waits to be read; /proc/net/udp's rx_queue.
  [[nodiscard]] std::uint32_t rmem() const { return rmem_; }
  [[nodiscard]] std::uint32_t waiting() const { return queue_.size(); }
  [[nodiscard]] std::uint64_t drops() const { return drops_; }
  [[nodiscard]] bool gro() const { return gro_; }
  [[nodiscard]] Events* events() const { return events_; }
  [[nodiscard]] const std::vector<GroupMembership>& groups() const { return groups_; }
  /// SO_INCOMING_NAPI_ID: where the last datagram was received; 0: none yet.
  [[nodiscard]] std::uint32_t napi_id() const { return napi_id_; }
  /// sk_rxhash: what steering called the flow of the last datagram; 0: not known.
  [[nodiscard]] std::uint32_t flow_hash() const { return flow_hash_; }
  /// SO_INCOMING_CPU: the lcore that queued the last datagram; -1: none yet.
  [[nodiscard]] int incoming_cpu() const { return incoming_cpu_; }

  std::uint32_t rcvbuf = Memory{}.rmem_default;  ///< SO_RCVBUF as accounted (Linux has doubled it by then)
  std::uint32_t sndbuf = Memory{}.wmem_default;  ///< SO_SNDBUF; nothing waits here to be sent, so it is told, no more
  bool reuse_address = false;             ///< SO_REUSEADDR: others that set it, too, may bind the same; before bind
  bool reuse_port = false;                ///< SO_REUSEPORT: the same, and such sockets share the flows by hash; before bind
  bool v6_only = false;                   ///< IPV6_V6ONLY: bound to ::, it does not take IPv4; before bind
  bool broadcast = false;                 ///< SO_BROADCAST: may send to a broadcast address
  bool wants_info = false;                ///< pkt::PacketInfo is kept with each datagram; the field is registered
  bool recv_err_v4 = false;               ///< IP_RECVERR: ICMP errors are queued, and told of an unconnected socket, too
  bool recv_err_v6 = false;               ///< IPV6_RECVERR
  std::shared_ptr<const bpf::Filter> filter{};  ///< SO_ATTACH_FILTER: sees each datagram from its UDP header on
  bool encap = false;                     ///< Events::encap_receive() sees its datagrams first
  std::uint16_t segment_size = 0;         ///< UDP_SEGMENT: what is longer goes as datagrams of this size; 0: off
  MtuDiscover mtu_discover = MtuDiscover::want;     ///< IP_MTU_DISCOVER
  MtuDiscover mtu_discover_v6 = MtuDiscover::want;  ///< IPV6_MTU_DISCOVER
  MulticastOptions multicast;             ///< of IPv4
  MulticastOptions multicast_v6;
  std::uint8_t hop_limit = 0;             ///< IP_TTL; 0: the stack's default
  std::uint8_t traffic_class = 0;         ///< IP_TOS
  std::uint8_t hop_limit_v6 = 0;          ///< IPV6_UNICAST_HOPS
  std::uint8_t traffic_class_v6 = 0;      ///< IPV6_TCLASS

 private:
  friend class Udp;
  static constexpr std::size_t most_errors = 64;
  bool open_ = false;
  bool gro_ = false;      ///< UDP_GRO
  int error_ = 0;         ///< SO_ERROR
  std::uint64_t id_ = 0;
  Endpoint local_;
  Endpoint remote_;
  std::uint32_t rmem_ = 0;
  std::uint64_t drops_ = 0;
  std::uint32_t napi_id_ = 0;
  ip::RouteCache route_;  ///< to route_to_
  IpAddress route_to_;    ///< where it sent last
  ip::KnownPath path_;    ///< to path_to_, with path_options_
  Endpoint path_to_;
  SendOptions path_options_;
  ip::ReceiveRoute receive_route_;
  std::uint32_t flow_hash_ = 0;
  int incoming_cpu_ = -1;
  Events* events_ = nullptr;
  std::vector<GroupMembership> groups_;
  pkt::PacketList queue_;
  std::deque<QueuedError> errors_;  ///< at most most_errors
  ListHook by_port_;      ///< the port's chain, or the list of free slots
  ListHook ready_;        ///< got a datagram in the call that runs, its user not yet told
};

}  // namespace millrace::udp
