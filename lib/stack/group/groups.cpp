// SPDX-License-Identifier: BSD-3-Clause
// Who listens to what group. Called by ip::Stack for sockets, for the host itself and for what arrives; calls changes.cpp.
// ip_mc_join_group(), ip_mc_source() and ip_check_mc_rcu() of net/ipv4/igmp.c; net/ipv6/mcast.c (receive_path H11).
#include <millrace/stack/group/membership.hpp>

#include <millrace/wire/nd.hpp>

#include <algorithm>
#include <cerrno>

namespace millrace::group {
namespace {

const IpAddress all_hosts = IpAddress::v4(224, 0, 0, 1);
constexpr IpAddress all_nodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

int newest_version(bool v4) { return v4 ? 3 : 2; }

template <class Listeners>
auto find_listener(Listeners& listeners, Groups::Listener who) {
  return std::find_if(listeners.begin(), listeners.end(), [&](const auto& l) { return l.first == who; });
}

}  // namespace

Groups::Groups(Env& env, neighbor::Neighbors& neighbors, const Options& options)
    : env_(env), neighbors_(neighbors), options_(options) {}

Groups::~Groups() = default;

Groups::Membership* Groups::find(const neighbor::Interface& interface, const IpAddress& group) const {
  for (const auto& m : memberships_)
    if (m->group == group && m->link.interface.ifindex == interface.ifindex) return m.get();
  return nullptr;
}

Groups::Link& Groups::link_of(neighbor::Interface& interface, bool v4) {
  for (const auto& link : links_)
    if (link->interface.ifindex == interface.ifindex && link->v4 == v4) return *link;
  links_.push_back(std::make_unique<Link>(*this, interface, v4));
  links_.back()->robustness = options_.robustness;
  return *links_.back();
}

int Groups::set(neighbor::Interface& interface, const IpAddress& group, Listener who, Filter wanted, bool unasked) {
  if (!group.is_multicast()) return -EINVAL;
  Membership* m = find(interface, group);
  if (m == nullptr && wanted.wants_nothing()) return 0;
  if (m == nullptr) {
    if (memberships_.size() >= options_.memberships) return -ENOBUFS;
    memberships_.push_back(std::make_unique<Membership>(link_of(interface, group.is_v4()), group));
    m = memberships_.back().get();
  }
  const auto listener = find_listener(m->listeners, who);
  if (wanted.wants_nothing()) {
    if (listener != m->listeners.end()) m->listeners.erase(listener);
  } else if (listener != m->listeners.end()) {
    listener->second = std::move(wanted);
  } else {
    m->listeners.emplace_back(who, std::move(wanted));
  }
  listeners_changed(*m, unasked);
  return 0;
}

void Groups::listeners_changed(Membership& m, bool unasked) {
  std::vector<const Filter*> filters;
  for (const auto& [who, filter] : m.listeners) filters.push_back(&filter);
  Filter next = merge(filters);
  if (next != m.filter) {
    neighbor::Interface& interface = m.link.interface;
    if (!interface.speaks) {
      if (relay_ != nullptr && is_reported(m)) relay_->tell_speaker(interface.ifindex, m.group, next);
    } else if (unasked && is_reported(m)) {
      report_change(m, next);
    }
    m.filter = std::move(next);
  }
  if (m.filter.wants_nothing() && m.changes_left == 0) destroy(m);
}

void Groups::destroy(Membership& m) {
  std::erase_if(memberships_, [&](const auto& one) { return one.get() == &m; });
}

Filter Groups::wanted_by(const neighbor::Interface& interface, const IpAddress& group, Listener who) const {
  Membership* const m = find(interface, group);
  if (m == nullptr) return {};
  const auto listener = find_listener(m->listeners, who);
  return listener != m->listeners.end() ? listener->second : Filter{};
}

bool Groups::wants(const neighbor::Interface& interface, const IpAddress& group, const IpAddress& source) const {
  if (group == all_hosts || group == all_nodes) return true;
  const Membership* const m = find(interface, group);
  return m != nullptr && m->filter.wants(source);
}

bool Groups::is_in(const neighbor::Interface& interface, const IpAddress& group) const {
  const Membership* const m = find(interface, group);
  return group == all_hosts || group == all_nodes || (m != nullptr && !m->filter.wants_nothing());
}

// Silent: switches that look at MLD ask for what they have not heard of.
void Groups::follow_addresses(neighbor::Interface& interface) {
  if (interface.is_loopback) return;
  std::vector<IpAddress> wanted;
  for (const IpPrefix& own : interface.addresses)
    if (!own.address.is_v4()) insert(wanted, wire::solicited_node(own.address));
  std::vector<IpAddress> had;
  for (const auto& m : memberships_)
    if (m->link.interface.ifindex == interface.ifindex && find_listener(m->listeners, host) != m->listeners.end()) insert(had, m->group);
  for (const IpAddress& group : without(had, wanted)) static_cast<void>(set(interface, group, host, {}, interface.autoconf));
  for (const IpAddress& group : without(wanted, had)) static_cast<void>(set(interface, group, host, Filter::all(), interface.autoconf));
}

// RFC 3376 section 4, RFC 3810 section 6: what never leaves the host, and what everybody is in.
bool Groups::is_reported(const Membership& m) const {
  if (m.link.interface.is_loopback || m.group == all_hosts || m.group == all_nodes) return false;
  if (!m.group.is_v4()) return (m.group.bytes[1] & 15) > 1;
  return options_.link_local_reports || (m.group.v4_number() & 0xffffff00) != 0xe0000000;
}

int Groups::version_of(const Link& link) const {
  const int forced = link.v4 ? options_.force_igmp_version : options_.force_mld_version;
  if (forced != 0) return forced;
  if (env_.now < link.v1_until) return 1;
  if (!link.v4 || env_.now < link.v2_until) return 2;
  return 3;
}

Duration Groups::within(Duration longest) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(longest).count();
  return std::chrono::milliseconds(env_.rng.below(static_cast<std::uint32_t>(std::max<std::int64_t>(ms, 1))));
}

std::uint8_t Groups::version_on(const neighbor::Interface& interface, bool v4) const {
  for (const auto& link : links_)
    if (link->interface.ifindex == interface.ifindex && link->v4 == v4) return static_cast<std::uint8_t>(version_of(*link));
  const int forced = v4 ? options_.force_igmp_version : options_.force_mld_version;
  return static_cast<std::uint8_t>(forced != 0 ? forced : newest_version(v4));
}

// The newest versions tell changes of all groups of an interface by a timer of the interface: it is none of the group's.
Row Groups::row_of(const Membership& m) const {
  const int version = version_of(m.link);
  Row row{.ifindex = m.link.interface.ifindex,
          .group = m.group,
          .users = static_cast<std::uint32_t>(m.listeners.size()),
          .last_reporter = m.last_reporter,
          .querier_version = static_cast<std::uint8_t>(version)};
  if (m.answer.is_armed()) {
    row.timer = m.answer.deadline() - env_.now;
  } else if (m.change.is_armed() && version != newest_version(m.link.v4)) {
    row.timer = m.change.deadline() - env_.now;
  }
  return row;
}

std::vector<Row> Groups::rows() const {
  std::vector<Row> rows;
  for (const auto& m : memberships_) {
    if (m->listeners.empty()) continue;  // only its leaving is still to be told: Linux keeps it apart (mc_tomb)
    rows.push_back(row_of(*m));
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return std::pair(a.ifindex, a.group) < std::pair(b.ifindex, b.group); });
  return rows;
}

}  // namespace millrace::group
