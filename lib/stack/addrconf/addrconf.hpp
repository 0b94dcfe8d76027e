// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/stack/ip/stack.hpp>
#include <millrace/stack/neighbor/host_config.hpp>
#include <millrace/timer/wheel.hpp>
#include <millrace/wire/nd.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace millrace::addrconf {

/// Linux's tunables of net.ipv6.conf.*, and their defaults.
struct Options {
  std::uint8_t dad_transmits = 1;       ///< solicitations before an address is ours; 0: it is at once
  bool accept_ra = true;                ///< routers are asked and listened to
  bool accept_ra_defrtr = true;         ///< they may become default routers
  bool accept_ra_pinfo = true;          ///< their prefixes are on the link
  bool autoconf = true;                 ///< and give addresses
  bool accept_ra_mtu = true;
  bool accept_redirects = true;         ///< IPv6's
  int rtr_solicitations = -1;           ///< -1: until a router answers
  Duration rtr_solicitation_delay = 1s;
  Duration rtr_solicitation_interval = 4s;        ///< doubled each time (RFC 7559)
  Duration rtr_solicitation_max_interval = 3600s;
  bool eui64 = true;                    ///< addr_gen_mode 0: the link-local address is made of the MAC; else there is none
  std::uint16_t max_addresses = 16;     ///< by prefixes, on an interface
};

enum class AddressState : std::uint8_t { tentative, preferred, deprecated, duplicate };

/// One line of `ip -6 addr` of an interface that configures itself.
struct AddressRow {
  std::uint16_t ifindex = 0;
  IpPrefix address;
  AddressState state = AddressState::tentative;
  Instant preferred_until = never;
  Instant valid_until = never;
};

/// Name servers that routers named (RFC 8106).
struct DnsRow {
  std::uint16_t ifindex = 0;
  IpAddress server;
  Instant until = never;
};

/// Who asks DHCPv6's servers; dhcp::Dhcp, which stands above, implements it.
class Dhcp6Wish {
 public:
  virtual ~Dhcp6Wish() = default;
  /// A router of the interface's link says that there is something to be had by DHCPv6. With each of its advertisements.
  virtual void wants_dhcp6(neighbor::Interface& interface) = 0;
};

/// Has the interfaces of one lcore's stack configure their IPv6 as Linux's hosts do: duplicate address detection (RFC 4862
/// section 5.4, RFC 7527), a link-local address, router solicitations (RFC 4861 section 6.3.7, RFC 7559), and what routers
/// advertise: default routers with their preference (RFC 4191), prefixes, addresses (RFC 4862 section 5.5), MTU, hop limit,
/// timers, name servers; and redirects. Every lcore of the interface hears the same and comes to the same; one speaks, and
/// changes the routes, which all share. net/ipv6/addrconf.c and ndisc.c. One thread.
class Addrconf final : public neighbor::HostConfig {
 public:
  /// Registers itself with the neighbours of `ip`, which outlives it.
  Addrconf(Env& env, ip::Stack& ip, const Options& options = {});
  ~Addrconf() override;
  Addrconf(const Addrconf&) = delete;
  Addrconf& operator=(const Addrconf&) = delete;

  /// The interface, which ip has, is up: from now on it configures itself. `configured`: IPv6 addresses that it is to have
  /// for good, if nobody else has them.
  void start(neighbor::Interface& interface, std::span<const IpPrefix> configured);
  [[nodiscard]] std::vector<AddressRow> addresses() const;
  [[nodiscard]] std::vector<DnsRow> name_servers() const;
  /// Who hears when there is; null: nobody.
  void set_dhcp6(Dhcp6Wish* dhcp6) { dhcp6_ = dhcp6; }
  /// A router said that there is more to be had by DHCPv6 (the O or M flag).
  [[nodiscard]] bool wants_dhcp6(const neighbor::Interface& interface) const;

  // neighbor::HostConfig
  bool heard_of(neighbor::Interface& interface, const neighbor::TargetNews& news) override;
  void receive_router_advertisement(neighbor::Interface& interface, const IpAddress& router, const wire::RouterAdvertisement& ra) override;
  void receive_redirect(neighbor::Interface& interface, const IpAddress& router, const wire::Redirect& redirect) override;
  void neighbor_failed(neighbor::Interface& interface, const IpAddress& address) override;

 private:
  struct Address {
    neighbor::Interface* interface;
    IpPrefix prefix;
    AddressState state = AddressState::tentative;
    bool by_prefix = false;            ///< made of an advertised prefix, which is a route of its own
    std::uint8_t solicitations = 0;    ///< sent
    Instant dad = never;               ///< when its detection goes on
    Instant preferred_until = never;
    Instant valid_until = never;
    std::optional<wire::Nonce> nonce{};
  };
  struct Link {
    neighbor::Interface* interface;
    int solicitations = 0;
    Instant solicit = never;
    Duration interval{};
    bool wants_dhcp6 = false;
  };
  struct Router {
    neighbor::Interface* interface;
    IpAddress address;
    int preference = 0;
    bool is_reachable = true;
    Instant until = never;
  };
  struct OnLink {
    neighbor::Interface* interface;
    IpPrefix prefix;
    Instant until = never;
  };

  // addrconf.cpp
  static void fire(void* self, Instant now);
  void on_timer();
  void arm();
  void expire();
  void change_state(Address& address);
  void solicit_routers(Link& link);
  [[nodiscard]] Link* link_of(const neighbor::Interface& interface);
  [[nodiscard]] Duration delay(const IpAddress& of, Duration longest) const;

  // dad.cpp
  void listen(const Address& address, bool on);
  void begin(Address address);
  void go_on(Address& address);
  void assign(Address& address);
  void withdraw(Address& address);
  void found_duplicate(Address& address);

  // routers.cpp
  void take_router(neighbor::Interface& interface, const IpAddress& router, const wire::RouterAdvertisement& ra);
  void choose_router();
  void take_prefix(neighbor::Interface& interface, const wire::PrefixInfo& info);
  void take_on_link(neighbor::Interface& interface, const wire::PrefixInfo& info);
  void take_address(neighbor::Interface& interface, const wire::PrefixInfo& info);
  void take_name_servers(neighbor::Interface& interface, const wire::RouterAdvertisement& ra);
  [[nodiscard]] Instant after(std::uint32_t seconds) const;

  Env& env_;
  ip::Stack& ip_;
  const Options options_;
  Dhcp6Wish* dhcp6_ = nullptr;
  std::vector<Link> links_;
  std::vector<Address> addresses_;
  std::vector<Router> routers_;
  std::vector<OnLink> on_link_;
  std::vector<DnsRow> name_servers_;
  std::optional<ip::Route> default_route_;  ///< the one that is in the table for them
  timer::Timer timer_{&Addrconf::fire, this};
};

/// The modified EUI-64 of a MAC behind a prefix of 64 bits (RFC 4291 appendix A).
[[nodiscard]] IpAddress eui64_address(const IpAddress& prefix, const MacAddress& mac);

}  // namespace millrace::addrconf
