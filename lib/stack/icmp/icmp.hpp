// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/stack/icmp/rate_limit.hpp>
#include <millrace/stack/icmp/redirect_limit.hpp>
#include <millrace/stack/ip/stack.hpp>
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/ipv4.hpp>

#include <cstdint>
#include <memory>
#include <span>

namespace millrace::icmp {

/// ICMP (RFC 792, 1122 section 3.2.2) and ICMPv6 (RFC 4443) of one lcore's stack: answers echo requests, sends IP's
/// errors within the rate limits, hands received errors to the transport they concern, and ND to the neighbours.
/// One thread.
class Icmp final : public ip::Transport, public ip::ErrorSender {
 public:
  /// Registers itself with `ip`, which outlives it, for both protocols and as its error sender. `limit`: the host's, which its
  /// other lcores share; null: this one's alone.
  Icmp(Env& env, ip::Stack& ip, const RateLimit::Options& limits = {}, RateLimit* limit = nullptr);

  // ip::Transport
  void receive(pkt::Packet message, const ip::Delivery& delivery) override;
  void error(const ip::ErrorReport& report) override;

  // ip::ErrorSender
  void send_error(const pkt::Packet& packet, std::uint16_t header_bytes, const ip::Problem& problem) override;
  void send_redirect(const pkt::Packet& packet, neighbor::Interface& in, const IpAddress& next_hop) override;

 private:
  // input.cpp
  void receive_v4(pkt::Packet message, const ip::Delivery& delivery);
  void receive_v6(pkt::Packet message, const ip::Delivery& delivery);
  void bad_v4(pkt::Packet message, stats::DropReason reason);
  void bad_v6(pkt::Packet message, stats::DropReason reason);
  void receive_redirect_v4(pkt::Packet message, const ip::Delivery& delivery);
  void answer_echo_v4(pkt::Packet request, const ip::Delivery& delivery);
  void answer_echo_v6(pkt::Packet request, const ip::Delivery& delivery);

  // errors_in.cpp
  void receive_error_v4(pkt::Packet message, const ip::Delivery& delivery);
  void receive_error_v6(pkt::Packet message, const ip::Delivery& delivery);

  // errors_out.cpp
  enum class Limit : std::uint8_t { none, global, host };
  [[nodiscard]] Limit exceeded_limit(const pkt::Packet& about, const IpAddress& to, ip::ErrorKind kind);
  [[nodiscard]] bool allows_host(const IpAddress& to);
  void send_error_v4(const pkt::Packet& packet, std::uint16_t header_bytes, std::span<const std::uint8_t> bytes,
                     const ip::Problem& problem);
  void send_about_v4(const pkt::Packet& packet, std::uint16_t header_bytes, const wire::Ipv4View& about, const wire::Icmp4Header& header);
  void send_error_v6(const pkt::Packet& packet, std::uint16_t header_bytes, std::span<const std::uint8_t> bytes,
                     const ip::Problem& problem);
  void send_redirect_v6(const pkt::Packet& packet, neighbor::Interface& in, const IpAddress& next_hop);

  Env& env_;
  ip::Stack& ip_;
  std::unique_ptr<RateLimit> own_limit_;
  RateLimit& limit_;
  RedirectLimit redirect_limit_;
};

}  // namespace millrace::icmp
