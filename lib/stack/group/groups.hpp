// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/stack/group/filter.hpp>
#include <millrace/stack/neighbor/neighbors.hpp>
#include <millrace/timer/wheel.hpp>
#include <millrace/wire/membership.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace millrace::group {

/// Linux's tunables and their defaults.
struct Options {
  std::uint8_t robustness = 2;            ///< net.ipv4.igmp_qrv, net.ipv6.mld_qrv: until a querier says another
  std::uint8_t force_igmp_version = 0;    ///< net.ipv4.conf.*.force_igmp_version; 0: as the querier has it
  std::uint8_t force_mld_version = 0;     ///< net.ipv6.conf.*.force_mld_version
  bool link_local_reports = true;         ///< net.ipv4.igmp_link_local_mcast_reports: 224.0.0.0/24 is reported, too
  std::uint32_t memberships = 256;        ///< groups on all interfaces together
};

/// Carries what the listeners of one lcore want to the lcore whose interface speaks for all.
class Relay {
 public:
  virtual ~Relay() = default;
  virtual void tell_speaker(std::uint16_t ifindex, const IpAddress& group, const Filter& wanted) = 0;
};

/// What a report came in, for its checks.
struct QuerySource {
  IpAddress source;
  std::uint8_t hop_limit = 1;
};

/// One line of /proc/net/igmp or igmp6.
struct Row {
  std::uint16_t ifindex = 0;
  IpAddress group;
  std::uint32_t users = 0;
  std::optional<Duration> timer{};    ///< until the next report of this group alone; none: none is due
  bool last_reporter = false;         ///< nobody has reported it after us
  std::uint8_t querier_version = 3;   ///< of IGMP 1 to 3, of MLD 1 or 2
  bool operator==(const Row&) const = default;
};

/// The groups that one lcore's stack listens to, and IGMP (RFC 2236, 3376) and MLD (RFC 2710, 3810) by which routers and
/// switches hear of it: ip_mc_join_group(), igmp_rcv() of net/ipv4/igmp.c and their twins of net/ipv6/mcast.c. What all hosts
/// are in, 224.0.0.1 and ff02::1, is never reported. One thread.
class Groups {
 public:
  using Listener = std::uint64_t;                      ///< who listens: a socket's number
  static constexpr Listener host = 0;                  ///< the stack itself, for its solicited-node groups
  static constexpr Listener lcore_bit = 1ull << 63;    ///< the listeners of another lcore, by its number
  static constexpr Listener tentative_bit = 1ull << 62;  ///< of an address that is not the host's yet

  Groups(Env& env, neighbor::Neighbors& neighbors, const Options& options = {});
  ~Groups();
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;
  void set_relay(Relay* relay) { relay_ = relay; }
  /// Set-up.
  void configure(const Options& options) { options_ = options; }

  /// From now on the listener wants that of the group, in place of what it wanted before; nothing: it leaves. `unasked`:
  /// what changes is reported now, not only when a querier asks. 0, -EINVAL (no group), -ENOBUFS.
  int set(neighbor::Interface& interface, const IpAddress& group, Listener who, Filter wanted, bool unasked = true);
  /// What the listener wants of it; nothing when it has not joined.
  [[nodiscard]] Filter wanted_by(const neighbor::Interface& interface, const IpAddress& group, Listener who) const;
  /// Whether anybody here listens to the group, and to that source of it (ip_check_mc_rcu).
  [[nodiscard]] bool wants(const neighbor::Interface& interface, const IpAddress& group, const IpAddress& source) const;
  /// Whether anybody here listens to the group, to whatever sources: what routers say of it is heard (receive_path H11).
  [[nodiscard]] bool is_in(const neighbor::Interface& interface, const IpAddress& group) const;
  /// The IPv6 addresses of the interface are these now: each has its solicited-node group (RFC 4861 section 7.2.1).
  void follow_addresses(neighbor::Interface& interface);
  [[nodiscard]] std::vector<Row> rows() const;
  /// As which version of IGMP, or MLD, we speak there: the oldest of its queriers, or the one that is forced.
  [[nodiscard]] std::uint8_t version_on(const neighbor::Interface& interface, bool v4) const;

  /// An IGMP message, data() at its type.
  void receive_igmp(neighbor::Interface& interface, const QuerySource& from, pkt::Packet message);
  /// An MLD message, data() at its ICMPv6 header, checksum verified.
  void receive_mld(neighbor::Interface& interface, const QuerySource& from, pkt::Packet message);

 private:
  struct Link;
  struct Membership;

  // groups.cpp
  [[nodiscard]] Membership* find(const neighbor::Interface& interface, const IpAddress& group) const;
  [[nodiscard]] Link& link_of(neighbor::Interface& interface, bool v4);
  void listeners_changed(Membership& m, bool unasked);
  void destroy(Membership& m);
  [[nodiscard]] bool is_reported(const Membership& m) const;
  [[nodiscard]] int version_of(const Link& link) const;
  [[nodiscard]] Row row_of(const Membership& m) const;
  [[nodiscard]] Duration within(Duration longest);

  // changes.cpp
  void report_change(Membership& m, const Filter& next);
  void note_difference(Membership& m, const Filter& next);
  void send_change(Membership& m);
  void on_change_timer(Membership& m);
  void forget_changes(Link& link);

  // queries.cpp
  void hear(neighbor::Interface& interface, const wire::MembershipQuery& query, bool v4);
  void hear_older_querier(Link& link, int version);
  void ask(Membership& m, const wire::MembershipQuery& query, Duration longest);
  void hear_report(neighbor::Interface& interface, const IpAddress& group, bool v4);
  void answer_all(Link& link);
  void answer(Membership& m);

  // reports.cpp
  void send_records(neighbor::Interface& interface, std::vector<wire::MembershipRecord> records);
  void send_report(Membership& m, int version);
  void send_leave(Membership& m);
  void send_v4(neighbor::Interface& interface, const IpAddress& to, const std::vector<std::uint8_t>& message);
  void send_v6(neighbor::Interface& interface, const IpAddress& to, std::vector<std::uint8_t> message);

  Env& env_;
  neighbor::Neighbors& neighbors_;
  Options options_;
  Relay* relay_ = nullptr;
  std::vector<std::unique_ptr<Link>> links_;
  std::vector<std::unique_ptr<Membership>> memberships_;
};

}  // namespace millrace::group
