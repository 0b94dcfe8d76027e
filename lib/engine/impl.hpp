// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/engine/capturing.hpp>
#include <millrace/engine/engine.hpp>
#include <millrace/engine/executor.hpp>
#include <millrace/engine/port_control.hpp>
#include <millrace/engine/thread_tunables.hpp>
#include <millrace/gro/gro.hpp>
#include <millrace/pkt/home.hpp>
#include <millrace/pkt/pool.hpp>
#include <millrace/runtime/lcore.hpp>
#include <millrace/runtime/mcs_lock.hpp>
#include <millrace/runtime/per_lcore.hpp>
#include <millrace/runtime/rcu.hpp>
#include <millrace/stack/ip/rule_table.hpp>
#include <millrace/stats/dev_stats.hpp>
#include <millrace/stats/ledger.hpp>
#include <millrace/stats/proc_net.hpp>
#include <millrace/steer/rx_placement.hpp>
#include <millrace/steer/steer.hpp>
#include <millrace/wire/toeplitz.hpp>

#include "drivers/sim/link.hpp"

#include <array>
#include <atomic>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

namespace millrace {

/// What an Engine is made of. Members are destroyed from the last to the first: threads have ended, then lcores go
/// (their packets return to the pools), then rings and ports, then pools.
struct Engine::Impl {
  ~Impl();

  /// What sysfs has of an rx queue.
  struct QueueSteering {
    config::LcoreMask rps_cpus{};
    std::uint32_t rps_flow_cnt = 0;
  };

  /// A flow rule that a port has (receive_path F9).
  struct FlowRule {
    std::uint16_t id = steer::no_filter;
    std::uint16_t queue = 0;
    std::uint16_t from = 0;  ///< the rx queue whose table says that it was asked for
    std::uint32_t hash = 0;
  };
  /// One that is to come or to go.
  struct RuleChange {
    FlowRule rule{};
    bool comes = false;
    bool expired = false;
    bool is_possible = true;
    bool is_done = false;
  };
  using RuleChanges = std::map<FlowKey, RuleChange>;

  /// What the watchdog knows of a port (receive_path A9, A14).
  struct PortHealth {
    stats::NamedValues counters{};  ///< resets by cause, interrupts that were lost
    bool is_dead = false;           ///< its last reset failed
    bool goes_up = false;           ///< when it is alive again
    Instant next_try{};             ///< of a reset
    Duration pause{};               ///< between two
  };

