// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/stack/neighbor/interface.hpp>
#include <millrace/timer/wheel.hpp>
#include <millrace/wire/dhcp6.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace millrace::dhcp {

/// Who sends for a DHCPv6 client.
class Sender6 {
 public:
  virtual ~Sender6() = default;
  /// From port 546 of the own link-local address to port 547 of the link's servers.
  virtual void send_to_dhcp6_servers(neighbor::Interface& interface, const IpAddress& own, std::span<const std::uint8_t> message) = 0;
};

/// Asks the DHCPv6 servers of an interface's link for what they tell everybody (RFC 8415 section 18.2.6, "stateless"): name
/// servers. It asks when the interface has a link-local address that is its own for certain, then again whenever what it knows is to be
/// refreshed. Leases, authentication and Reconfigure are not for it. One thread.
class Client6 {
 public:
  Client6(Env& env, neighbor::Interface& interface, Sender6& sender);
  ~Client6();
  Client6(const Client6&) = delete;
  Client6& operator=(const Client6&) = delete;

  /// The payload of a datagram to port 546 that came in on the interface.
  void receive(std::span<const std::uint8_t> bytes);
  /// As the last reply said; they hold until another does.
  [[nodiscard]] const std::vector<IpAddress>& name_servers() const { return name_servers_; }

 private:
  static void fire(void* self, Instant now);
  void on_timer();
  void ask(const IpAddress& own);
  [[nodiscard]] Duration first_delay();
  [[nodiscard]] Duration spread(Duration time);

  Env& env_;
  neighbor::Interface& interface_;
  Sender6& sender_;
  bool is_asking_ = false;
  std::uint32_t xid_ = 0;
  Instant begun_{};               ///< the first message of this exchange
  Duration rt_{};                 ///< RT, until the next message
  Duration max_rt_;               ///< INF_MAX_RT
  std::vector<IpAddress> name_servers_;
  timer::Timer timer_{&Client6::fire, this};
};

}  // namespace millrace::dhcp
