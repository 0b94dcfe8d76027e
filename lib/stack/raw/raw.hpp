// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/pkt/packet_info.hpp>
#include <millrace/stack/ip/ip.hpp>
#include <millrace/stack/ip/raw_receiver.hpp>
#include <millrace/stack/raw/socket.hpp>

#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace millrace::raw {

/// What comes beside a packet's bytes.
struct Received {
  IpAddress from{};
  pkt::PacketInfo info{};     ///< of its IP header
  std::uint16_t ifindex = 0;  ///< where it came in
  Instant time{};             ///< and when
};

/// Protocols that raw sockets receive: of IPv4 by their numbers, of IPv6 256 behind.
using Protocols = std::bitset<512>;

/// A packet that another lcore received, for the raw sockets here.
struct Handed {
  pkt::Packet packet;  ///< a copy, data() at its IP header
  std::uint16_t header_bytes = 0;
  std::uint8_t proto = 0;
  ip::Delivery delivery{};  ///< without the interface, which is the other lcore's
};

/// Between the raw sockets of a host's lcores: what one lcore receives those of all see, as in Linux.
class Relay {
 public:
  virtual ~Relay() = default;
  /// Has Raw::others_want() called on the other lcores.
  virtual void tell_others(const Protocols& wanted) = 0;
  /// Has Raw::receive_handed() called on that lcore. Null: it will be; else too many wait there, and the packet comes back.
  [[nodiscard]] virtual pkt::Packet hand_over(std::uint16_t lcore, Handed handed) = 0;
};

/// Raw sockets and ping sockets of one lcore's stack (net/ipv4/raw.c, ping.c and their IPv6 kin; receive_path L8, L10). A
/// raw socket gets a copy of each packet of its protocol that is for this host, whichever lcore receives it, before the protocol
/// itself: with the IP header over IPv4, without over IPv6. Results are POSIX's. One thread.
class Raw final : public ip::RawReceiver {
 public:
  Raw(Env& env, ip::Output& ip) : env_(env), ip_(ip) {}
  /// Closes every socket.
  ~Raw() override;
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;

  /// Null when the field for what comes beside the bytes cannot be registered. `events` may be null and outlives the socket.
  [[nodiscard]] Socket* open(bool v6, std::uint8_t proto, Events* events);
  /// The same; an identifier is drawn that no other ping socket here has.
  [[nodiscard]] Socket* open_ping(bool v6, Events* events);
  void close(Socket& socket);
  /// Receives only what is sent to that own address, and sends from it; unspecified: from all. EADDRNOTAVAIL, EAFNOSUPPORT.
  int bind(Socket& socket, const IpAddress& local);
  /// Receives only from that address, and sends to it. EAFNOSUPPORT.
  int connect(Socket& socket, const IpAddress& remote);

  /// Sends to `to`, or to the peer when that is null. With header_included the bytes are a whole IPv4 packet, of which length,
  /// checksum and, where they are 0, identification and source are filled in, as Linux does; else IP puts a header in front,
  /// and makes the checksum of ICMPv6. A ping socket takes an echo request, gives it its identifier and makes the checksum.
  /// EDESTADDRREQ, EMSGSIZE, EINVAL, ENETUNREACH, ENOBUFS, EAFNOSUPPORT, and an error that ICMP brought.
  std::int64_t send_to(Socket& socket, std::span<const std::uint8_t> bytes, const IpAddress* to = nullptr);
  /// Copies what fits of the next packet and returns its whole length; EAGAIN, or an error that ICMP brought.
  std::int64_t recv_from(Socket& socket, std::span<std::uint8_t> into, Received* received = nullptr);
  /// Set-up: the other lcores'; null, as when never called: there are none.
  void set_relay(Relay* relay) { relay_ = relay; }
  /// What the raw sockets of another lcore receive from now on.
  void others_want(std::uint16_t lcore, const Protocols& wanted);
  void receive_handed(Handed handed);
  template <class F>
  void for_each(F&& f) const {
    for (const auto& socket : sockets_) f(std::as_const(*socket));
  }

  // ip::RawReceiver
  bool receive(const pkt::Packet& packet, std::uint16_t header_bytes, std::uint8_t proto, const ip::Delivery& delivery) override;
  void receive_echo_reply(pkt::Packet& message, const ip::Delivery& delivery) override;
  void error(const ip::ErrorReport& report) override;

 private:
  void look_for_listeners();
  bool receive_here(const pkt::Packet& packet, std::uint16_t header_bytes, std::uint8_t proto, const ip::Delivery& delivery);
  bool receive_elsewhere(const pkt::Packet& packet, std::uint16_t header_bytes, std::uint8_t proto, const ip::Delivery& delivery);
  [[nodiscard]] Socket* find_ping(bool v6, std::uint16_t ident);
  void enqueue(Socket& socket, pkt::Packet packet, const ip::Delivery& delivery);
  std::int64_t send_whole(Socket& socket, std::span<const std::uint8_t> bytes, const IpAddress& to);
  std::int64_t send_message(Socket& socket, pkt::Packet message, const IpAddress& to);
  [[nodiscard]] int finish_echo_request(const Socket& socket, pkt::Packet& message) const;

  Env& env_;
  ip::Output& ip_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  Relay* relay_ = nullptr;
  Protocols wanted_;  ///< by the raw sockets here, as the other lcores know
  std::map<std::uint16_t, Protocols> others_;  ///< by lcore; those that want nothing are not in it
};

}  // namespace millrace::raw
