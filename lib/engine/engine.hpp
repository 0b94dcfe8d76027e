// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/base/time.hpp>
#include <millrace/config/config.hpp>
#include <millrace/engine/host_config.hpp>
#include <millrace/engine/hooks.hpp>
#include <millrace/engine/link.hpp>
#include <millrace/engine/neigh.hpp>
#include <millrace/engine/packet_handler.hpp>
#include <millrace/engine/packet_socket.hpp>
#include <millrace/engine/stats.hpp>
#include <millrace/engine/thread_queue.hpp>
#include <millrace/engine/top.hpp>
#include <millrace/engine/trace.hpp>
#include <millrace/engine/wait_set.hpp>
#include <millrace/stack/socket/sockets.hpp>
#include <millrace/wire/packet_offload.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

using socket::Sockets;
using socket::RawSocket;
using socket::Stream;
using socket::UdpSocket;
using wire::PacketOffload;

class PortControl;

/// What became of the frames of a capture.
struct CaptureTotals {
  std::uint64_t written = 0;    ///< in the file
  std::uint64_t dropped = 0;    ///< lost on the way there, since the file was slower than the frames; the packets were not
  std::uint64_t over_limit = 0; ///< not written, since the file had reached max_bytes
  std::uint64_t failed = 0;     ///< not written, since the file could not take them
};

/// A whole instance of Millrace: ports, lcores, stacks. Built from a Config; runs its lcores on threads of its own
/// (start), or one pass at a time on the thread that calls run_once(): with the manual clock that is a simulation.
/// The members below may be called from any one control thread at a time, unless they say otherwise.
class Engine {
 public:
  /// Opens the ports and builds the lcores. `links` attaches sim ports, by name, to ends of in-memory links; a sim port
  /// without one is free: see inject() and take(). Fails with what was wrong and what to do; nothing is left behind.
  [[nodiscard]] static Result<std::unique_ptr<Engine>> create(const Config& config, const std::map<std::string, LinkEnd>& links = {});
  /// Stops, closes every socket and port. Every packet buffer is back in its pool.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  [[nodiscard]] std::uint16_t lcores() const;

  /// Runs `f` once for each lcore, with its sockets of stack `stack` (its place in the configuration), and waits for
  /// all: on their threads when started, else here. A failure on one does not keep it from the others, and undoes
  /// nothing; the first is returned. Not from an lcore.
  [[nodiscard]] Result<void> on_each_lcore(const std::function<Result<void>(Sockets&)>& f, std::size_t stack = 0);
  /// Has `f` run on `lcore`, soon; from any thread. False when the lcore's inbox is full. What has not run when the
  /// engine ends never does.
  bool post(std::uint16_t lcore, std::function<void(Sockets&)> f, std::size_t stack = 0);
  /// Accepts TCP connections on every lcore: each is accepted where its packets arrive. On every lcore or, when it
  /// fails, on none. EINVAL: `local` names no port.
  [[nodiscard]] Result<void> listen(const Endpoint& local, Sockets::Accept on_accept, int backlog = 4096);
  /// Binds a UDP socket on every lcore, each for the flows that arrive there; `set_up` sets its callbacks. On every lcore
  /// or, when it fails, on none. With port 0 each lcore chooses a port of its own.
  [[nodiscard]] Result<void> bind_udp(const Endpoint& local, std::function<void(UdpSocket&)> set_up);
  /// Runs `work` on the application's threads (a TBB task arena), then `done` back on the lcore of `sockets`: for what
  /// would hold up a poll lcore. From that lcore. A stream may be gone when `done` runs: let it hold a weak_ptr to the
  /// stream's context, which goes with the stream. `work` must not throw. The engine's end waits for every `work`, but
  /// `done` is then not called.
  void offload(Sockets& sockets, std::function<void()> work, std::function<void()> done);

  /// Starts a thread for each lcore, pinned where the configuration says. Not with the manual clock.
  [[nodiscard]] Result<void> start();
  /// Stops the threads; sockets stay open, and start() or run_once() go on.
  void stop();

  /// A queue of sockets for one thread outside the lcores, with one eventfd for its epoll. Before the engine ends, it must.
  [[nodiscard]] Result<std::unique_ptr<ThreadQueue>> attach_thread(std::size_t stack = 0);

  /// tcpdump: captures from now on what `wanted` says, beside other captures; `enabled` is not looked at. The result is for
  /// stop_capture(). EINVAL: the message says what is wrong; or the errno of open(), naming the file.
  [[nodiscard]] Result<std::uint32_t> start_capture(const config::Capture& wanted);
  /// Ends one and closes its file, everything written. ENOENT: there is none of that id.
  [[nodiscard]] Result<CaptureTotals> stop_capture(std::uint32_t id);

