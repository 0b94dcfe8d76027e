// SPDX-License-Identifier: BSD-3-Clause
// What routers say. Called by neighbor::Neighbors for each advertisement and redirect; calls ip::Stack. RFC 4861 sections
// 6.3.4 and 8.3, RFC 4862 section 5.5.3, RFC 4191, RFC 8106; ndisc_router_discovery of net/ipv6/ndisc.c.
#include <millrace/stack/addrconf/addrconf.hpp>

#include <algorithm>

namespace millrace::addrconf {
namespace {

constexpr std::uint32_t infinity = 0xffffffff;
constexpr std::size_t most_routers = 16, most_prefixes = 32, most_name_servers = 16;
constexpr Duration two_hours = std::chrono::hours(2);

template <class List>
auto find_on(List& list, const neighbor::Interface& interface, const auto& matches) {
  return std::find_if(list.begin(), list.end(), [&](const auto& one) { return one.interface->ifindex == interface.ifindex && matches(one); });
}

}  // namespace

Instant Addrconf::after(std::uint32_t seconds) const {
  return seconds == infinity ? never : env_.now + std::chrono::seconds(seconds);
}

void Addrconf::receive_router_advertisement(neighbor::Interface& interface, const IpAddress& router, const wire::RouterAdvertisement& ra) {
  Link* const link = link_of(interface);
  if (link == nullptr || !options_.accept_ra) return;
  env_.stats->neighbor.add(stats::Neighbor::router_advertisements);
  link->solicit = never;  // a router is there
  link->wants_dhcp6 = ra.managed || ra.other_config;
  if (link->wants_dhcp6 && dhcp6_ != nullptr) dhcp6_->wants_dhcp6(interface);
  if (ra.hop_limit != 0) interface.hop_limit_v6 = ra.hop_limit;
  if (ra.reachable_time_ms != 0) interface.base_reachable = std::chrono::milliseconds(ra.reachable_time_ms);
  if (ra.retransmit_timer_ms != 0) interface.retrans = std::chrono::milliseconds(ra.retransmit_timer_ms);
  if (options_.accept_ra_mtu && ra.mtu >= 1280 && ra.mtu <= interface.mtu) interface.mtu_v6 = ra.mtu;
  if (ra.source_link) ip_.neighbors().heard(interface, router, *ra.source_link);
  take_router(interface, router, ra);
  for (std::size_t i = 0; i < ra.prefix_count; ++i) take_prefix(interface, ra.prefixes[i]);
  take_name_servers(interface, ra);
  expire();
  arm();
}

void Addrconf::take_router(neighbor::Interface& interface, const IpAddress& router, const wire::RouterAdvertisement& ra) {
  if (!options_.accept_ra_defrtr) return;
  const auto known = find_on(routers_, interface, [&](const Router& r) { return r.address == router; });
  const Instant until = env_.now + std::chrono::seconds(ra.router_lifetime_s);  // 0: it is none any more
  if (known != routers_.end()) {
    known->preference = ra.preference;
    known->is_reachable = true;
    known->until = until;
  } else if (ra.router_lifetime_s != 0 && routers_.size() < most_routers) {
    routers_.push_back({.interface = &interface, .address = router, .preference = ra.preference, .until = until});
  }
  choose_router();
}

// Section 6.3.6, RFC 4191 section 3.2: one that answers before one that does not, then by preference, then the first.
void Addrconf::choose_router() {
  const auto rank = [](const Router& r) { return std::pair(r.is_reachable, r.preference); };
  const Router* best = nullptr;
  for (const Router& r : routers_)
    if (r.until > env_.now && (best == nullptr || rank(r) > rank(*best))) best = &r;
  std::optional<ip::Route> wanted;
  if (best != nullptr)
    wanted = {.prefix = {IpAddress{}, 0}, .to = {.ifindex = best->interface->ifindex, .gateway = best->address}, .metric = ip::Route::default_metric_v6};
  if (wanted == default_route_) return;
  const bool speaks = std::all_of(links_.begin(), links_.end(), [](const Link& l) { return l.interface->speaks; });
  if (speaks && default_route_) static_cast<void>(ip_.remove_route(default_route_->prefix, default_route_->metric));
  // A route of the administrator's stays where it is.
  if (speaks && wanted && !ip_.add_route(*wanted)) wanted.reset();
  default_route_ = wanted;
}

// Neighbour unreachability detection found that a router is gone.
void Addrconf::neighbor_failed(neighbor::Interface& interface, const IpAddress& address) {
  const auto router = find_on(routers_, interface, [&](const Router& r) { return r.address == address; });
  if (router == routers_.end()) return;
  router->is_reachable = false;
  choose_router();
}

void Addrconf::take_prefix(neighbor::Interface& interface, const wire::PrefixInfo& info) {
  if (!options_.accept_ra_pinfo || info.prefix.address.is_link_local() || info.prefix.address.is_multicast()) return;
  if (info.on_link) take_on_link(interface, info);
  if (info.autonomous && options_.autoconf) take_address(interface, info);
}

void Addrconf::take_on_link(neighbor::Interface& interface, const wire::PrefixInfo& info) {
  const IpPrefix prefix = ip::network_of(info.prefix);
  const auto known = find_on(on_link_, interface, [&](const OnLink& p) { return p.prefix == prefix; });
  if (known != on_link_.end()) {
    known->until = after(info.valid_lifetime_s);
    return;
  }
  if (info.valid_lifetime_s == 0 || on_link_.size() >= most_prefixes) return;
  on_link_.push_back({&interface, prefix, after(info.valid_lifetime_s)});
  if (interface.speaks)
    static_cast<void>(ip_.add_route({.prefix = prefix, .to = {.ifindex = interface.ifindex}, .metric = ip::Route::connected_metric_v6}));
}

// RFC 4862 section 5.5.3.
void Addrconf::take_address(neighbor::Interface& interface, const wire::PrefixInfo& info) {
  if (info.preferred_lifetime_s > info.valid_lifetime_s || info.prefix.length != 64) return;
  const IpPrefix own{eui64_address(info.prefix.address, interface.mac), 64};
  const auto known = find_on(addresses_, interface, [&](const Address& a) { return a.prefix.address == own.address; });
  if (known == addresses_.end()) {
    const auto made = std::count_if(addresses_.begin(), addresses_.end(), [](const Address& a) { return a.by_prefix; });
    if (info.valid_lifetime_s == 0 || made >= options_.max_addresses) return;
    return begin({.interface = &interface,
                  .prefix = own,
                  .by_prefix = true,
                  .preferred_until = after(info.preferred_lifetime_s),
                  .valid_until = after(info.valid_lifetime_s)});
  }
  if (!known->by_prefix) return;
  // (e): nobody who is not authenticated shortens a life to less than two hours.
  const Instant offered = after(info.valid_lifetime_s);
  if (offered > env_.now + two_hours || offered > known->valid_until) {
    known->valid_until = offered;
  } else if (known->valid_until > env_.now + two_hours) {
    known->valid_until = env_.now + two_hours;
  }
  known->preferred_until = after(info.preferred_lifetime_s);
  if (known->state == AddressState::deprecated && known->preferred_until > env_.now) {
    known->state = AddressState::preferred;
    std::erase(interface.deprecated, own.address);
  }
  change_state(*known);
}

// RFC 8106 section 5.1.
void Addrconf::take_name_servers(neighbor::Interface& interface, const wire::RouterAdvertisement& ra) {
  for (std::size_t i = 0; i < ra.dns_count; ++i) {
    const auto known = std::find_if(name_servers_.begin(), name_servers_.end(),
                                    [&](const DnsRow& d) { return d.ifindex == interface.ifindex && d.server == ra.dns[i].server; });
    const Instant until = after(ra.dns[i].lifetime_s);
    if (known != name_servers_.end()) {
      known->until = until;
    } else if (ra.dns[i].lifetime_s != 0 && name_servers_.size() < most_name_servers) {
      name_servers_.push_back({interface.ifindex, ra.dns[i].server, until});
    }
  }
}

// Section 8.3. The target is the destination itself when that is a neighbour.
void Addrconf::receive_redirect(neighbor::Interface& interface, const IpAddress& router, const wire::Redirect& redirect) {
  if (!options_.accept_redirects) return;
  const bool changes = interface.speaks;
  if (changes && !ip_.accept_redirect(interface, router, redirect.destination, redirect.target)) return;
  if (redirect.target_link) ip_.neighbors().heard(interface, redirect.target, *redirect.target_link);
}

}  // namespace millrace::addrconf
