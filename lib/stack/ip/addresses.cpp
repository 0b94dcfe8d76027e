// SPDX-License-Identifier: BSD-3-Clause
// The stack's interfaces, addresses and routes. Called by socket::Stack and the engine, on set-up and when a user changes
// them; calls Routes and LocalTable. __inet_insert_ifa, fib_check_nh (receive_path H4, H5).
#include <millrace/stack/ip/stack.hpp>

#include <algorithm>
#include <cerrno>

namespace millrace::ip {

Route Stack::connected(const neighbor::Interface& interface, const IpPrefix& address) {
  return {.prefix = network_of(address),
          .to = {.ifindex = interface.ifindex},
          .metric = address.address.is_v4() ? 0 : Route::connected_metric_v6};
}

Result<void> Stack::add_interface(neighbor::Interface& interface) {
  interfaces_.push_back(&interface);
  by_ifindex_.resize(std::max<std::size_t>(by_ifindex_.size(), interface.ifindex + 1u));
  by_ifindex_[interface.ifindex] = &interface;
  addresses_changed();
  if (interface.is_loopback) {
    loopback_ = &interface;
    return {};  // its addresses are in the local table, and that is asked first
  }
  for (const IpPrefix& own : interface.addresses) {
    const Route route = connected(interface, own);
    if (routes_.append(route) == Routes::Change::full) return failure(ENOSPC, describe(route) + ": the route table is full; remove some");
  }
  for (const IpPrefix& own : interface.addresses) neighbors_.address_added(interface, own.address);
  return {};
}

Result<void> Stack::add_address(neighbor::Interface& interface, const IpPrefix& address) {
  const std::string what = "address " + address.to_string() + " dev " + interface.name;
  if (local_.find(address.address) == LocalTable::Kind::local) return failure(EEXIST, what + ": the host has this address already");
  const Route route = connected(interface, address);
  if (routes_.append(route) == Routes::Change::full) return failure(ENOSPC, what + ": the route table is full; remove some");
  interface.addresses.push_back(address);
  addresses_changed();
  neighbors_.address_added(interface, address.address);
  return {};
}

Result<void> Stack::remove_address(neighbor::Interface& interface, const IpPrefix& address) {
  const auto own = std::find(interface.addresses.begin(), interface.addresses.end(), address);
  if (own == interface.addresses.end())
    return failure(EADDRNOTAVAIL, "address " + address.to_string() + " dev " + interface.name + ": the interface does not have it");
  interface.addresses.erase(own);
  addresses_changed();
  // Two addresses of one prefix share its route.
  const auto shares = [&](const IpPrefix& other) { return network_of(other) == network_of(address); };
  if (std::none_of(interface.addresses.begin(), interface.addresses.end(), shares)) static_cast<void>(routes_.remove(connected(interface, address)));
  return {};
}

Result<void> Stack::add_route(const IpPrefix& prefix, const std::optional<IpAddress>& gateway, neighbor::Interface& interface) {
  return add_route({.prefix = prefix,
                    .to = {.ifindex = interface.ifindex, .gateway = gateway.value_or(IpAddress{})},
                    .metric = prefix.address.is_v4() ? 0 : Route::default_metric_v6});
}

Result<void> Stack::add_route(const Route& route) {
  if (Result<void> fits = check(route); !fits) return fits;
  switch (routes_.add(route)) {
    case Routes::Change::exists: return failure(EEXIST, describe(route) + ": the prefix has a route of this metric already; remove it, or choose another metric");
    case Routes::Change::full: return failure(ENOSPC, describe(route) + ": the route table is full; remove some");
    case Routes::Change::done:
    case Routes::Change::absent: break;
  }
  return {};
}

Result<void> Stack::remove_route(const IpPrefix& prefix, std::optional<std::uint32_t> metric) {
  if (routes_.remove(prefix, metric) == Routes::Change::done) return {};
  return failure(ESRCH, "route " + network_of(prefix).to_string() + (metric ? " metric " + std::to_string(*metric) : "") + ": there is none");
}

// fib_check_nh(): a gateway is a neighbour, found by a route to the link it is on.
Result<void> Stack::check(const Route& route) const {
  const NextHop& to = route.to;
  if (to.gateway.is_unspecified()) return {};
  if (to.gateway.is_v4() != route.prefix.address.is_v4())
    return failure(EINVAL, describe(route) + ": prefix and gateway are of different families; give both in one");
  if (is_local(to.gateway)) return failure(EINVAL, describe(route) + ": the gateway is this host itself; give a neighbour's address");
  if (to.gateway.is_link_local()) return {};
  const NextHop* const link = routes_.lookup(to.gateway);
  if (link == nullptr || link->type != RouteType::unicast || !link->gateway.is_unspecified() || link->ifindex != to.ifindex)
    return failure(ENETUNREACH, describe(route) + ": the gateway is not on the link; give an address of a neighbour");
  return {};
}

std::string Stack::describe(const Route& route) const {
  std::string text = "route " + route.prefix.to_string();
  if (!route.to.gateway.is_unspecified()) text += " via " + route.to.gateway.to_string();
  if (const neighbor::Interface* const out = interface(route.to.ifindex)) text += " dev " + out->name;
  return text;
}

void Stack::addresses_changed() {
  local_.rebuild(interfaces_);
  ++address_generation_;
  for (neighbor::Interface* interface : interfaces_) groups_.follow_addresses(*interface);
}

// ip_do_redirect(): from the first hop in use, to a neighbour (RFC 1122 section 3.2.2.2).
bool Stack::accept_redirect(neighbor::Interface& interface, const IpAddress& reporter, const IpAddress& destination, const IpAddress& target) {
  const bool v4 = destination.is_v4();
  if (v4 && !redirect_policy_.accept) return false;
  if (destination.is_multicast() || target.is_multicast() || target.is_unspecified() || is_local(target) || is_broadcast(target)) return false;
  const NextHop* const now = routes_.lookup(destination);
  if (now == nullptr || now->type != RouteType::unicast || now->ifindex != interface.ifindex || now->gateway != reporter || target == reporter) return false;
  const NextHop* const to = routes_.lookup(target);
  const bool is_neighbour = target.is_link_local() || (to != nullptr && to->gateway.is_unspecified() && to->ifindex == interface.ifindex);
  if (!is_neighbour) return false;
  if (v4 && !redirect_policy_.shared_media) {
    const auto shares = [&](const IpPrefix& own) { return own.contains(reporter) && own.contains(target); };
    if (std::none_of(interface.addresses.begin(), interface.addresses.end(), shares)) return false;
    if (redirect_policy_.secure && !leads_by_default(target)) return false;
  }
  if (!redirects_.add(destination, interface.ifindex, target == destination ? IpAddress{} : target)) return false;
  env_.stats->neighbor.add(stats::Neighbor::redirects);
  ++address_generation_;  // sockets ask anew for their way
  return true;
}

// ip_fib_check_default()
bool Stack::leads_by_default(const IpAddress& gateway) const {
  const std::vector<Route> all = routes_.all();
  return std::any_of(all.begin(), all.end(), [&](const Route& r) { return r.prefix.length == 0 && r.to.gateway == gateway; });
}

neighbor::Interface* Stack::interface(std::string_view name) const {
  const auto found = std::find_if(interfaces_.begin(), interfaces_.end(), [&](const auto* one) { return one->name == name; });
  return found != interfaces_.end() ? *found : nullptr;
}

bool Stack::is_local(const IpAddress& address) const {
  if (local_.find(address) == LocalTable::Kind::local) return true;
  if (!routes_.has_local()) return false;
  const NextHop* const hop = routes_.lookup(address);
  return hop != nullptr && hop->type == RouteType::local;
}

bool Stack::is_broadcast(const IpAddress& address) const { return local_.find(address) == LocalTable::Kind::broadcast; }

}  // namespace millrace::ip
