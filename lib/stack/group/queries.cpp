// SPDX-License-Identifier: BSD-3-Clause
// Answers to queriers. Called by ip::Stack and icmp::Icmp for each message, and by timers; calls reports.cpp. RFC 3376
// sections 5.2 and 7, RFC 3810 sections 6.2 and 8; igmp_rcv, igmp6_event_query (receive_path H11).
#include <millrace/stack/group/membership.hpp>

#include <millrace/wire/icmp6.hpp>

#include <algorithm>
#include <iterator>

namespace millrace::group {

using stats::DropReason;

void Groups::receive_igmp(neighbor::Interface& interface, const QuerySource&, pkt::Packet message) {
  const std::span<const std::uint8_t> bytes = message.data();
  const bool is_whole = bytes.size() == message.length() && bytes.size() >= wire::igmp_bytes && wire::is_igmp_checksum_valid(bytes);
  if (!is_whole) return drop(env_, std::move(message), DropReason::group_invalid);
  if (bytes[0] == wire::igmp_type::query) {
    const auto query = wire::MembershipQuery::parse_igmp(bytes);
    if (!query) return drop(env_, std::move(message), DropReason::group_invalid);
    hear(interface, *query, true);
  } else if (bytes[0] == wire::igmp_type::report_v1 || bytes[0] == wire::igmp_type::report_v2) {
    hear_report(interface, IpAddress::v4_from(&bytes[4]), true);
  }
  consume(env_, std::move(message), stats::Ledger::used);
}

// RFC 3810 section 6.2: from a link-local address, and no router may have passed it on.
void Groups::receive_mld(neighbor::Interface& interface, const QuerySource& from, pkt::Packet message) {
  const std::span<const std::uint8_t> bytes = message.data();
  const bool is_fit = bytes.size() == message.length() && bytes.size() >= wire::membership_report_bytes && from.hop_limit == 1;
  if (!is_fit) return drop(env_, std::move(message), DropReason::group_invalid);
  if (bytes[0] == wire::icmp6_type::listener_query) {
    const auto query = wire::MembershipQuery::parse_mld(bytes);
    if (!query || !from.source.is_link_local()) return drop(env_, std::move(message), DropReason::group_invalid);
    hear(interface, *query, false);
  } else if (bytes[0] == wire::icmp6_type::listener_report && bytes.size() >= wire::mld_bytes) {
    hear_report(interface, IpAddress::v6_from(&bytes[8]), false);
  }
  consume(env_, std::move(message), stats::Ledger::used);
}

void Groups::hear(neighbor::Interface& interface, const wire::MembershipQuery& query, bool v4) {
  if (!interface.speaks) return;
  Link& link = link_of(interface, v4);
  const int newest = v4 ? 3 : 2;
  if (query.version < newest) {
    hear_older_querier(link, query.version);
  } else {
    if (query.robustness != 0) link.robustness = query.robustness;
    if (query.interval_s != 0) link.query_interval = std::chrono::seconds(query.interval_s);
  }
  const auto longest = std::chrono::milliseconds(std::max<std::uint32_t>(query.max_response_ms, 1));
  const bool answers_at_once = version_of(link) == newest && query.version == newest;
  // Section 5.2, rule 1: an answer that is due sooner says it all.
  if (link.answer.is_armed() && link.answer.deadline() <= env_.now + longest) return;
  if (query.group.is_unspecified() && answers_at_once) return env_.wheel->arm(link.answer, env_.now + within(longest));
  for (const auto& m : memberships_)
    if (&m->link == &link && (query.group.is_unspecified() || m->group == query.group)) ask(*m, query, longest);
}

void Groups::hear_older_querier(Link& link, int version) {
  const Instant until = env_.now + link.robustness * link.query_interval + 10s;
  (version == 1 ? link.v1_until : link.v2_until) = until;
  env_.wheel->cancel(link.answer);
  forget_changes(link);
}

// Rules 3 to 5: questions about sources add up; one about the group asks for all of them.
void Groups::ask(Membership& m, const wire::MembershipQuery& query, Duration longest) {
  if (!is_reported(m) || m.filter.wants_nothing()) return;
  const bool is_pending = m.answer.is_armed();
  if (query.sources.empty() || (is_pending && m.asked.empty())) {
    m.asked.clear();
  } else {
    if (!is_pending) m.asked.clear();
    for (const IpAddress& source : query.sources) insert(m.asked, source);
  }
  if (is_pending && m.answer.deadline() <= env_.now + longest) return;
  env_.wheel->arm(m.answer, env_.now + within(longest));
}

// RFC 2236 section 3: one answer from all hosts is enough. Those of the newest versions report each for itself.
void Groups::hear_report(neighbor::Interface& interface, const IpAddress& group, bool v4) {
  Membership* const m = find(interface, group);
  if (m == nullptr || version_of(m->link) == (v4 ? 3 : 2)) return;
  env_.wheel->cancel(m->answer);
  env_.wheel->cancel(m->change);
  m->changes_left = 0;
  m->last_reporter = false;
}

void Groups::answer_all(Link& link) {
  using wire::RecordType;
  std::vector<wire::MembershipRecord> records;
  for (const auto& m : memberships_)
    if (&m->link == &link && is_reported(*m) && !m->filter.wants_nothing())
      records.push_back({m->filter.exclude ? RecordType::is_exclude : RecordType::is_include, m->group, m->filter.sources});
  if (!records.empty()) send_records(link.interface, std::move(records));
}

void Groups::answer(Membership& m) {
  using wire::RecordType;
  const int version = version_of(m.link);
  m.last_reporter = true;
  if (version != (m.link.v4 ? 3 : 2)) return send_report(m, version);
  if (m.asked.empty())
    return send_records(m.link.interface, {{m.filter.exclude ? RecordType::is_exclude : RecordType::is_include, m.group, m.filter.sources}});
  std::vector<IpAddress> wanted;
  std::copy_if(m.asked.begin(), m.asked.end(), std::back_inserter(wanted), [&](const IpAddress& source) { return m.filter.wants(source); });
  m.asked.clear();
  if (!wanted.empty()) send_records(m.link.interface, {{RecordType::is_include, m.group, std::move(wanted)}});
}

}  // namespace millrace::group
