// SPDX-License-Identifier: BSD-3-Clause
// Duplicate address detection. Called by addrconf.cpp and, for what neighbours say, by neighbor::Neighbors; calls its
// solicitations and ip::Stack. RFC 4862 section 5.4, RFC 7527; addrconf_dad_work of net/ipv6/addrconf.c.
#include <millrace/stack/addrconf/addrconf.hpp>

#include <millrace/base/log.hpp>
#include <millrace/base/siphash.hpp>

#include <algorithm>

namespace millrace::addrconf {

namespace {

constexpr Duration most_delay = 1s;  // MAX_RTR_SOLICITATION_DELAY, as Linux for the first address

}  // namespace

// Two addresses may share the group, so each listens for itself.
void Addrconf::listen(const Address& address, bool on) {
  const group::Groups::Listener who = group::Groups::tentative_bit | (siphash(env_.secret, address.prefix.address.bytes) >> 2);
  static_cast<void>(ip_.groups().set(*address.interface, wire::solicited_node(address.prefix.address), who, on ? group::Filter::all() : group::Filter{}));
}

void Addrconf::begin(Address address) {
  addresses_.push_back(std::move(address));
  Address& added = addresses_.back();
  if (options_.dad_transmits == 0) return assign(added);
  // Section 5.4.2: its group first, or nobody's solicitation for it would be heard.
  listen(added, true);
  added.dad = env_.now + delay(added.prefix.address, most_delay);
}

void Addrconf::go_on(Address& address) {
  if (address.solicitations == options_.dad_transmits) return assign(address);
  ++address.solicitations;
  if (address.interface->speaks) {
    wire::Nonce& nonce = address.nonce.emplace();
    std::generate(nonce.begin(), nonce.end(), [this] { return static_cast<std::uint8_t>(env_.rng.next()); });
    ip_.neighbors().send_dad_solicitation(*address.interface, address.prefix.address, nonce);
  }
  address.dad = env_.now + ip_.neighbors().retrans_time(*address.interface);
}

void Addrconf::assign(Address& address) {
  address.dad = never;
  address.state = AddressState::preferred;
  if (address.by_prefix) {
    address.interface->addresses.push_back(address.prefix);
    ip_.addresses_changed();
  } else {
    static_cast<void>(ip_.add_address(*address.interface, address.prefix));
  }
  listen(address, false);
  if (!address.prefix.address.is_link_local() || !options_.accept_ra) return;
  // RFC 4861 section 6.3.7: routers are asked when there is an address to ask from.
  if (Link* const link = link_of(*address.interface)) link->solicit = env_.now + delay(address.prefix.address, options_.rtr_solicitation_delay);
}

void Addrconf::withdraw(Address& address) {
  neighbor::Interface& interface = *address.interface;
  listen(address, false);
  std::erase(interface.deprecated, address.prefix.address);
  if (std::erase(interface.addresses, address.prefix) != 0) ip_.addresses_changed();
}

// Section 5.4.5: it is not used, and stays in the list for whoever looks for it there.
void Addrconf::found_duplicate(Address& address) {
  env_.stats->neighbor.add(stats::Neighbor::dad_duplicates);
  address.dad = never;
  address.state = AddressState::duplicate;
  listen(address, false);
  if (address.interface->speaks)
    log(LogLevel::warn, address.interface->name + ": IPv6 duplicate address " + address.prefix.address.to_string() + " detected, it is not used");
}

// Sections 5.4.3 and 5.4.4.
bool Addrconf::heard_of(neighbor::Interface& interface, const neighbor::TargetNews& news) {
  const auto address = std::find_if(addresses_.begin(), addresses_.end(), [&](const Address& a) {
    return a.state == AddressState::tentative && a.interface->ifindex == interface.ifindex && a.prefix.address == news.target;
  });
  if (address == addresses_.end()) return false;
  const bool is_own = news.nonce && news.nonce == address->nonce;  // our solicitation, come back
  const bool asks_for_its_address = !news.is_advertisement && !news.source.is_unspecified();
  if (is_own || asks_for_its_address) return true;
  found_duplicate(*address);
  arm();
  return true;
}

}  // namespace millrace::addrconf
