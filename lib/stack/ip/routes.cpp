// SPDX-License-Identifier: BSD-3-Clause
// The route table of a host. Called by ip::Stack, on set-up (add) and for each datagram sent (lookup).
#include <millrace/stack/ip/routes.hpp>

#include <algorithm>

namespace millrace::ip {

IpPrefix network_of(IpPrefix prefix) {
  const std::size_t first = prefix.address.is_v4() ? 12 : 0;
  for (std::size_t i = first; i < prefix.address.bytes.size(); ++i) {
    const int bits = std::clamp<int>(prefix.length - static_cast<int>(8 * (i - first)), 0, 8);
    prefix.address.bytes[i] = static_cast<std::uint8_t>(prefix.address.bytes[i] & (0xff00 >> bits));
  }
  return prefix;
}

bool Routes::add(Route route) {
  if (routes_.size() >= capacity) return false;
  route.prefix = network_of(route.prefix);
  for (const Route& known : routes_)
    if (known.prefix == route.prefix) return false;
  const auto shorter = std::find_if(routes_.begin(), routes_.end(),
                                    [&](const Route& r) { return r.prefix.length < route.prefix.length; });
  routes_.insert(shorter, std::move(route));
  return true;
}

const Route* Routes::lookup(const IpAddress& destination) const {
  for (const Route& route : routes_)
    if (route.prefix.address.is_v4() == destination.is_v4() && route.prefix.contains(destination)) return &route;
  return nullptr;
}

}  // namespace millrace::ip
