// SPDX-License-Identifier: BSD-3-Clause
// The files of /proc/net: what the lcores' stacks hold, collected between two of their passes, and the counters. Called by
// applications through Engine (receive_path H9, H10, H15, J8).
#include <millrace/engine/impl.hpp>

#include <millrace/stats/proc_net.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

namespace millrace {
namespace {

// What of struct proto the sockets have here: stats::ProtocolRow::calls.
constexpr std::string_view tcp_calls = "yynynnnyyyyynnyyyn";
constexpr std::string_view udp_calls = "yynnnnnnyyyyynyyyn";
constexpr std::string_view raw_calls = "yynnnnnnynyyynnnnn";
constexpr std::uint32_t max_tcp_header = 128 + wire::tcp_header_bytes;  // MAX_TCP_HEADER without a link's extras

struct Usage {
  std::uint64_t tcp = 0, tcp6 = 0, udp = 0, udp6 = 0;
  std::uint64_t udp_pages = 0;
  std::array<std::array<std::uint64_t, 2>, 2> raw{};  ///< by whether they are ping sockets, then by whether they are IPv6's
};

// Beside those of the table the groups that all hosts are in, which need no entry there.
std::vector<stats::GroupRow> groups_on(std::uint16_t ifindex, const std::vector<group::Row>& rows) {
  std::vector<stats::GroupRow> found;
  for (const group::Row& row : rows)
    if (row.ifindex == ifindex) found.push_back({row.group, row.users, row.timer, row.last_reporter});
  for (const IpAddress& group : {IpAddress::v4(224, 0, 0, 1), *IpAddress::parse("ff02::1"), *IpAddress::parse("ff01::1")}) {
    auto row = std::find_if(found.begin(), found.end(), [&](const stats::GroupRow& r) { return r.group == group; });
    if (row == found.end()) row = found.insert(found.end(), {.group = group, .users = 0, .timer = {}});
    ++row->users;
  }
  return found;
}

}  // namespace

std::vector<const stats::LcoreStats*> Engine::Impl::all_stats() const {
  std::vector<const stats::LcoreStats*> all;
  for (const auto& lcore : lcores) all.push_back(&lcore->stats());
  return all;
}

// Asks each lcore's instance of a stack, between two passes of the lcore.
void Engine::Impl::on_each_stack(std::size_t stack, const std::function<void(socket::Stack&)>& f) {
  if (stack >= config.stacks.size()) return;
  for (std::uint16_t id = 0; id < lcores.size(); ++id) control(id, [&] { f(*lcores[id]->parts.stacks[stack]); });
}

std::vector<stats::UdpRow> Engine::Impl::udp_rows(std::size_t stack) {
  std::vector<stats::UdpRow> rows;
  on_each_stack(stack, [&](socket::Stack& one) {
    one.udp().for_each_bound([&](std::uint32_t bucket, const udp::Socket& socket) {
      rows.push_back({bucket, socket.local(), socket.remote(), socket.rmem(), socket.id(), socket.drops()});
    });
  });
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return std::tie(a.bucket, a.inode) < std::tie(b.bucket, b.inode); });
  return rows;
}

// The lcore that speaks for an interface has what all listen to.
std::vector<stats::GroupDevice> Engine::Impl::group_devices(std::size_t stack) {
  std::vector<stats::GroupDevice> devices;
  ask_speaker(stack, [&](socket::Stack& one) {
    const group::Groups& groups = one.ip().groups();
    for (const neighbor::Interface* interface : one.ip().interfaces())
      devices.push_back({.ifindex = interface->ifindex,
                         .name = interface->name,
                         .igmp_version = groups.version_on(*interface, true),
                         .groups = groups_on(interface->ifindex, groups.rows())});
  });
  std::sort(devices.begin(), devices.end(), [](const auto& a, const auto& b) { return a.ifindex < b.ifindex; });
  return devices;
}

std::string Engine::proc_net_igmp(std::size_t stack) const { return stats::to_proc_net_igmp(impl_->group_devices(stack)); }

std::string Engine::proc_net_igmp6(std::size_t stack) const { return stats::to_proc_net_igmp6(impl_->group_devices(stack)); }

std::string Engine::proc_net_snmp() const {
  stats::SnmpValues values{.is_forwarding = impl_->config.sysctl.ip_forward != 0, .default_ttl = static_cast<std::uint64_t>(impl_->config.sysctl.ip_default_ttl)};
  for (std::size_t stack = 0; stack < impl_->config.stacks.size(); ++stack)
    impl_->on_each_stack(stack, [&](socket::Stack& one) { values.established += one.tcp().established(); });
  return stats::to_proc_net_snmp(impl_->all_stats(), values);
}

