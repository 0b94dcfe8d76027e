// SPDX-License-Identifier: BSD-3-Clause
// What changes is told unasked, more than once, for messages get lost. Called by groups.cpp and by timers; calls reports.cpp.
// RFC 3376 section 5.1, RFC 3810 section 6.1; RFC 2236 section 3 (receive_path H11).
#include <millrace/stack/group/membership.hpp>

namespace millrace::group {
namespace {

constexpr Duration unsolicited_v3 = 1s;   // RFC 3376 section 8.11, RFC 3810 section 9.11
constexpr Duration unsolicited_v2 = 10s;  // RFC 2236 section 8.10, RFC 2710 section 7.10

bool knows_sources(bool v4, int version) { return version == (v4 ? 3 : 2); }

}  // namespace

void Groups::report_change(Membership& m, const Filter& next) {
  const int version = version_of(m.link);
  if (knows_sources(m.link.v4, version)) {
    note_difference(m, next);
  } else if (next.wants_nothing()) {  // the older versions speak of groups as a whole
    env_.wheel->cancel(m.change);
    m.changes_left = 0;
    return send_leave(m);
  } else if (!m.filter.wants_nothing()) {
    return;
  }
  m.changes_left = m.link.robustness;
  m.filter = next;
  send_change(m);
}

// What was not told yet of the change before goes with this one.
void Groups::note_difference(Membership& m, const Filter& next) {
  if (m.filter.exclude != next.exclude) {
    m.mode_changed = true;
    m.allowed.clear();
    m.blocked.clear();
    return;
  }
  if (m.mode_changed && m.changes_left != 0) return;  // which tells all sources
  std::vector<IpAddress> more = without(next.sources, m.filter.sources);
  std::vector<IpAddress> fewer = without(m.filter.sources, next.sources);
  if (next.exclude) std::swap(more, fewer);
  for (const IpAddress& source : more) {
    erase(m.blocked, source);
    insert(m.allowed, source);
  }
  for (const IpAddress& source : fewer) {
    erase(m.allowed, source);
    insert(m.blocked, source);
  }
}

void Groups::send_change(Membership& m) {
  using wire::RecordType;
  const int version = version_of(m.link);
  const bool tells_sources = knows_sources(m.link.v4, version);
  if (!tells_sources) {
    if (!m.filter.wants_nothing()) send_report(m, version);
  } else if (m.mode_changed) {
    send_records(m.link.interface, {{m.filter.exclude ? RecordType::to_exclude : RecordType::to_include, m.group, m.filter.sources}});
  } else {
    std::vector<wire::MembershipRecord> records;
    if (!m.allowed.empty()) records.push_back({RecordType::allow_new, m.group, m.allowed});
    if (!m.blocked.empty()) records.push_back({RecordType::block_old, m.group, m.blocked});
    if (!records.empty()) send_records(m.link.interface, std::move(records));
  }
  if (--m.changes_left != 0) return env_.wheel->arm(m.change, env_.now + within(tells_sources ? unsolicited_v3 : unsolicited_v2));
  m.mode_changed = false;
  m.allowed.clear();
  m.blocked.clear();
}

void Groups::on_change_timer(Membership& m) {
  send_change(m);
  if (m.changes_left == 0 && m.listeners.empty()) destroy(m);
}

// igmp_heard_query(): an older querier would not understand them.
void Groups::forget_changes(Link& link) {
  std::vector<Membership*> ended;
  for (const auto& m : memberships_) {
    if (&m->link != &link) continue;
    env_.wheel->cancel(m->change);
    m->changes_left = 0;
    m->mode_changed = false;
    m->allowed.clear();
    m->blocked.clear();
    if (m->listeners.empty()) ended.push_back(m.get());
  }
  for (Membership* m : ended) destroy(*m);
}

}  // namespace millrace::group
