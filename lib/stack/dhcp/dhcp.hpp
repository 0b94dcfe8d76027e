// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/addrconf/addrconf.hpp>
#include <millrace/stack/dhcp/client.hpp>
#include <millrace/stack/dhcp/client6.hpp>
#include <millrace/stack/udp/udp.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace millrace::dhcp {

/// What a lease changes of an interface, on every lcore's view of it.
struct Settings {
  std::uint16_t ifindex = 0;
  std::optional<IpPrefix> address{};  ///< none: there is no lease
  IpAddress broadcast{};              ///< unspecified: the prefix's
  std::uint32_t mtu = 0;              ///< 0: the interface's own
  bool operator==(const Settings&) const = default;
};

/// What a server sent.
struct Heard {
  std::uint16_t ifindex = 0;
  bool v4 = true;
  std::vector<std::uint8_t> message{};  ///< the payload of the datagram
};

/// The way between the lcores of a stack: one of them runs the clients. The engine implements it.
class Relay {
 public:
  virtual ~Relay() = default;
  /// For Dhcp::hear() of the lcore that speaks; may be lost.
  virtual void tell_speaker(Heard heard) = 0;
  /// For Dhcp::apply() of all others. False: not all will hear of it, so it has to be told again.
  virtual bool tell_others(const Settings& settings) = 0;
};

/// A lease that an interface has.
struct LeaseRow {
  std::uint16_t ifindex = 0;
  IpPrefix address;
  Instant until = never;
};

/// The DHCP of one lcore's stack: clients of IPv4 (RFC 2131) where an interface was told so, and of IPv6 (RFC 8415, stateless)
/// where it configures itself and a router says that there is something to be had. The clients live on the lcore that speaks, which
/// changes the routes, too; the others hand it what is sent to them alone, and take the addresses that it has. One thread.
class Dhcp final : private udp::Events, private Owner, private Sender6, private addrconf::Dhcp6Wish {
 public:
  Dhcp(Env& env, ip::Stack& ip, udp::Udp& udp, addrconf::Addrconf& addrconf);
  ~Dhcp() override;
  Dhcp(const Dhcp&) = delete;
  Dhcp& operator=(const Dhcp&) = delete;

  /// Set-up; null: there is one lcore. It outlives this.
  void set_relay(Relay* relay) { relay_ = relay; }
  /// The interface, which the stack has, is to get its IPv4 address by DHCP from now on.
  void start(neighbor::Interface& interface, const Options& options = {});
  /// Gives the leases back, but for those that are to be kept; nothing is asked for any more.
  void shut_down();

  /// On the lcore that speaks, of what another one was sent.
  void hear(const Heard& heard);
  /// On the others.
  void apply(const Settings& settings);

  // On the lcore that speaks.
  [[nodiscard]] std::vector<LeaseRow> leases() const;
  [[nodiscard]] std::vector<addrconf::DnsRow> name_servers() const;

 private:
  struct Link {
    neighbor::Interface* interface;
    std::uint32_t own_mtu;
    Settings settings{};
    bool has_address = false;         ///< settings.address was added by us
    std::vector<ip::Route> routes{};  ///< of ours
    std::unique_ptr<Client> client{}; ///< null on lcores that do not speak
  };
  struct Link6 {
    neighbor::Interface* interface;
    std::unique_ptr<Client6> client{};
  };

  // dhcp.cpp
  [[nodiscard]] Link* link_of(std::uint16_t ifindex);
  [[nodiscard]] udp::Socket* open(const IpAddress& any, std::uint16_t port);
  void lease_changed(neighbor::Interface& interface) override;
  void replace_routes(Link& link, const std::vector<ip::Route>& wanted);
  void tell_others();
  static void tell_again(void* self, Instant now);

  // datagrams.cpp
  void on_readable(udp::Socket& socket) override;
  void on_error(udp::Socket&, int) override {}
  void hear(Heard heard, bool by_all);
  void hook_unicast();
  [[nodiscard]] ip::HookVerdict take_unicast(const ip::HookState& state, pkt::Packet& packet);

  // Owner, Sender6 (datagrams.cpp), addrconf::Dhcp6Wish (dhcp.cpp)
  void send_to_server(const IpAddress& own, const IpAddress& server, std::span<const std::uint8_t> message) override;
  void send_to_dhcp6_servers(neighbor::Interface& interface, const IpAddress& own, std::span<const std::uint8_t> message) override;
  void wants_dhcp6(neighbor::Interface& interface) override;

  Env& env_;
  ip::Stack& ip_;
  udp::Udp& udp_;
  addrconf::Addrconf& addrconf_;
  Relay* relay_ = nullptr;
  std::vector<Link> links_;
  std::vector<Link6> links6_;
  udp::Socket* socket_ = nullptr;   ///< port 68, once there is a client
  udp::Socket* socket6_ = nullptr;  ///< port 546
  bool is_hooked_ = false;
  timer::Timer again_{&Dhcp::tell_again, this};
};

}  // namespace millrace::dhcp
