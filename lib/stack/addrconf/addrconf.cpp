// SPDX-License-Identifier: BSD-3-Clause
// IPv6 configures itself: what is due and when. Called by socket::Stack (start) and the timing wheel; calls dad.cpp and
// routers.cpp. RFC 4862, RFC 4861 section 6.3; net/ipv6/addrconf.c.
#include <millrace/stack/addrconf/addrconf.hpp>

#include <millrace/base/siphash.hpp>

#include <algorithm>

namespace millrace::addrconf {
namespace {

constexpr IpAddress link_local_network{{0xfe, 0x80}};

}  // namespace

IpAddress eui64_address(const IpAddress& prefix, const MacAddress& mac) {
  IpAddress address = prefix;
  const auto& m = mac.bytes;
  const std::array<std::uint8_t, 8> id{static_cast<std::uint8_t>(m[0] ^ 2), m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};
  std::copy(id.begin(), id.end(), address.bytes.begin() + 8);
  return address;
}

Addrconf::Addrconf(Env& env, ip::Stack& ip, const Options& options) : env_(env), ip_(ip), options_(options) {
  ip.neighbors().set_host_config(this);
}

Addrconf::~Addrconf() {
  env_.wheel->cancel(timer_);
  ip_.neighbors().set_host_config(nullptr);
}

void Addrconf::start(neighbor::Interface& interface, std::span<const IpPrefix> configured) {
  links_.push_back({.interface = &interface, .interval = options_.rtr_solicitation_interval});
  if (options_.eui64)
    begin({.interface = &interface, .prefix = {eui64_address(link_local_network, interface.mac), 64}});
  for (const IpPrefix& prefix : configured) begin({.interface = &interface, .prefix = prefix});
  arm();
}

// All lcores of a stack wait as long, for they share the key: what one finds out the others do at the same time.
Duration Addrconf::delay(const IpAddress& of, Duration longest) const {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(longest).count();
  return std::chrono::milliseconds(siphash(env_.secret, of.bytes) % static_cast<std::uint64_t>(ms + 1));
}

Addrconf::Link* Addrconf::link_of(const neighbor::Interface& interface) {
  const auto found = std::find_if(links_.begin(), links_.end(), [&](const Link& l) { return l.interface->ifindex == interface.ifindex; });
  return found != links_.end() ? &*found : nullptr;
}

void Addrconf::arm() {
  Instant next = never;
  for (const Address& a : addresses_) {
    next = std::min({next, a.dad, a.valid_until});
    if (a.state == AddressState::preferred) next = std::min(next, a.preferred_until);
  }
  for (const Link& l : links_) next = std::min(next, l.solicit);
  for (const Router& r : routers_) next = std::min(next, r.until);
  for (const OnLink& p : on_link_) next = std::min(next, p.until);
  for (const DnsRow& d : name_servers_) next = std::min(next, d.until);
  env_.wheel->arm(timer_, next);
}

void Addrconf::fire(void* self, Instant) { static_cast<Addrconf*>(self)->on_timer(); }

void Addrconf::on_timer() {
  for (Address& address : addresses_) change_state(address);
  for (Link& link : links_)
    if (link.solicit <= env_.now) solicit_routers(link);
  expire();
  arm();
}

// addrconf_verify_rtnl()
void Addrconf::change_state(Address& address) {
  if (address.dad <= env_.now) go_on(address);
  if (address.state != AddressState::preferred || address.preferred_until > env_.now) return;
  address.state = AddressState::deprecated;  // RFC 4862 section 5.5.4
  address.interface->deprecated.push_back(address.prefix.address);
}

void Addrconf::expire() {
  const auto is_over = [this](const auto& what) { return what.until <= env_.now; };
  for (Address& address : addresses_)
    if (address.valid_until <= env_.now) withdraw(address);
  std::erase_if(addresses_, [this](const Address& a) { return a.valid_until <= env_.now; });
  for (const OnLink& prefix : on_link_)
    if (is_over(prefix) && prefix.interface->speaks) static_cast<void>(ip_.remove_route(prefix.prefix, ip::Route::connected_metric_v6));
  std::erase_if(on_link_, is_over);
  std::erase_if(name_servers_, is_over);
  if (std::erase_if(routers_, is_over) != 0) choose_router();
}

// RFC 4861 section 6.3.7, RFC 7559.
void Addrconf::solicit_routers(Link& link) {
  if (link.interface->speaks) ip_.neighbors().send_router_solicitation(*link.interface);
  ++link.solicitations;
  const bool goes_on = options_.rtr_solicitations < 0 || link.solicitations < options_.rtr_solicitations;
  link.solicit = goes_on ? env_.now + link.interval : never;
  link.interval = std::min(2 * link.interval, options_.rtr_solicitation_max_interval);
}

std::vector<AddressRow> Addrconf::addresses() const {
  std::vector<AddressRow> rows;
  for (const Address& a : addresses_)
    rows.push_back({a.interface->ifindex, a.prefix, a.state, a.preferred_until, a.valid_until});
  return rows;
}

std::vector<DnsRow> Addrconf::name_servers() const { return name_servers_; }

bool Addrconf::wants_dhcp6(const neighbor::Interface& interface) const {
  return std::any_of(links_.begin(), links_.end(), [&](const Link& l) { return l.interface->ifindex == interface.ifindex && l.wants_dhcp6; });
}

}  // namespace millrace::addrconf
