// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/build_packet.hpp>
#include <millrace/pkt/packet_info.hpp>
#include <millrace/pkt/rx_stamp.hpp>
#include <millrace/gro/udp_ports.hpp>
#include <millrace/stack/ip/ip.hpp>
#include <millrace/stack/udp/socket.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace millrace::udp {

struct Options {
  std::uint32_t sockets = 1024;          ///< at most, per lcore and stack
  std::uint16_t port_first = 32768;      ///< net.ipv4.ip_local_port_range
  std::uint16_t port_last = 60999;
  Memory memory{};
  std::uint16_t port_stride = 1;         ///< lcores of one stack take turns, as in tcp::Config: only ports that are
  std::uint16_t port_phase = 0;          ///< port_phase modulo port_stride are chosen here
  gro::UdpPorts* gro_ports = nullptr;    ///< where sockets with UDP_GRO are announced; null: datagrams are never merged
};

/// What comes beside a datagram's bytes.
struct Received {
  pkt::RxTimes times{};
  std::uint16_t segment_size = 0;  ///< that of UDP_GRO; 0: a single datagram
  std::uint16_t ifindex = 0;       ///< where it came in
  std::optional<pkt::PacketInfo> info{};  ///< where Socket::wants_info was set when it came
};

/// What one datagram has instead of the socket's: the twin of sendmsg(2)'s control messages.
struct SendControl {
  IpAddress source{};  ///< IP_PKTINFO: an own address; unspecified: the socket's
  std::optional<std::uint8_t> traffic_class{};  ///< IP_TOS, IPV6_TCLASS
  std::optional<std::uint8_t> hop_limit{};      ///< IP_TTL, IPV6_HOPLIMIT; not 0
  [[nodiscard]] bool is_none() const { return source.is_unspecified() && !traffic_class && !hop_limit; }
};

/// UDP (RFC 768, RFC 8200 section 8.1) of one lcore's stack: its sockets, what arrives for them and what they send.
/// Results are POSIX's: 0 or a count, or a negative errno. One thread. Registered with ip::Stack::add_protocol.
class Udp final : public ip::Transport {
 public:
  Udp(Env& env, ip::Output& ip, const Options& options = {});
  /// Closes every socket.
  ~Udp() override;
  Udp(const Udp&) = delete;
  Udp& operator=(const Udp&) = delete;

  /// A new, unbound socket, or null when Options::sockets are open. `events` may be null and outlives the socket.
  [[nodiscard]] Socket* open(Events* events);
  /// Ends a socket: no callback follows; datagrams not read are dropped. Its slot will serve others.
  void close(Socket& socket);
  /// Binds to an own address, a broadcast or multicast address to listen to, or an unspecified one; port 0 chooses
  /// one (RFC 6056). EINVAL: bound already. EADDRINUSE. EADDRNOTAVAIL: not ours, or no port is free.
  int bind(Socket& socket, const Endpoint& local);
  /// Sets the peer; binds first when that was not done. ENETUNREACH, EAFNOSUPPORT, EACCES (broadcast), EADDRNOTAVAIL,
  /// EINVAL (port 0).
  int connect(Socket& socket, const Endpoint& remote);

  // Groups (groups.cpp). `ifindex`: the interface; 0: by which the group is reached. 0, or EINVAL: no group; ENODEV;
  // ENOBUFS: 20 groups or, of one, 10 sources.
  /// IP_ADD_MEMBERSHIP, IPV6_JOIN_GROUP: all sources. EADDRINUSE: it is in.
  int join_group(Socket& socket, const IpAddress& group, std::uint16_t ifindex);
  /// IP_DROP_MEMBERSHIP, IPV6_LEAVE_GROUP. EADDRNOTAVAIL: it is not in.
  int leave_group(Socket& socket, const IpAddress& group, std::uint16_t ifindex);
  /// MCAST_JOIN_SOURCE_GROUP: that source, beside those named before. EINVAL: all sources were joined; EADDRNOTAVAIL: it is named.
  int join_source(Socket& socket, const IpAddress& group, const IpAddress& source, std::uint16_t ifindex);
  /// MCAST_LEAVE_SOURCE_GROUP: no longer that one; with the last the group is left.
  int leave_source(Socket& socket, const IpAddress& group, const IpAddress& source, std::uint16_t ifindex);
  /// MCAST_BLOCK_SOURCE, MCAST_UNBLOCK_SOURCE of a group that was joined with all sources.
  int block(Socket& socket, const IpAddress& group, const IpAddress& source, std::uint16_t ifindex, bool on);

  /// UDP_GRO: a train of datagrams of equal size, of which the last may be shorter, is read at once.
  void set_gro(Socket& socket, bool on);