  Config config;
  std::uint64_t seed = 0;
  runtime::MonotonicClock monotonic;
  runtime::ManualClock manual;
  std::vector<std::unique_ptr<pkt::Pool>> pools;                  ///< by lcore
  std::unique_ptr<pkt::HomeRings> home_rings;
  std::vector<std::unique_ptr<runtime::Waker>> wakers;            ///< by lcore
  std::vector<runtime::Waker*> waker_list;
  std::vector<std::unique_ptr<steer::FlowTable>> flow_tables;     ///< by lcore
  std::optional<steer::Directory> directory;
  std::optional<steer::Toeplitz> toeplitz;
  std::unique_ptr<runtime::Rcu> rcu;                              ///< the lcores read what follows
  std::vector<std::unique_ptr<ip::Routes>> routes;                ///< by stack
  std::vector<std::unique_ptr<icmp::RateLimit>> icmp_limits;      ///< by stack
  RcuPointer<steer::SockFlows> sock_flows;                        ///< null: RFS is off
  RcuPointer<const wire::PacketOffloads> packet_offloads;         ///< of applications' protocols; null: none
  std::vector<std::unique_ptr<steer::RxPlacementPointer>> placements;  ///< by ifindex - 1
  std::vector<std::shared_ptr<sim::Link>> sim_links;              ///< kept while their ports are open
  std::map<std::string, std::shared_ptr<sim::Link>> free_links;   ///< of sim ports that the application drives
  std::vector<std::unique_ptr<port::Port>> ports;                 ///< by ifindex - 1
  std::vector<std::vector<std::uint16_t>> rx_lcores;              ///< of each port's rx queues, as they are now
  std::unique_ptr<gro::UdpPorts> udp_ports = std::make_unique<gro::UdpPorts>();
  std::vector<std::vector<QueueSteering>> steering;               ///< the same
  std::vector<std::vector<std::unique_ptr<runtime::RxPoller>>> parked;  ///< of ports that are down
  std::deque<std::atomic<bool>> is_down;                          ///< by port
  std::vector<PortHealth> health;                                 ///< by port; changed under control_lock
  std::vector<std::map<FlowKey, FlowRule>> flow_rules;            ///< by port; changed under control_lock
  std::vector<std::string> rule_refusals;                         ///< by port: what was said last
  std::vector<std::shared_ptr<const runtime::XdpHook>> xdp;       ///< by port; null: none
  std::unique_ptr<runtime::WorkerRings> worker_rings;
  std::unique_ptr<runtime::WorkerRings> tx_rings;
  std::vector<std::unique_ptr<raw::Relay>> raw_relays;            ///< of raw sockets, which the lcores close
  runtime::PerLcore<runtime::Lcore> lcores;                       ///< each on its CPU's node
  std::vector<std::unique_ptr<group::Relay>> group_relays;
  std::vector<std::unique_ptr<dhcp::Relay>> dhcp_relays;
  std::vector<std::unique_ptr<pkt::Home>> homes;                  ///< by lcore
  std::map<std::uint32_t, std::unique_ptr<Capturing>> captures;   ///< by id
  std::uint32_t next_capture = 1;
  std::vector<std::thread> threads;
  ThreadTunables thread_tunables;
  runtime::McsLock control_lock;                                  ///< of who moves queues, and who changes flow rules
  std::uint32_t next_hook = 0;
  std::vector<std::vector<std::array<std::shared_ptr<ip::RuleTable>, ip::hook_count>>> rule_tables;  ///< by stack, lcore, hook
  std::uint32_t next_packet_handler = runtime::PacketTypes::protocols;
  std::atomic<bool> rules_asked{false};
  std::atomic<bool> stops_serving{false};
  std::thread rule_server;
  std::jthread watchdog;                                          ///< while lcores run on threads and a port is an ethdev
  Instant next_watch{};                                           ///< when they do not
  mutable std::mutex health_lock;                                 ///< of the counters in `health`
  std::atomic<bool> stopping{false};
  std::atomic<bool> ending{false};                                ///< no lcore will read its inbox again
  std::optional<Executor> executor{std::in_place};                ///< first to go: its tasks post to the lcores

  [[nodiscard]] bool is_manual() const { return config.clock == config::ClockSource::manual; }
  [[nodiscard]] runtime::Clock& clock() { return is_manual() ? static_cast<runtime::Clock&>(manual) : monotonic; }
  [[nodiscard]] bool is_running() const { return !threads.empty(); }
  /// Has the lcores read `next` from now on, and frees what was there when none of them reads it any more (receive_path O6).
  template <class T>
  void replace(RcuPointer<T>& shared, std::unique_ptr<T> next) {
    const std::unique_ptr<T> old = shared.publish(std::move(next));
    if (old != nullptr) rcu->synchronize();
  }

  // build.cpp: each fails with the reason and leaves what was made to the destructor.
  Result<void> build(const std::map<std::string, LinkEnd>& links);
  Result<void> make_lcores();
  void make_homes();
  Result<void> open_ports(const std::map<std::string, LinkEnd>& links);
  Result<std::unique_ptr<port::Port>> open_port(std::size_t index, const std::map<std::string, LinkEnd>& links);
  void wire_lcore(std::uint16_t id);
  void wire_vlan(std::uint16_t id, std::size_t port);
  [[nodiscard]] gro::Config gro_of(std::size_t port) const;
  void make_pollers(std::uint16_t id);
  Result<void> make_stacks(std::uint16_t id);
  Result<void> make_stack(std::uint16_t id, std::size_t index);
  Result<void> add_loopback(std::uint16_t id, std::size_t index, socket::Stack& stack);
  void run_lcore(std::uint16_t id, std::promise<Result<void>> ready);  // engine.cpp

