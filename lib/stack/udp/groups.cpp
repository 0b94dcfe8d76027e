// SPDX-License-Identifier: BSD-3-Clause
// The groups that sockets are in. Called by their users, and by input.cpp for each datagram to a group; calls ip::Output.
// ip_mc_join_group, ip_mc_source and ip_mc_sf_allow of net/ipv4/igmp.c; net/ipv6/mcast.c (receive_path H11).
#include <millrace/stack/udp/match.hpp>
#include <millrace/stack/udp/udp.hpp>

#include <algorithm>
#include <cerrno>

namespace millrace::udp {
namespace {

constexpr std::size_t most_groups = 20;   // net.ipv4.igmp_max_memberships
constexpr std::size_t most_sources = 10;  // net.ipv4.igmp_max_msf

}  // namespace

bool hears_group(const Socket& socket, const IpAddress& group, const IpAddress& source, std::uint16_t ifindex) {
  for (const GroupMembership& m : socket.groups())
    if (m.group == group && m.ifindex == ifindex) return m.filter.wants(source);
  return group.is_v4() ? socket.multicast.all : socket.multicast_v6.all;
}

// The interface that is meant, and the socket's membership there, if it has one.
neighbor::Interface* Udp::find_membership(Socket& socket, const IpAddress& group, std::uint16_t ifindex, GroupMembership*& found) {
  found = nullptr;
  neighbor::Interface* const interface = group.is_multicast() ? ip_.group_interface(group, ifindex) : nullptr;
  if (interface == nullptr) return nullptr;
  const auto is_it = [&](const GroupMembership& m) { return m.group == group && m.ifindex == interface->ifindex; };
  const auto at = std::find_if(socket.groups_.begin(), socket.groups_.end(), is_it);
  if (at != socket.groups_.end()) found = &*at;
  return interface;
}

// What the membership's filter says is what the host wants for it now; one that wants nothing ends.
int Udp::change(Socket& socket, neighbor::Interface& interface, GroupMembership& membership) {
  const int result = ip_.join_group(interface, membership.group, socket.id_, membership.filter);
  if (result == 0 && !membership.filter.wants_nothing()) return 0;
  std::erase_if(socket.groups_, [&](const GroupMembership& m) { return &m == &membership; });
  return result;
}

int Udp::join_group(Socket& socket, const IpAddress& group, std::uint16_t ifindex) {
  if (!group.is_multicast()) return -EINVAL;
  GroupMembership* known = nullptr;
  neighbor::Interface* const interface = find_membership(socket, group, ifindex, known);
  if (interface == nullptr) return -ENODEV;
  if (known != nullptr) return -EADDRINUSE;
  if (socket.groups_.size() >= most_groups) return -ENOBUFS;
  return change(socket, *interface, socket.groups_.emplace_back(GroupMembership{group, interface->ifindex, group::Filter::all()}));
}

int Udp::leave_group(Socket& socket, const IpAddress& group, std::uint16_t ifindex) {
  if (!group.is_multicast()) return -EINVAL;
  GroupMembership* known = nullptr;
  neighbor::Interface* const interface = find_membership(socket, group, ifindex, known);
  if (interface == nullptr) return -ENODEV;
  if (known == nullptr) return -EADDRNOTAVAIL;
  known->filter = {};
  return change(socket, *interface, *known);
}

int Udp::join_source(Socket& socket, const IpAddress& group, const IpAddress& source, std::uint16_t ifindex) {
  if (!group.is_multicast() || source.is_v4() != group.is_v4()) return -EINVAL;
  GroupMembership* known = nullptr;
  neighbor::Interface* const interface = find_membership(socket, group, ifindex, known);
  if (interface == nullptr) return -ENODEV;
  if (known != nullptr && known->filter.exclude) return -EINVAL;
  if (known == nullptr) {
    if (socket.groups_.size() >= most_groups) return -ENOBUFS;
    return change(socket, *interface, socket.groups_.emplace_back(GroupMembership{group, interface->ifindex, {false, {source}}}));
  }
  if (known->filter.sources.size() >= most_sources) return -ENOBUFS;
  return group::insert(known->filter.sources, source) ? change(socket, *interface, *known) : -EADDRNOTAVAIL;
}

int Udp::leave_source(Socket& socket, const IpAddress& group, const IpAddress& source, std::uint16_t ifindex) {
  GroupMembership* known = nullptr;
  neighbor::Interface* const interface = find_membership(socket, group, ifindex, known);
  if (interface == nullptr) return group.is_multicast() ? -ENODEV : -EINVAL;
  if (known == nullptr) return -EADDRNOTAVAIL;
  if (known->filter.exclude) return -EINVAL;
  return group::erase(known->filter.sources, source) ? change(socket, *interface, *known) : -EADDRNOTAVAIL;
}

int Udp::block(Socket& socket, const IpAddress& group, const IpAddress& source, std::uint16_t ifindex, bool on) {
  GroupMembership* known = nullptr;
  neighbor::Interface* const interface = find_membership(socket, group, ifindex, known);
  if (interface == nullptr) return group.is_multicast() ? -ENODEV : -EINVAL;
  if (known == nullptr || !known->filter.exclude) return -EINVAL;
  std::vector<IpAddress>& blocked = known->filter.sources;
  if (on && blocked.size() >= most_sources) return -ENOBUFS;
  const bool is_new = on ? group::insert(blocked, source) : group::erase(blocked, source);
  return is_new ? change(socket, *interface, *known) : -EADDRNOTAVAIL;
}

void Udp::leave_all(Socket& socket) {
  while (!socket.groups_.empty()) static_cast<void>(leave_group(socket, socket.groups_.back().group, socket.groups_.back().ifindex));
}

}  // namespace millrace::udp