  /// Sends one datagram, to `to` or, when that is null, to the peer. The bytes are copied into buffers of this lcore.
  /// With Socket::segment_size it becomes up to 128 datagrams of that size, cut behind the tx queue.
  /// EDESTADDRREQ, EMSGSIZE, EINVAL (more than 128), ENETUNREACH, ENOBUFS, EACCES, and an error that ICMP brought before.
  std::int64_t send_to(Socket& socket, std::span<const std::uint8_t> bytes, const Endpoint* to = nullptr);
  /// The same with that. EINVAL: the source is none of ours, or of the other family.
  std::int64_t send_to(Socket& socket, std::span<const std::uint8_t> bytes, const Endpoint* to, const SendControl& control);
  /// The same, without a copy: consumes `payload` in every case.
  std::int64_t send_packet(Socket& socket, pkt::Packet payload, const Endpoint* to = nullptr);
  /// The same of each, in order, to one destination, as far as it goes: how many were sent, or what the first met with. One that
  /// fails is consumed, too; those behind it stay in the list.
  std::int64_t send_packets(Socket& socket, pkt::PacketList& payloads, const Endpoint& to);

  /// Reads the next datagram: copies what fits, drops the rest of it, returns its whole length. EAGAIN, or an error
  /// that ICMP brought.
  std::int64_t recv_from(Socket& socket, std::span<std::uint8_t> into, Endpoint* from = nullptr, Received* received = nullptr);
  /// The same, and leaves the datagram where it is (MSG_PEEK).
  std::int64_t peek_from(Socket& socket, std::span<std::uint8_t> into, Endpoint* from = nullptr, Received* received = nullptr);
  /// Takes all that wait, in order; sender_of() tells whose each is. How many bytes.
  std::uint64_t take_all(Socket& socket, pkt::PacketList& into);
  /// Takes the next datagram itself, data() at its payload; null when recv_from would say EAGAIN.
  [[nodiscard]] pkt::Packet take(Socket& socket, Endpoint* from = nullptr);
  /// SO_ERROR: the pending error as a positive errno, cleared by reading.
  int take_error(Socket& socket);
  /// recvmsg(MSG_ERRQUEUE): the oldest ICMP error of a socket with recv_err; null: there is none. Further ones than 64 are lost.
  [[nodiscard]] std::optional<QueuedError> take_queued_error(Socket& socket);

  /// Calls f(bucket, socket) for each bound socket, in the order of the buckets of their ports.
  template <class F>
  void for_each_bound(F&& f) {
    for (std::uint32_t bucket = 0; bucket < port_buckets; ++bucket)
      for (Socket* s = by_port_[bucket].front(); s != nullptr; s = by_port_[bucket].next(*s)) f(bucket, std::as_const(*s));
  }
  /// From now on; Memory::rmem_default for sockets that are opened from now on.
  void set_memory(const Memory& memory) { memory_ = memory; }
  /// Pages that datagrams of all sockets hold, the last one begun; /proc/net/protocols' memory.
  [[nodiscard]] std::uint64_t pages_held() const { return pages_of(held_); }
  [[nodiscard]] std::uint32_t size() const { return open_count_; }

  // ip::Transport
  void receive(pkt::Packet datagram, const ip::Delivery& delivery) override;
  void receive_known(void* socket, pkt::PacketList& frames) override;
  void error(const ip::ErrorReport& report) override;
  [[nodiscard]] ip::Demuxed early_demux(const ip::EarlyFlow& flow) override;

 private:
  static constexpr std::uint32_t port_buckets = 256;
  using PortChain = List<Socket, &Socket::by_port_>;
  using Counters = stats::CounterBlock<stats::Udp>;

  struct Arrival;

  [[nodiscard]] Counters& counters(const IpAddress& address) {
    return address.is_v4() ? env_.stats->udp : env_.stats->udp6;
  }
  [[nodiscard]] static std::uint64_t pages_of(std::uint64_t bytes) { return (bytes + page_bytes - 1) / page_bytes; }
  [[nodiscard]] PortChain& chain(std::uint16_t port) { return by_port_[port % port_buckets]; }

  // sockets.cpp
  [[nodiscard]] bool conflicts(const Socket& socket, const Endpoint& local);
  [[nodiscard]] std::uint16_t choose_port(const Socket& socket, const IpAddress& local, const IpAddress& remote);
  void announce(const Socket& socket, bool comes);
  [[nodiscard]] Socket* lookup(const Endpoint& local, const Endpoint& remote);
  [[nodiscard]] Socket& choose_of_group(Socket& first, int score, const Endpoint& local, const Endpoint& remote);

  // groups.cpp
  [[nodiscard]] neighbor::Interface* find_membership(Socket& socket, const IpAddress& group, std::uint16_t ifindex, GroupMembership*& found);
  int change(Socket& socket, neighbor::Interface& interface, GroupMembership& membership);
  void leave_all(Socket& socket);