std::string Engine::proc_net_snmp6() const { return stats::to_proc_net_snmp6(impl_->all_stats()); }

std::string Engine::proc_net_netstat() const { return stats::to_proc_net_netstat(impl_->all_stats()); }

std::string Engine::proc_net_udp(std::size_t stack) const { return stats::to_proc_net_udp(impl_->udp_rows(stack)); }

std::string Engine::proc_net_udp6(std::size_t stack) const { return stats::to_proc_net_udp6(impl_->udp_rows(stack)); }

std::string Engine::proc_net_protocols(std::size_t stack) const {
  Usage used;
  impl_->on_each_stack(stack, [&](socket::Stack& one) {
    one.udp().for_each_bound([&](std::uint32_t, const udp::Socket& socket) { ++(socket.local().address.is_v4() ? used.udp : used.udp6); });
    const auto [v4, v6] = one.tcp().sockets();
    used.tcp += v4;
    used.tcp6 += v6;
    used.udp_pages += one.udp().pages_held();
    one.raw().for_each([&](const raw::Socket& socket) { ++used.raw[socket.is_ping()][socket.is_v6()]; });
  });
  const auto pages = static_cast<std::int64_t>(used.udp_pages);
  std::vector<stats::ProtocolRow> rows;
  for (const bool v6 : {true, false}) {  // in Linux's order, the newest first
    rows.push_back({.name = v6 ? "PINGv6" : "PING", .size = sizeof(raw::Socket), .sockets = used.raw[1][v6], .calls = raw_calls});
    rows.push_back({.name = v6 ? "RAWv6" : "RAW", .size = sizeof(raw::Socket), .sockets = used.raw[0][v6], .calls = raw_calls});
    rows.push_back({.name = v6 ? "UDPv6" : "UDP",
                    .size = sizeof(udp::Socket),
                    .sockets = v6 ? used.udp6 : used.udp,
                    .memory = pages,
                    .calls = udp_calls});
    rows.push_back({.name = v6 ? "TCPv6" : "TCP",
                    .size = sizeof(tcp::Connection),
                    .sockets = v6 ? used.tcp6 : used.tcp,
                    .max_header = max_tcp_header,
                    .calls = tcp_calls});
  }
  return stats::to_proc_net_protocols(rows);
}

std::string Engine::proc_net_arp(std::size_t stack) const {
  // Each lcore has a table of its own; of what several know, the row that can be used.
  std::map<std::pair<std::uint16_t, IpAddress>, stats::ArpRow> known;
  impl_->on_each_stack(stack, [&](socket::Stack& one) {
    for (const neighbor::Row& row : one.ip().neighbors().rows()) {
      const neighbor::Interface* interface = one.ip().interface(row.ifindex);
      if (!row.address.is_v4() || interface == nullptr || interface->is_loopback) continue;
      stats::ArpRow& shown = known[{row.ifindex, row.address}];
      if (shown.is_valid && !is_valid(row.state)) continue;
      shown = {.address = row.address,
               .mac = row.mac,
               .is_valid = is_valid(row.state),
               .is_permanent = row.state == neighbor::State::permanent,
               .device = interface->name};
    }
  });
  std::vector<stats::ArpRow> rows;
  rows.reserve(known.size());
  for (auto& [key, row] : known) rows.push_back(std::move(row));
  return stats::to_proc_net_arp(rows);
}

std::string Engine::proc_net_route(std::size_t stack) const {
  std::vector<stats::RouteRow> rows;
  if (stack >= impl_->config.stacks.size()) return stats::to_proc_net_route(rows);
  impl_->control(0, [&] {  // every lcore has the same routes
    const ip::Stack& ip = impl_->lcores[0]->parts.stacks[stack]->ip();
    for (const ip::Route& route : ip.routes().all()) {
      const ip::NextHop& to = route.to;
      using enum ip::RouteType;
      if (to.type == local || to.type == broadcast || to.type == multicast) continue;  // not shown, or in Linux's local table
      const neighbor::Interface* const out = ip.interface(to.ifindex);
      rows.push_back({.to = route.prefix,
                      .via = to.gateway.is_unspecified() ? std::nullopt : std::optional(to.gateway),
                      .device = out != nullptr ? out->name : "",
                      .metric = route.metric,
                      .rejects = to.type == unreachable || to.type == prohibit});
    }
  });
  return stats::to_proc_net_route(std::move(rows));
}

}  // namespace millrace
