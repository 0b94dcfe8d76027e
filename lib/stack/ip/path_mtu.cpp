// SPDX-License-Identifier: BSD-3-Clause
// The MTU of paths. Called by Stack for what it sends and when a transport believes an ICMP error; pure. RFC 1191, RFC 8201;
// update_or_create_fnhe of net/ipv4/route.c.
#include <millrace/stack/ip/path_mtu.hpp>

#include <millrace/base/siphash.hpp>
#include <millrace/wire/ipv6.hpp>

#include <algorithm>

namespace millrace::ip {

std::uint32_t PathMtus::least(bool v4) const { return v4 ? options_.min_v4 : static_cast<std::uint32_t>(wire::ipv6_min_mtu); }

std::size_t PathMtus::set_of(const IpAddress& destination) const { return siphash(env_.secret, destination.bytes) % (capacity / ways) * ways; }

void PathMtus::learn(const IpAddress& destination, std::uint32_t mtu) {
  mtu = std::max(mtu, least(destination.is_v4()));
  if (entries_.empty()) entries_.resize(capacity);
  const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(set_of(destination));
  const auto end = begin + ways;
  const auto known = std::find_if(begin, end, [&](const Entry& e) { return e.mtu != 0 && e.destination == destination; });
  if (known != end && known->expires > env_.now && known->mtu < mtu) return;
  const auto place = known != end ? known : std::min_element(begin, end, [](const Entry& a, const Entry& b) { return a.expires < b.expires; });
  *place = {destination, env_.now + (destination.is_v4() ? options_.expires_v4 : options_.expires_v6), mtu};
}

std::uint32_t PathMtus::lookup(const IpAddress& destination, std::uint32_t link_mtu) const {
  if (entries_.empty()) return link_mtu;
  const std::size_t set = set_of(destination);
  for (std::size_t i = set; i < set + ways; ++i) {
    const Entry& entry = entries_[i];
    if (entry.mtu != 0 && entry.destination == destination && entry.expires > env_.now) return std::min(link_mtu, entry.mtu);
  }
  return link_mtu;
}

}  // namespace millrace::ip