  // input.cpp
  [[nodiscard]] bool check(pkt::Packet& datagram, const ip::Delivery& delivery);
  void refuse_bad(pkt::Packet datagram, const ip::Delivery& delivery, stats::DropReason reason);
  void refuse_port(pkt::Packet datagram, const ip::Delivery& delivery);
  [[nodiscard]] bool receive_for(Socket& socket, pkt::Packet datagram, const ip::Delivery& delivery);
  [[nodiscard]] bool queue(Socket& socket, pkt::Packet datagram, const Arrival& arrival);
  void receive_for_all(pkt::Packet datagram, const Arrival& arrival);
  template <class F>
  void for_each_segment(pkt::Packet datagrams, F&& f);
  void deliver_to_all(pkt::Packet datagram, const Arrival& arrival);
  [[nodiscard]] pkt::Packet pass_filter(Socket& socket, pkt::Packet payload, const Arrival& arrival);
  [[nodiscard]] pkt::Packet pass_encap(Socket& socket, pkt::Packet payload, const Arrival& arrival);
  [[nodiscard]] bool enqueue(Socket& socket, pkt::Packet payload, const Arrival& arrival);
  void note_arrival(Socket& socket, const pkt::Mbuf& m) const;
  void make_ready(Socket& socket) {
    if (!socket.ready_.is_linked()) ready_.push_back(socket);
  }
  // The test comes before the charge, so that one datagram of any size fits an empty queue (receive_path J3, X7).
  [[nodiscard]] static bool has_room(const Socket& socket, std::uint32_t bytes) {
    constexpr std::uint32_t huge = std::numeric_limits<std::int32_t>::max() / 2;
    return std::uint64_t{socket.rmem_} + (socket.rcvbuf > huge ? bytes : 0) <= socket.rcvbuf;
  }
  // __sk_mem_raise_allocated() of a protocol that knows no memory pressure, byte by byte in place of page by page.
  [[nodiscard]] bool may_charge(const Socket& socket, std::uint32_t bytes) const {
    const std::uint64_t pages = pages_of(held_ + bytes);
    return pages <= memory_.pages[0] || (pages <= memory_.pages[2] && socket.rmem_ < memory_.rmem_min);
  }
  /// What may be queued without a look at either of them: less than they allow.
  [[nodiscard]] std::uint64_t room_of(const Socket& socket) const {
    const std::uint64_t in_all = std::uint64_t{memory_.pages[0]} * page_bytes;
    return std::min<std::uint64_t>(socket.rcvbuf > socket.rmem_ ? socket.rcvbuf - socket.rmem_ : 0, in_all > held_ ? in_all - held_ : 0);
  }
  void refuse(Socket& socket, stats::Udp why, const Arrival& arrival);
  void refuse(Socket& socket, const Arrival& arrival);
  static void tell(Socket& socket);

  // input_known.cpp
  template <class V>
  [[nodiscard]] bool queue_known(Socket& socket, pkt::PacketList& frames);
  template <class V>
  [[nodiscard]] bool queue_plain(Socket& socket, pkt::PacketList& frames);
  template <class V>
  [[nodiscard]] bool queue_slowly(Socket& socket, pkt::Packet frame);

  // output.cpp
  [[nodiscard]] static ip::RouteCache& route_of(Socket& socket, const IpAddress& destination);
  int prepare(Socket& socket, const Endpoint* to, std::size_t length);
  [[nodiscard]] pkt::Packet behind_own_buffer(pkt::Packet payload);
  [[nodiscard]] static SendOptions options_of(const Socket& socket, bool is_v4);
  [[nodiscard]] static bool is_known(const Socket& socket, const Endpoint& to);
  std::uint32_t send_known(Socket& socket, pkt::PacketList& payloads, const Endpoint& to);
  std::int64_t transmit(Socket& socket, pkt::Packet payload, const Endpoint& destination, const SendControl& control, bool known);
  ip::SendVerdict send_anew(Socket& socket, pkt::Packet datagram, const Endpoint& destination, const SendControl& control);

  Env& env_;
  ip::Output& ip_;
  const Options options_;
  Memory memory_;
  std::unique_ptr<Socket[]> sockets_;
  PortChain free_;
  std::array<PortChain, port_buckets> by_port_;
  List<Socket, &Socket::ready_> ready_;
  std::vector<Socket*> group_;  ///< scratch of choose_of_group()
  std::uint64_t held_ = 0;  ///< truesize of what waits in all sockets (sk_prot->memory_allocated)
  bool in_encap_ = false;   ///< Events::encap_receive() runs
  std::uint64_t opened_ = 0;
  std::uint32_t open_count_ = 0;
  std::uint32_t next_port_ = 0;
};

}  // namespace millrace::udp
