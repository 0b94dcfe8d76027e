// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/pkt/packet_info.hpp>
#include <millrace/stack/ip/ip.hpp>
#include <millrace/stack/ip/raw_receiver.hpp>
#include <millrace/stack/raw/socket.hpp>

#include <cstdint>
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

/// Raw sockets and ping sockets of one lcore's stack (net/ipv4/raw.c, ping.c and their IPv6 kin; receive_path L8, L10). A
/// raw socket gets a copy of each packet of its protocol that is for this host, before the protocol itself: with the IP
/// header over IPv4, without over IPv6. Results are POSIX's. One thread.
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
  [[nodiscard]] Socket* find_ping(bool v6, std::uint16_t ident);
  void enqueue(Socket& socket, pkt::Packet packet, const ip::Delivery& delivery);
  std::int64_t send_whole(Socket& socket, std::span<const std::uint8_t> bytes, const IpAddress& to);
  std::int64_t send_message(Socket& socket, pkt::Packet message, const IpAddress& to);
  [[nodiscard]] int finish_echo_request(const Socket& socket, pkt::Packet& message) const;

  Env& env_;
  ip::Output& ip_;
  std::vector<std::unique_ptr<Socket>> sockets_;
};

}  // namespace millrace::raw
