// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/bpf/filter.hpp>
#include <millrace/stack/socket/busy_poll.hpp>
#include <millrace/stack/socket/callback.hpp>
#include <millrace/stack/socket/option.hpp>
#include <millrace/stack/udp/queued_error.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

namespace millrace::pkt {
class Packet;
class PacketList;
}
namespace millrace::udp {
class Socket;
class Udp;
}  // namespace millrace::udp

namespace millrace::socket {

class Sockets;
using udp::QueuedError;

/// What one datagram has instead of its socket's: the twin of sendmsg(2)'s control messages.
struct SendControl {
  IpAddress source{};                           ///< IP_PKTINFO, IPV6_PKTINFO: an own address; unspecified: the socket's
  std::optional<std::uint8_t> traffic_class{};  ///< IP_TOS, IPV6_TCLASS
  std::optional<std::uint8_t> hop_limit{};      ///< IP_TTL, IPV6_HOPLIMIT; 1..255
};

/// One UDP socket on one lcore; every call and callback happens there. Results are POSIX's. Lives until close().
class UdpSocket {
 public:
  /// Called when datagrams have arrived, and again at once while it reads some and leaves others. Else as an edge: only for
  /// further datagrams.
  void on_readable(std::function<void(UdpSocket&)> function);
  /// The twin of udp_sock's encap_rcv, for a tunnel that lives in the socket (RFC 3948): sees each datagram before the
  /// socket's queue does, its checksum verified, data() at its payload. Takes it, to end it with pkt::consume, and
  /// returns null; or returns it, for the queue. It may close no socket and not replace itself. Empty: none.
  using Encap = std::function<pkt::Packet(UdpSocket&, pkt::Packet payload, const Endpoint& from)>;
  void set_encap(Encap function);
  /// Called with an errno that an ICMP error brought (connected sockets).
  void on_error(std::function<void(UdpSocket&, int error)> function) { on_error_.set(std::move(function)); }

