// SPDX-License-Identifier: BSD-3-Clause
// The names and sums behind every export of the counters. Called by the engine's stats and by tests.
#include <millrace/stats/lcore_stats.hpp>

namespace millrace::stats {
namespace {

#define MR_X(id, name, help) CounterInfo{name, help},
constexpr CounterInfo softnet_info[] = {
#include <millrace/stats/softnet.def>
};
constexpr CounterInfo softirq_info[] = {
#include <millrace/stats/softirq.def>
};
constexpr CounterInfo softirq_latency_info[] = {
#include <millrace/stats/softirq_latency.def>
};
constexpr CounterInfo backlog_run_info[] = {
#include <millrace/stats/backlog_run.def>
};
constexpr CounterInfo gro_info[] = {
#include <millrace/stats/gro.def>
};
constexpr CounterInfo gso_info[] = {
#include <millrace/stats/gso.def>
};
constexpr CounterInfo steer_info[] = {
#include <millrace/stats/steer.def>
};
constexpr CounterInfo neighbor_info[] = {
#include <millrace/stats/neighbor.def>
};
constexpr CounterInfo ip_info[] = {
#include <millrace/stats/ip.def>
};
constexpr CounterInfo ip6_info[] = {
#include <millrace/stats/ip6.def>
};
constexpr CounterInfo icmp_info[] = {
#include <millrace/stats/icmp.def>
};
constexpr CounterInfo icmp6_info[] = {
#include <millrace/stats/icmp6.def>
};
constexpr CounterInfo udp_info[] = {
#include <millrace/stats/udp.def>
};
constexpr CounterInfo tcp_info[] = {
#include <millrace/stats/tcp.def>
};
constexpr CounterInfo tcp_ext_info[] = {
#include <millrace/stats/tcp_ext.def>
};
constexpr CounterInfo socket_info[] = {
#include <millrace/stats/socket.def>
};
constexpr CounterInfo tap_info[] = {
#include <millrace/stats/tap.def>
};
constexpr CounterInfo xdp_info[] = {
#include <millrace/stats/xdp.def>
};
constexpr CounterInfo port_info[] = {
#include <millrace/stats/port.def>
};
constexpr CounterInfo pool_info[] = {
#include <millrace/stats/pool.def>
};
constexpr CounterInfo ledger_info[] = {
#include <millrace/stats/ledger.def>
};
constexpr CounterInfo drop_info[] = {
#include <millrace/stats/drop.def>
};
#undef MR_X

using Visit = std::function<void(const Sample&)>;

template <class Enum, std::size_t N>
void visit_group(std::span<const LcoreStats* const> lcores, CounterBlock<Enum> LcoreStats::*block, const char* group,
                 const CounterInfo (&infos)[N], const Visit& visit) {
  static_assert(N == CounterBlock<Enum>::size);
  for (std::size_t i = 0; i < N; ++i) {
    std::uint64_t sum = 0;
    for (const LcoreStats* lcore : lcores) sum += (lcore->*block).value(static_cast<Enum>(i));
    visit(Sample{group, infos[i], sum});
  }
}

}  // namespace

void for_each(std::span<const LcoreStats* const> lcores, const Visit& visit) {
  visit_group(lcores, &LcoreStats::softnet, "softnet", softnet_info, visit);
  visit_group(lcores, &LcoreStats::softirq, "softirq", softirq_info, visit);
  visit_group(lcores, &LcoreStats::softirq_raised, "softirq_raised", softirq_info, visit);
  visit_group(lcores, &LcoreStats::softirq_latency, "softirq_latency", softirq_latency_info, visit);
  visit_group(lcores, &LcoreStats::backlog_run, "backlog_run", backlog_run_info, visit);
  visit_group(lcores, &LcoreStats::gro, "gro", gro_info, visit);
  visit_group(lcores, &LcoreStats::gso, "gso", gso_info, visit);
  visit_group(lcores, &LcoreStats::steer, "steer", steer_info, visit);
  visit_group(lcores, &LcoreStats::neighbor, "neighbor", neighbor_info, visit);
  visit_group(lcores, &LcoreStats::ip, "ip", ip_info, visit);
  visit_group(lcores, &LcoreStats::ip6, "ip6", ip6_info, visit);
  visit_group(lcores, &LcoreStats::icmp, "icmp", icmp_info, visit);
  visit_group(lcores, &LcoreStats::icmp6, "icmp6", icmp6_info, visit);
  visit_group(lcores, &LcoreStats::udp, "udp", udp_info, visit);
  visit_group(lcores, &LcoreStats::udp6, "udp6", udp_info, visit);
  visit_group(lcores, &LcoreStats::tcp, "tcp", tcp_info, visit);
  visit_group(lcores, &LcoreStats::tcp_ext, "tcp_ext", tcp_ext_info, visit);
  visit_group(lcores, &LcoreStats::socket, "socket", socket_info, visit);
  visit_group(lcores, &LcoreStats::tap, "tap", tap_info, visit);
  visit_group(lcores, &LcoreStats::xdp, "xdp", xdp_info, visit);
  visit_group(lcores, &LcoreStats::port, "port", port_info, visit);
  visit_group(lcores, &LcoreStats::pool, "pool", pool_info, visit);
  visit_group(lcores, &LcoreStats::ledger, "ledger", ledger_info, visit);
  visit_group(lcores, &LcoreStats::drop, "drop", drop_info, visit);
}

CounterInfo info(DropReason reason) { return drop_info[static_cast<std::size_t>(reason)]; }

}  // namespace millrace::stats
