// SPDX-License-Identifier: BSD-3-Clause
// What leases change of a host, and how its lcores come to the same. Called by socket::Stack, the clients, Addrconf and the
// engine (relay); calls ip::Stack. RFC 3442; systemd-networkd for what Linux's clients make of a lease.
#include <millrace/stack/dhcp/dhcp.hpp>

#include <millrace/base/log.hpp>

#include <algorithm>
#include <utility>

namespace millrace::dhcp {
namespace {

constexpr std::uint32_t route_metric = 1000;  // dhcpcd's, plus the interface's number: the administrator's routes go before
constexpr Duration again_after = 100ms;

// RFC 3442: a router may stand on no prefix of ours, but on the link.
std::vector<ip::Route> routes_of(const Lease& lease, std::uint16_t ifindex) {
  std::vector<ip::Route> routes;
  const auto add = [&](const IpPrefix& to, const IpAddress& gateway) {
    const ip::Route route{.prefix = ip::network_of(to),
                          .to = {.ifindex = ifindex, .gateway = gateway, .source = lease.address.address},
                          .metric = route_metric + ifindex};
    if (std::none_of(routes.begin(), routes.end(), [&](const ip::Route& r) { return r.prefix == route.prefix; })) routes.push_back(route);
  };
  const auto is_on_link = [&](const IpAddress& router) {
    return lease.address.contains(router) ||
           std::any_of(routes.begin(), routes.end(), [&](const ip::Route& r) { return r.to.gateway.is_unspecified() && r.prefix.contains(router); });
  };
  for (const wire::ClasslessRoute& r : lease.routes)
    if (r.router.is_unspecified()) add(r.to, IpAddress{});
  for (const wire::ClasslessRoute& r : lease.routes) {
    if (r.router.is_unspecified()) continue;
    if (!is_on_link(r.router)) add({r.router, 32}, IpAddress{});
    add(r.to, r.router);
  }
  return routes;
}

}  // namespace

Dhcp::Dhcp(Env& env, ip::Stack& ip, udp::Udp& udp, addrconf::Addrconf& addrconf) : env_(env), ip_(ip), udp_(udp), addrconf_(addrconf) {
  addrconf_.set_dhcp6(this);
}

Dhcp::~Dhcp() {
  env_.wheel->cancel(again_);
  addrconf_.set_dhcp6(nullptr);
  links_.clear();
  hook_unicast();
  for (udp::Socket* const socket : {socket_, socket6_})
    if (socket != nullptr) udp_.close(*socket);
}

void Dhcp::start(neighbor::Interface& interface, const Options& options) {
  links_.push_back({.interface = &interface, .own_mtu = interface.mtu, .settings = {.ifindex = interface.ifindex}});
  if (socket_ == nullptr) socket_ = open(IpAddress::v4(0, 0, 0, 0), wire::dhcp_client_port);
  if (interface.speaks) links_.back().client = std::make_unique<Client>(env_, ip_, interface, static_cast<Owner&>(*this), options);
  hook_unicast();
}

udp::Socket* Dhcp::open(const IpAddress& any, std::uint16_t port) {
  udp::Socket* const socket = udp_.open(this);
  if (socket == nullptr) return nullptr;
  socket->v6_only = true;
  socket->multicast_v6.loop = false;
  if (udp_.bind(*socket, {any, port}) == 0) return socket;
  udp_.close(*socket);
  log(LogLevel::warn, "DHCP: port " + std::to_string(port) + " is somebody else's, so that no answers are heard");
  return nullptr;
}

void Dhcp::shut_down() {
  for (Link& link : links_)
    if (link.client) link.client->shut_down();
  links6_.clear();
}

Dhcp::Link* Dhcp::link_of(std::uint16_t ifindex) {
  const auto found = std::find_if(links_.begin(), links_.end(), [&](const Link& l) { return l.interface->ifindex == ifindex; });
  return found != links_.end() ? &*found : nullptr;
}

void Dhcp::lease_changed(neighbor::Interface& interface) {
  Link& link = *link_of(interface.ifindex);
  const Lease* const lease = link.client->lease();
  Settings wanted{.ifindex = interface.ifindex};
  if (lease != nullptr) wanted = {.ifindex = interface.ifindex, .address = lease->address, .broadcast = lease->broadcast, .mtu = lease->mtu};
  if (lease == nullptr) replace_routes(link, {});
  apply(wanted);
  tell_others();
  if (lease != nullptr) replace_routes(link, routes_of(*lease, interface.ifindex));
}

void Dhcp::apply(const Settings& settings) {
  Link* const link = link_of(settings.ifindex);
  if (link == nullptr || (link->settings == settings && (link->has_address || !settings.address))) return;
  neighbor::Interface& interface = *link->interface;
  if (link->has_address && link->settings.address != settings.address) {
    static_cast<void>(ip_.remove_address(interface, *link->settings.address));
    link->has_address = false;
  }
  link->settings = settings;
  interface.mtu = settings.mtu != 0 ? std::min(settings.mtu, link->own_mtu) : link->own_mtu;
  interface.broadcast = settings.broadcast;
  ip_.addresses_changed();
  if (settings.address && !link->has_address) {
    const Result<void> added = ip_.add_address(interface, *settings.address);
    link->has_address = added.has_value();
    if (!added && interface.speaks) log(LogLevel::warn, interface.name + ": DHCP: " + added.error().message);
  }
  hook_unicast();
}

// What stays is not touched; what is new comes in its order, for a route may lead to the next one's gateway.
void Dhcp::replace_routes(Link& link, const std::vector<ip::Route>& wanted) {
  const auto is_in = [](const std::vector<ip::Route>& list, const ip::Route& route) { return std::find(list.begin(), list.end(), route) != list.end(); };
  std::erase_if(link.routes, [&](const ip::Route& route) {
    if (is_in(wanted, route)) return false;
    static_cast<void>(ip_.remove_route(route.prefix, route.metric));
    return true;
  });
  for (const ip::Route& route : wanted) {
    if (is_in(link.routes, route)) continue;
    if (const Result<void> added = ip_.add_route(route); added) {
      link.routes.push_back(route);
    } else {
      log(LogLevel::warn, link.interface->name + ": DHCP: " + added.error().message);
    }
  }
}

// The last that is told stands, so it may be told twice.
void Dhcp::tell_others() {
  bool is_told = true;
  for (const Link& link : links_)
    if (relay_ != nullptr && link.client) is_told = relay_->tell_others(link.settings) && is_told;
  env_.wheel->arm(again_, is_told ? never : env_.now + again_after);
}

void Dhcp::tell_again(void* self, Instant) { static_cast<Dhcp*>(self)->tell_others(); }

void Dhcp::wants_dhcp6(neighbor::Interface& interface) {
  const auto has = [&](const Link6& link) { return link.interface == &interface; };
  if (std::any_of(links6_.begin(), links6_.end(), has)) return;
  if (socket6_ == nullptr) socket6_ = open(IpAddress{}, wire::dhcp6_client_port);
  links6_.push_back({.interface = &interface, .client = interface.speaks ? std::make_unique<Client6>(env_, interface, static_cast<Sender6&>(*this)) : nullptr});
}

std::vector<LeaseRow> Dhcp::leases() const {
  std::vector<LeaseRow> rows;
  for (const Link& link : links_)
    if (link.client && link.client->lease() != nullptr) rows.push_back({link.interface->ifindex, link.client->lease()->address, link.client->expires()});
  return rows;
}

std::vector<addrconf::DnsRow> Dhcp::name_servers() const {
  std::vector<addrconf::DnsRow> rows;
  for (const Link& link : links_) {
    if (!link.client || link.client->lease() == nullptr) continue;
    for (const IpAddress& server : link.client->lease()->name_servers) rows.push_back({link.interface->ifindex, server, link.client->expires()});
  }
  for (const Link6& link : links6_) {
    if (!link.client) continue;
    for (const IpAddress& server : link.client->name_servers()) rows.push_back({link.interface->ifindex, server, never});
  }
  return rows;
}

}  // namespace millrace::dhcp
