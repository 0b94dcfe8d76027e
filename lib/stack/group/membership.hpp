// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/group/groups.hpp>

namespace millrace::group {

/// What is known of the queriers of an interface, of one of the two protocols.
struct Groups::Link {
  Link(Groups& all, neighbor::Interface& on, bool is_v4) : groups(all), interface(on), v4(is_v4) {}
  static void fire(void* self, Instant) {
    auto& link = *static_cast<Link*>(self);
    link.groups.answer_all(link);
  }

  Groups& groups;
  neighbor::Interface& interface;
  const bool v4;
  Instant v1_until{};           ///< a querier of version 1 is there until then (RFC 3376 section 7.2.1, RFC 3810 section 8.2.1)
  Instant v2_until{};           ///< IGMP only
  std::uint8_t robustness = 2;
  Duration query_interval = 125s;
  timer::Timer answer{&Link::fire, this};  ///< to a question about all groups
};

/// One group on one interface.
struct Groups::Membership {
  Membership(Link& on, const IpAddress& of) : link(on), group(of) {}
  static void fire_change(void* self, Instant) {
    auto& m = *static_cast<Membership*>(self);
    m.link.groups.on_change_timer(m);
  }
  static void fire_answer(void* self, Instant) {
    auto& m = *static_cast<Membership*>(self);
    m.link.groups.answer(m);
  }

  Link& link;
  const IpAddress group;
  std::vector<std::pair<Listener, Filter>> listeners;
  Filter filter;                    ///< what they want together

  // What is still to be told of the last changes (RFC 3376 section 5.1).
  std::uint8_t changes_left = 0;    ///< how often
  bool mode_changed = false;
  std::vector<IpAddress> allowed;   ///< sources that are new
  std::vector<IpAddress> blocked;   ///< sources that are no longer wanted
  timer::Timer change{&Membership::fire_change, this};

  // What was asked about it (section 5.2).
  std::vector<IpAddress> asked;     ///< none: about all sources
  bool last_reporter = false;       ///< we have reported this group alone, and nobody after us
  timer::Timer answer{&Membership::fire_answer, this};
};

}  // namespace millrace::group