  /// dev_add_offload(), inet_add_offload(): has GRO merge, and GSO cut, packets of a protocol of the application's own, from
  /// now on, on every lcore; for the engine's life (wire/packet_offload.hpp). EINVAL: the message says what would be valid.
  [[nodiscard]] Result<void> register_offload(PacketOffload offload);

  /// dev_add_pack(): `handler` takes frames from now on, on every lcore, before those that were added earlier and before the
  /// stack. Each of several handlers of a frame gets a reference to its bytes. The result is for remove_packet_handler().
  /// EINVAL, ENODEV: the message says what would be valid.
  [[nodiscard]] Result<std::uint32_t> add_packet_handler(PacketHandler handler);
  /// dev_remove_pack(): it is not called any more when this returns.
  void remove_packet_handler(std::uint32_t id);
  /// socket(AF_PACKET, SOCK_RAW): sees frames of all lcores from now on, for a thread outside them. EINVAL, ENODEV: the message
  /// says what would be valid.
  [[nodiscard]] Result<std::unique_ptr<PacketSocket>> open_packet_socket(const PacketSocket::Options& options);
  /// /proc/net/ptype: who takes frames of which EtherType of which device.
  [[nodiscard]] std::string proc_net_ptype() const;
  /// if_nametoindex(3): the number of a port, or of a stack's "lo". ENODEV.
  [[nodiscard]] Result<std::uint16_t> ifindex(std::string_view interface) const;

  /// ip addr show: those of the configuration, those given since, and those of interfaces with autoconf, whatever their state, and leases (dhcp).
  [[nodiscard]] std::vector<HostAddress> addresses(std::size_t stack = 0) const;
  /// The name servers that DHCP's servers (dhcp; with autoconf DHCPv6's) name, then those that routers advertise (RFC 8106).
  [[nodiscard]] std::vector<NameServer> name_servers(std::size_t stack = 0) const;
  /// The groups that the stack is in: /proc/net/igmp and igmp6.
  [[nodiscard]] std::vector<HostGroup> groups(std::size_t stack = 0) const;

  /// ip neigh add, replace and del: on every lcore. An entry that is `permanent` stays and is never asked about; `reachable`
  /// and `stale` go on from there by themselves. EINVAL, ENODEV, EEXIST, ENOENT, ENOBUFS: the message says what would be valid.
  [[nodiscard]] Result<void> neigh_add(const Neigh& neigh, std::size_t stack = 0);
  [[nodiscard]] Result<void> neigh_replace(const Neigh& neigh, std::size_t stack = 0);
  [[nodiscard]] Result<void> neigh_del(const IpAddress& address, const std::string& dev, std::size_t stack = 0);
  /// ip neigh show: in the order of interface and address.
  [[nodiscard]] std::vector<Neigh> neigh_show(std::size_t stack = 0) const;