  // sysctl.cpp
  Result<void> apply_sysctl(const config::Sysctl& wanted);
  void apply_sysctl_on(std::uint16_t lcore, const config::Sysctl& before);
  void apply_tracing(std::uint16_t lcore);
  [[nodiscard]] stats::PacketBalance packet_balance() const;        // stats.cpp
  void close_books() const;                                         // engine.cpp
  [[nodiscard]] std::string interface_name(std::uint16_t ifindex) const;  // packet_handler.cpp
  // dev_stats.cpp
  [[nodiscard]] stats::DevStats dev_stats(std::size_t port) const;
  [[nodiscard]] stats::DevStats loopback_stats(std::size_t stack) const;

  Result<std::uint32_t> begin_capture(const config::Capture& wanted);  // captures.cpp

  // proc_net.cpp
  [[nodiscard]] std::vector<const stats::LcoreStats*> all_stats() const;
  [[nodiscard]] std::vector<stats::UdpRow> udp_rows(std::size_t stack);
  [[nodiscard]] std::vector<stats::GroupDevice> group_devices(std::size_t stack);
  void on_each_stack(std::size_t stack, const std::function<void(socket::Stack&)>& f);

  // hooks.cpp
  void on_each_ip(std::size_t stack, const std::function<void(std::uint16_t, ip::Stack&)>& f);
  void apply_rules(std::size_t stack);

  // routing.cpp
  Result<void> change_address(std::size_t stack, std::string_view name, const std::function<Result<void>(ip::Stack&, neighbor::Interface&)>& change);

  // host_config.cpp
  void ask_speaker(std::size_t stack, const std::function<void(socket::Stack&)>& f);
  group::Relay* add_group_relay(std::uint16_t lcore, std::size_t stack);
  [[nodiscard]] dhcp::Relay* add_dhcp_relay(std::uint16_t lcore, std::size_t stack);
  [[nodiscard]] raw::Relay* add_raw_relay(std::uint16_t lcore, std::size_t stack);

  // neigh.cpp
  Result<void> on_neighbors(std::size_t stack, const std::string& dev,
                            const std::function<Result<void>(neighbor::Neighbors&, neighbor::Interface&)>& f);

  // port_control.cpp
  void control(std::uint16_t lcore, const std::function<void()>& f);
  void replant(std::size_t port, std::uint16_t queue, std::uint16_t to);
  std::unique_ptr<runtime::RxPoller> uproot(std::size_t port, std::uint16_t queue, std::uint16_t lcore);
  void plant(std::size_t port, std::uint16_t queue, std::unique_ptr<runtime::RxPoller> poller);
  void bring_up(std::size_t port);
  void take_down(std::size_t port);
  void place(std::size_t port);
  Result<void> respread(std::size_t port, const config::Rss& rss);
  Result<void> while_still(std::size_t port, const std::function<Result<void>()>& change);
  void on_poller(std::size_t port, std::uint16_t queue, const std::function<void(runtime::RxPoller&)>& f);
  void spread_xdp(std::size_t port);  // packet_handler.cpp

  // watchdog.cpp
  void start_watchdog();
  void stop_watchdog();
  void watch_if_due(Instant now);
  void watch(Instant now);
  void watch(std::size_t port, Instant now);
  void look_for_lost_interrupts(std::size_t port);
  Result<void> begin_anew(std::size_t port, const port::Fault& fault, Instant now);
  Result<void> try_reset(std::size_t port, Instant now);
  void count(std::size_t port, const std::string& name);

  // arfs.cpp
  void rules_were_asked_for();
  void start_rule_server();
  void stop_rule_server();
  bool serve_rules();
  bool serve_some_rules();
  void plan(const steer::RuleRequest& request, RuleChanges& leaving, RuleChanges& coming);
  void change_rules(std::size_t port, RuleChanges& changes);
  void begin_changes(std::size_t port, RuleChanges& changes, std::uint16_t id);
  Result<void> add_rule(std::size_t port, const FlowKey& flow, FlowRule& rule);
  void end_changes(std::size_t port, const RuleChanges& changes, std::uint16_t id);
  void drop_rules(std::size_t port, std::optional<std::uint16_t> queue = std::nullopt);
  void control_all(const std::function<void(std::uint16_t)>& f);

  [[nodiscard]] bool is_up(std::size_t port) const { return !is_down[port]; }
  static std::uint32_t napi_id(std::size_t port, std::uint16_t queue) {
    return static_cast<std::uint32_t>((port + 1) << 16 | (queue + 1u));
  }
};

}  // namespace millrace