  /// The next datagram: copies up to into.size() bytes, sets `from`, returns the datagram's whole length (which may
  /// be larger: it was cut). -EAGAIN: none waiting.
  std::int64_t receive_from(std::span<std::uint8_t> into, Endpoint& from);
  /// The same, with what the socket's options want to be told beside the bytes.
  std::int64_t receive_from(std::span<std::uint8_t> into, Endpoint& from, Control& control);
  /// The same with recvmsg(2)'s flags: MSG_PEEK leaves the datagram where it is; MSG_TRUNC and MSG_DONTWAIT are how these
  /// calls are anyway, which always tell the whole length and never wait. -EINVAL: others.
  std::int64_t receive_from(std::span<std::uint8_t> into, Endpoint& from, Control& control, int flags);
  /// The next datagram in the buffers that it came in, or null: none waiting. The caller ends it with pkt::consume.
  [[nodiscard]] pkt::Packet receive_packet(Endpoint& from);
  /// All that wait, in order, in the buffers that they came in, put behind what is in `into`: recvmmsg(2) without a copy. How
  /// many. sender_of() tells whose each is. The caller ends them with pkt::consume.
  std::uint32_t receive_packets(pkt::PacketList& into);
  /// The sender of a datagram that receive_packets() gave, as long as it stays as it is.
  [[nodiscard]] static Endpoint sender_of(const pkt::Packet& datagram);
  /// Takes off those at the front of such a list that have one sender, and tells which: what send_packets() answers at once.
  [[nodiscard]] static pkt::PacketList take_of_one_sender(pkt::PacketList& datagrams, Endpoint& from);
  /// The next datagram, its end not counted yet (lib/stats/ledger.hpp): the caller does.
  [[nodiscard]] pkt::Packet take_packet(Endpoint& from);
  /// Sends one datagram; the count, or -EMSGSIZE, -ENETUNREACH, -ENOBUFS, or an error that ICMP brought.
  std::int64_t send_to(std::span<const std::uint8_t> bytes, const Endpoint& to);
  /// The same, with that. -EINVAL: the source is none of ours, or a hop limit of 0.
  std::int64_t send_to(std::span<const std::uint8_t> bytes, const Endpoint& to, const SendControl& control);
  /// The same of a packet, without a copy: one that receive_packet() gave, say. It is the stack's from now on, whatever becomes
  /// of it, so that its bytes may change only if nobody else keeps them. -EBADF: the socket is closed.
  std::int64_t send_packet(pkt::Packet payload, const Endpoint& to);
  /// The same of all in a list, in order, to one destination: sendmmsg(2) without a copy, which costs less than as many calls.
  /// How many were sent, or what the first failed with. One that fails is gone, and ends it: those behind it stay in the list, the
  /// caller's. -EBADF: the socket is closed, and all stay.
  std::int64_t send_packets(pkt::PacketList& payloads, const Endpoint& to);
  /// recvmsg(2) with MSG_ERRQUEUE: the oldest ICMP error (udp/socket.hpp) since IP_RECVERR or IPV6_RECVERR was set; null: none.
  [[nodiscard]] std::optional<QueuedError> receive_error();
  /// SO_ATTACH_FILTER: a classic BPF program that sees each datagram from its UDP header on, before the socket pays for it. What
  /// it returns is how much of the datagram is kept, header included, which stays; 0: it is dropped, counted as InErrors and
  /// among the socket's drops. EINVAL: no valid program (bpf/filter.hpp). It replaces one that is there.
  [[nodiscard]] Result<void> attach_filter(std::span<const bpf::Instruction> program);
  /// SO_DETACH_FILTER: 0, or -ENOENT: there is none.
  int detach_filter();
  /// Sets the peer: only its datagrams arrive, and ICMP errors about it are reported.
  int connect(const Endpoint& to);
  /// setsockopt(2) and getsockopt(2): 0 or -ENOPROTOOPT, -EOPNOTSUPP, -EINVAL, -EPERM, -EBADF (doc/sockets.md).
  int set_option(Option option, std::int64_t value);
  int get_option(Option option, std::int64_t& value) const;
  /// setsockopt(2)'s IP_ADD_MEMBERSHIP and IP_DROP_MEMBERSHIP, IPV6_JOIN_GROUP and IPV6_LEAVE_GROUP: hears, or not, what is sent
  /// to the group and to this socket's port. `ifindex`: on which interface (Engine::ifindex()); 0: by which the group is
  /// reached. 0, or -EINVAL: no group; -ENODEV; -EADDRINUSE: it is in already; -EADDRNOTAVAIL: it is not; -ENOBUFS: 20 groups.
  int join_group(const IpAddress& group, std::uint16_t ifindex = 0);
  int leave_group(const IpAddress& group, std::uint16_t ifindex = 0);
  /// MCAST_JOIN_SOURCE_GROUP and MCAST_LEAVE_SOURCE_GROUP: from that source only, beside others joined so.
  int join_source_group(const IpAddress& group, const IpAddress& source, std::uint16_t ifindex = 0);
  int leave_source_group(const IpAddress& group, const IpAddress& source, std::uint16_t ifindex = 0);
  /// MCAST_BLOCK_SOURCE and MCAST_UNBLOCK_SOURCE, of a group that was joined as a whole.
  int block_source(const IpAddress& group, const IpAddress& source, std::uint16_t ifindex = 0);
  int unblock_source(const IpAddress& group, const IpAddress& source, std::uint16_t ifindex = 0);
  void close();
  [[nodiscard]] Endpoint local() const;
  [[nodiscard]] Sockets& sockets() const { return sockets_; }

  /// Made by Sockets only.
  UdpSocket(Sockets& sockets, udp::Udp& udp);
  ~UdpSocket();
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

 private:
  friend class Sockets;
  class Events;
  void tell_readable();
  void busy_loop();
  int set_buffer(Option option, std::int64_t value);
  int set_info(Option option, std::int64_t value);
  int set_multicast(Option option, std::int64_t value);
  int get_multicast(Option option, std::int64_t& value) const;
  void record_flow();
  void forget();

  Sockets& sockets_;
  udp::Udp& udp_;
  udp::Socket* socket_ = nullptr;
  std::unique_ptr<Events> events_;
  Callback<UdpSocket&> on_readable_;
  Callback<UdpSocket&, int> on_error_;
  Encap encap_;
  TimestampOption timestamp_;
  InfoOption info_;
  BusyPoll busy_poll_;
  FlowKey key_{};  ///< by which other lcores know it
  std::size_t index_ = 0;
};

}  // namespace millrace::socket