  /// A port's knobs while it runs (port_control.hpp). ENODEV: no port has that name.
  [[nodiscard]] Result<PortControl> port(std::string_view name);
  /// sysctl -w: a tunable by its dotted name, from now on, on every lcore (doc/config.md). One is changed and read at a
  /// time. A raised net.core.netdev_max_backlog makes the worker rings grow to it; lowered again they stay as large.
  /// ENOENT: no such name; EINVAL: the message says what would be valid; EOPNOTSUPP: read only when an engine is created.
  [[nodiscard]] Result<void> set_sysctl(std::string_view name, std::string_view value);
  /// sysctl -n: its value now.
  [[nodiscard]] Result<std::string> sysctl(std::string_view name) const;
  /// nf_register_net_hook(): has `function` judge packets at one of IP's hooks from now on, on every lcore. The result is for
  /// remove_hook(). EINVAL: the message says what would be valid.
  [[nodiscard]] Result<std::uint32_t> add_hook(HookFunction function, std::size_t stack = 0);
  /// It is not called any more when this returns.
  void remove_hook(std::uint32_t id);
  /// Who hears of packets with verdict `queue`; empty: nobody, and they are dropped.
  void set_hook_queue(const HookQueue& queue, std::size_t stack = 0);
  /// What is to happen to one that waits: accept or drop. False: none of that number waits there.
  bool reinject(std::uint16_t lcore, std::uint32_t number, HookVerdict verdict, std::size_t stack = 0);
  /// iptables-restore: these rules in place of those that were there, on every lcore. EINVAL: the message says what would be
  /// valid, and nothing has changed.
  [[nodiscard]] Result<void> set_rules(std::vector<config::Rule> rules, std::size_t stack = 0);
  /// What each of them has fitted since, in their order (iptables -v).
  [[nodiscard]] std::vector<RuleCount> rule_counts(std::size_t stack = 0) const;
  /// `ip route add` and `ip route del` while packets are sent (stack: its place in the configuration): on every lcore when
  /// it returns. What is not said of a route to be removed does not matter: the first of its prefix goes. EEXIST, ESRCH,
  /// EINVAL, ENODEV, ENOSPC, ENETUNREACH: the message says what would be valid.
  [[nodiscard]] Result<void> add_route(const config::Route& route, std::size_t stack = 0);
  [[nodiscard]] Result<void> remove_route(const config::Route& route, std::size_t stack = 0);
  /// `ip addr add` and `ip addr del`, with the route to the address's link. Sockets that are bound to one that goes stay.
  /// EEXIST, EADDRNOTAVAIL, EINVAL, ENODEV, ENOSPC: the message says what would be valid.
  [[nodiscard]] Result<void> add_address(std::string_view interface, const IpPrefix& address, std::size_t stack = 0);
  [[nodiscard]] Result<void> remove_address(std::string_view interface, const IpPrefix& address, std::size_t stack = 0);
  /// /proc/interrupts and /proc/softirqs: a line for each rx queue's interrupt or each vector, a column for each lcore.
  [[nodiscard]] std::string proc_interrupts() const;
  [[nodiscard]] std::string proc_softirqs() const;
  /// /proc/net/softnet_stat: a row for each lcore, 15 columns of %08x: processed, dropped, time_squeeze, five zeros,
  /// cpu_collision, received_rps, flow_limit_count, backlog length, lcore, packets on the rings to it, packets taken off
  /// them and not yet delivered (none ever is between passes). From any thread, as the next one.
  [[nodiscard]] std::string proc_net_softnet_stat() const;
  /// /proc/net/dev: a row for each stack's lo ("lo@STACK" where there are several), then for each port, Linux's 16 columns.
  [[nodiscard]] std::string proc_net_dev() const;
  /// /proc/net/snmp, snmp6 and netstat: Linux's columns in Linux's order, from the counters of those names of all lcores and
  /// stacks; 0 where there is none.
  [[nodiscard]] std::string proc_net_snmp() const;
  [[nodiscard]] std::string proc_net_snmp6() const;
  [[nodiscard]] std::string proc_net_netstat() const;
  /// /proc/net/udp and udp6: a row for each bound socket of stack `stack`, on each lcore where it stands. The inode is the
  /// socket's number, which no other of the stack has.
  [[nodiscard]] std::string proc_net_udp(std::size_t stack = 0) const;
  [[nodiscard]] std::string proc_net_udp6(std::size_t stack = 0) const;
  /// /proc/net/protocols: TCP, UDP, RAW and PING of both versions.
  [[nodiscard]] std::string proc_net_protocols(std::size_t stack = 0) const;
  /// /proc/net/arp and route: neighbours and routes of IPv4.
  [[nodiscard]] std::string proc_net_arp(std::size_t stack = 0) const;
  [[nodiscard]] std::string proc_net_route(std::size_t stack = 0) const;
  /// /proc/net/igmp and igmp6: what `ip maddr` shows, groups() and the groups that all hosts are in. Of users, another lcore counts
  /// as one.
  [[nodiscard]] std::string proc_net_igmp(std::size_t stack = 0) const;
  [[nodiscard]] std::string proc_net_igmp6(std::size_t stack = 0) const;

  /// Manual drive: one pass of every lcore, on this thread. Returns whether any had something to do.
  bool run_once();
  /// One pass of one lcore.
  bool run_once(std::uint16_t lcore);
  /// Manual clock: what is due now on every lcore, or a jump to the next deadline, at most to `until`. False when there was
  /// nothing to do and it is `until`, or nothing can ever happen.
  bool step(Instant until);
  /// The earliest moment at which a pass would have something to do: now, when an lcore has handed work to another; else
  /// what time alone brings, a timer or a packet on its way on a sim port. `never` when there is none.
  [[nodiscard]] Instant next_deadline();
  [[nodiscard]] Instant now() const;
  /// Manual clock only: sets the time, which must not run backwards.
  void set_clock(Instant now);

  /// A free sim port: puts a frame on its wire, towards the engine.
  void inject(std::string_view port, std::span<const std::uint8_t> frame);
  /// A free sim port: the next frame that the engine sent, or empty.
  [[nodiscard]] std::vector<std::uint8_t> take(std::string_view port);

  /// Every counter; from any thread, at any time.
  [[nodiscard]] Stats stats() const;
  /// What the trace rings hold: those of lcores that trace are copied on their lcores, between two passes.
  [[nodiscard]] Trace trace() const;
  /// Packet buffers not in their pools at this moment.
  [[nodiscard]] std::uint32_t packets_in_use() const;
  [[nodiscard]] std::uint64_t seed() const;
  /// Engines of this process that ended with packets unaccounted for: of which it is not known whether they were sent,
  /// delivered or dropped, or which were counted twice (Stats::packets_begun). 0 in a correct program; the log says more.
  [[nodiscard]] static std::uint64_t unbalanced_ends();

 private:
  friend class PortControl;
  friend class PacketSocket;
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace
