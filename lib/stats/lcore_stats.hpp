// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stats/counter.hpp>

#include <functional>
#include <span>

namespace millrace::stats {

// Each .def file declares a group of counters once: X(enumerator, "name", "help"). From it come the enum, the
// block in LcoreStats, the names in every export and the table in doc/counters.md.
#define MR_X(id, name, help) id,
enum class Softnet : unsigned {
#include <millrace/stats/softnet.def>
  count_
};
/// By softirq vector, in the vectors' order.
enum class Softirq : unsigned {
#include <millrace/stats/softirq.def>
  count_
};
enum class SoftirqLatency : unsigned {
#include <millrace/stats/softirq_latency.def>
  count_
};
enum class BacklogRun : unsigned {
#include <millrace/stats/backlog_run.def>
  count_
};
enum class Gro : unsigned {
#include <millrace/stats/gro.def>
  count_
};
enum class Gso : unsigned {
#include <millrace/stats/gso.def>
  count_
};
enum class Steer : unsigned {
#include <millrace/stats/steer.def>
  count_
};
enum class Neighbor : unsigned {
#include <millrace/stats/neighbor.def>
  count_
};
enum class Ip : unsigned {
#include <millrace/stats/ip.def>
  count_
};
enum class Ip6 : unsigned {
#include <millrace/stats/ip6.def>
  count_
};
enum class Icmp : unsigned {
#include <millrace/stats/icmp.def>
  count_
};
enum class Icmp6 : unsigned {
#include <millrace/stats/icmp6.def>
  count_
};
enum class Udp : unsigned {
#include <millrace/stats/udp.def>
  count_
};
enum class Tcp : unsigned {
#include <millrace/stats/tcp.def>
  count_
};
enum class TcpExt : unsigned {
#include <millrace/stats/tcp_ext.def>
  count_
};
enum class Socket : unsigned {
#include <millrace/stats/socket.def>
  count_
};
enum class Tap : unsigned {
#include <millrace/stats/tap.def>
  count_
};
enum class Xdp : unsigned {
#include <millrace/stats/xdp.def>
  count_
};
enum class Port : unsigned {
#include <millrace/stats/port.def>
  count_
};
enum class Pool : unsigned {
#include <millrace/stats/pool.def>
  count_
};
enum class Ledger : unsigned {
#include <millrace/stats/ledger.def>
  count_
};
/// Why a packet was dropped: every drop names one, and nothing is dropped without.
enum class DropReason : unsigned {
#include <millrace/stats/drop.def>
  count_
};
#undef MR_X

/// Every counter of one lcore. Written by that lcore alone, read by anyone, never reset.
struct alignas(64) LcoreStats {
  CounterBlock<Softnet> softnet;
  CounterBlock<Softirq> softirq;         ///< runs
  CounterBlock<Softirq> softirq_raised;  ///< raises
  CounterBlock<SoftirqLatency> softirq_latency;
  CounterBlock<BacklogRun> backlog_run;
  CounterBlock<Gro> gro;
  CounterBlock<Gso> gso;
  CounterBlock<Steer> steer;
  CounterBlock<Neighbor> neighbor;
  CounterBlock<Ip> ip;
  CounterBlock<Ip6> ip6;
  CounterBlock<Icmp> icmp;
  CounterBlock<Icmp6> icmp6;
  CounterBlock<Udp> udp;
  CounterBlock<Udp> udp6;
  CounterBlock<Tcp> tcp;
  CounterBlock<TcpExt> tcp_ext;
  CounterBlock<Socket> socket;
  CounterBlock<Tap> tap;
  CounterBlock<Xdp> xdp;
  CounterBlock<Port> port;
  CounterBlock<Pool> pool;
  CounterBlock<Ledger> ledger;
  CounterBlock<DropReason> drop;
};

/// A counter summed over lcores, as an export sees it.
struct Sample {
  const char* group;  ///< "softnet", "tcp_ext", ...
  CounterInfo info;
  std::uint64_t value;
};

/// Calls `visit` for every counter of every group, in declaration order, summed over `lcores`.
void for_each(std::span<const LcoreStats* const> lcores, const std::function<void(const Sample&)>& visit);

[[nodiscard]] CounterInfo info(DropReason reason);

}  // namespace millrace::stats
