// SPDX-License-Identifier: BSD-3-Clause
// Makes an engine's parts from its configuration: pools, ports, lcores, stacks, in that order. Called by
// Engine::create; calls the runtime, the drivers and socket::Stack.
#include <millrace/engine/impl.hpp>

#include <millrace/base/log.hpp>
#include <millrace/engine/options.hpp>
#include <millrace/engine/routing.hpp>
#include <millrace/engine/rss.hpp>
#include <millrace/gro/simd.hpp>
#include <millrace/pkt/rx_stamp.hpp>
#include <millrace/runtime/eal.hpp>
#include <millrace/runtime/topology.hpp>
#include <millrace/wire/checksum.hpp>

#include "drivers/ethdev/ethdev_port.hpp"
#include "drivers/sim/link.hpp"
#include "drivers/vlan/vlan_port.hpp"

#include <cerrno>

namespace millrace {
namespace {

constexpr std::uint32_t flows_per_lcore = 1 << 17;

// Names of pools must differ between the engines of a process.
std::string unique_name(const char* kind, std::uint16_t lcore) {
  static std::atomic<unsigned> serial{0};
  return std::string("mr_") + kind + std::to_string(lcore) + "_" + std::to_string(serial++);
}

std::uint16_t queue_lcore(const config::Port& port, std::uint16_t queue, std::size_t lcores) {
  // A device may have more queues than were asked for.
  return queue < port.rx_lcores.size() ? port.rx_lcores[queue] : static_cast<std::uint16_t>(queue % lcores);
}

// vlan_vid_add(): the port below is to let its tag in. Where the device filters no tags, all of them come in, and
// runtime::PacketTypes sorts them in any case.
Result<std::unique_ptr<port::Port>> open_vlan(port::Port& below, const config::Port& port, std::size_t lcores) {
  if (const Result<void> set = below.set_vlan(port.vlan_id, true); !set && set.error().code != EOPNOTSUPP) return tl::unexpected(set.error());
  return std::make_unique<vlan::Port>(below, vlan_options(port, lcores));
}

void tell_of(const std::string& name, const port::Info& info) {
  log(LogLevel::info, "port '" + name + "': " + info.driver + ", " + info.mac.to_string() + ", queues: " + std::to_string(info.rx_queues) + " rx, " + std::to_string(info.tx_queues) +
                          " tx; rx interrupts: " + (info.interrupts.empty() ? "none" : info.interrupts));
}

}  // namespace

Result<void> Engine::Impl::build(const std::map<std::string, LinkEnd>& links) {
  log(LogLevel::info, std::string("variants: checksum ") + wire::checksum_variant() + ", toeplitz " +
                          name(wire::best_toeplitz_variant()) + ", gro " + gro::name(gro::best_variant()));
  if (Result<void> eal = runtime::eal_start(eal_config(config)); !eal) return eal;
  if (Result<void> made = make_lcores(); !made) return made;
  if (Result<void> opened = open_ports(links); !opened) return opened;
  for (std::uint16_t id = 0; id < lcores.size(); ++id) {
    wire_lcore(id);
    if (Result<void> made = make_stacks(id); !made) return made;
    make_pollers(id);
  }
  if (config.capture.enabled)
    if (const Result<std::uint32_t> begun = begin_capture(config.capture); !begun) return tl::unexpected(begun.error());
  for (std::size_t stack = 0; stack < config.stacks.size(); ++stack)
    if (!config.stacks[stack].rules.empty()) apply_rules(stack);
  return apply_sysctl(config.sysctl);
}

Result<void> Engine::Impl::make_lcores() {
  const auto count = static_cast<std::uint16_t>(config.lcores.size());
  Rng root(seed);
  const std::array<std::uint64_t, 2> secret{root.next(), root.next()};
  std::vector<steer::FlowTable*> tables;
  const runtime::SoftnetLimits limits = softnet_limits(config.sysctl);
  worker_rings = std::make_unique<runtime::WorkerRings>(count, limits.netdev_max_backlog + 1);
  tx_rings = std::make_unique<runtime::WorkerRings>(count, 4096);
  for (std::uint16_t id = 0; id < count; ++id) {
    const auto& cpu = config.lcores[id].cpu;
    if (cpu && !runtime::may_run_on(*cpu)) {
      return failure(EINVAL, "lcores[" + std::to_string(id) + "].cpu: this process may not run on cpu " +
                                 std::to_string(*cpu) + "; choose another, or leave it out");
    }
    const int node = cpu ? runtime::node_of_cpu(*cpu) : -1;
    auto pool = pkt::Pool::create({.name = unique_name("pool", id),
                                   .packets = config.eal.pool_packets,
                                   .data_room = config.eal.data_room,
                                   .numa_node = node});
    if (!pool) return tl::unexpected(pool.error());
    pools.push_back(std::move(*pool));
    wakers.push_back(std::make_unique<runtime::Waker>());
    waker_list.push_back(wakers.back().get());
    flow_tables.push_back(std::make_unique<steer::FlowTable>(flows_per_lcore, secret[0] ^ secret[1]));
    tables.push_back(flow_tables.back().get());
    lcores.emplace_back(node, id, clock(), *wakers[id], limits, *tx_rings);
    Env& env = lcores[id]->env();
    env.rng = root.fork();
    env.secret = secret;
    env.pool = pools[id].get();
    lcores[id]->parts.wheel = std::make_unique<timer::Wheel>(env.now);
    env.wheel = lcores[id]->parts.wheel.get();
  }
  make_homes();
  rcu = std::make_unique<runtime::Rcu>(count);
  for (std::size_t stack = 0; stack < config.stacks.size(); ++stack) {
    routes.push_back(std::make_unique<ip::Routes>(rcu.get()));
    icmp_limits.push_back(std::make_unique<icmp::RateLimit>(stack_options(config.sysctl).icmp));
  }
  for (std::uint16_t id = 0; id < count; ++id) lcores[id]->set_rcu({*rcu, id});
  directory.emplace(std::move(tables));
  toeplitz.emplace();
  return {};
}

void Engine::Impl::make_homes() {
  std::vector<const pkt::Pool*> by_lcore;
  for (const auto& pool : pools) by_lcore.push_back(pool.get());
  home_rings = std::make_unique<pkt::HomeRings>(by_lcore);
  for (auto& lcore : lcores) {
    Env& env = lcore->env();
    homes.push_back(std::make_unique<pkt::Home>(*home_rings, env.lcore, *env.stats));
    env.home = homes.back().get();
  }
}

Result<void> Engine::Impl::open_ports(const std::map<std::string, LinkEnd>& links) {
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    Result<std::unique_ptr<port::Port>> opened = open_port(i, links);
    if (!opened) return failure(opened.error().code, "port '" + config.ports[i].name + "': " + opened.error().message);
    if (Result<void> set = set_up_rss(config.ports[i], **opened); !set) return set;
    if (config.ports[i].ntuple)
      if (const Result<void> can = (*opened)->can_steer_flows(); !can)
        return failure(can.error().code, "port '" + config.ports[i].name + "': ntuple: " + can.error().message);
    const bool has_rx = (*opened)->info().rx_queues != 0;
    if (Result<void> can = check_coalesce(config.ports[i], config.ports[i].coalesce, has_rx && (*opened)->rx_queue(0).waiting() >= 0); !can) return can;
    ports.push_back(std::move(*opened));
    std::vector<std::uint16_t>& placed = rx_lcores.emplace_back();
    steering.emplace_back(ports[i]->info().rx_queues,
                          QueueSteering{config.ports[i].rps_cpus, config.ports[i].rps_flow_cnt});
    parked.emplace_back();
    is_down.emplace_back(false);
    health.emplace_back();
    xdp.emplace_back();
    flow_rules.emplace_back();
    rule_refusals.emplace_back();
    for (std::uint16_t q = 0; q < ports[i]->info().rx_queues; ++q)
      placed.push_back(queue_lcore(config.ports[i], q, lcores.size()));
    placements.push_back(std::make_unique<steer::RxPlacementPointer>());
    place(i);
  }
  return {};
}

Result<std::unique_ptr<port::Port>> Engine::Impl::open_port(std::size_t index,
                                                            const std::map<std::string, LinkEnd>& links) {
  const config::Port& port = config.ports[index];
  const auto ifindex = static_cast<std::uint16_t>(index + 1);
  if (port.rx_timestamp)
    if (Result<void> field = pkt::register_rx_stamps(); !field) return tl::unexpected(field.error());
  if (port.driver == config::PortDriver::sim) {
    LinkEnd end;
    if (const auto found = links.find(port.name); found != links.end()) {
      end = found->second;
    } else {
      end.link = make_link(seed).first.link;
      free_links[port.name] = end.link;
    }
    sim_links.push_back(end.link);
    return end.link->open(end.end == 0 ? sim::End::a : sim::End::b, sim_options(port, ifindex, seed));
  }
  if (port.driver == config::PortDriver::vlan)
    return open_vlan(*ports[ifindex_of(config, port.link) - 1u], port, lcores.size());
  ethdev::Options options = ethdev_options(port, ifindex);
  for (std::uint16_t q = 0; q < port.rx_queues; ++q)
    options.pools.push_back(pools[queue_lcore(port, q, lcores.size())].get());
  auto opened = ethdev::open(options);
  if (opened) tell_of(port.name, (*opened)->info());
  return opened;
}

void Engine::Impl::wire_lcore(std::uint16_t id) {
  runtime::Lcore& lcore = *lcores[id];
  runtime::LcoreParts& parts = lcore.parts;
  parts.taps = std::make_unique<capture::Taps>(lcore.env());
  parts.tx_paths.resize(ports.size() + 1);
  parts.stack_by_ifindex.resize(ports.size() + 1 + config.stacks.size());
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const TxPlace place = tx_place(config.ports[i], id, lcores.size(), ports[i]->info().tx_queues);
    parts.tx_paths[i + 1] = std::make_unique<runtime::TxPath>(
        lcore.env(), runtime::TxPath::Wiring{.queue = place.owner == id ? &ports[i]->tx_queue(place.queue) : nullptr,
                                             .owner = place.owner,
                                             .rings = *tx_rings,
                                             .owner_waker = *wakers[place.owner],
                                             .ifindex = static_cast<std::uint16_t>(i + 1),
                                             .txqueuelen = config.ports[i].txqueuelen,
                                             .byte_limits = byte_limits(config.ports[i]),
                                             .offloads = ports[i]->info().offloads,
                                             .protocols = &packet_offloads});
  }
  parts.hand_over = std::make_unique<runtime::HandOver>(*worker_rings, id);
  parts.steer = std::make_unique<steer::Steer>(*directory, *toeplitz, parts.hand_over.get());
  parts.steer->set_sock_flows(sock_flows);
  parts.flow_rules =
      std::make_unique<runtime::FlowRules>(lcore.env(), *parts.steer, [this] { rules_were_asked_for(); });
  parts.steer->set_rule_requests(*parts.flow_rules);
  parts.receive =
      std::make_unique<runtime::Receive>(lcore.env(), lcore.softnet().limits, *parts.steer,
                                         runtime::Receive::Wiring{.rings = *worker_rings,
                                                                  .wakers = waker_list,
                                                                  .by_ifindex = parts.stack_by_ifindex,
                                                                  .hand_over = *parts.hand_over,
                                                                  .stages = &lcore.softnet().stages,
                                                                  .tx_paths = parts.tx_paths});
  for (std::size_t i = 0; i < ports.size(); ++i)
    if (config.ports[i].driver == config::PortDriver::vlan) wire_vlan(id, i);
  parts.backlog =
      std::make_unique<runtime::Backlog>(*parts.receive, *worker_rings, id, lcore.softnet().limits.dev_weight);
  parts.backlog->enable(&lcore.softnet(), id);
  parts.receive->set_backlog(*parts.backlog);
}

void Engine::Impl::wire_vlan(std::uint16_t id, std::size_t port) {
  runtime::LcoreParts& parts = lcores[id]->parts;
  const std::uint16_t below = ifindex_of(config, config.ports[port].link);
  runtime::TxPath& out = *parts.tx_paths[below];
  static_cast<vlan::Port&>(*ports[port]).attach(id, {.transmit = [&out](pkt::Packet frame) { out.transmit(std::move(frame)); }, .flush = [&out] { out.flush(); }});
  parts.receive->packet_types().vlans().add(below, config.ports[port].vlan_id, static_cast<std::uint16_t>(port + 1));
}

gro::Config Engine::Impl::gro_of(std::size_t port) const {
  gro::Config gro = gro_config(config.sysctl, config.ports[port]);
  gro.udp_ports = udp_ports.get();
  gro.offloads = &packet_offloads;
  return gro;
}

void Engine::Impl::make_pollers(std::uint16_t id) {
  runtime::LcoreParts& parts = lcores[id]->parts;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const config::Port& port = config.ports[i];
    const port::Info& info = ports[i]->info();
    for (std::uint16_t q = 0; q < info.rx_queues; ++q) {
      if (queue_lcore(port, q, lcores.size()) != id) continue;
      runtime::RxPoller::Wiring wiring = rx_wiring(port, ports[i]->rx_queue(q), *parts.receive);
      wiring.arrival = {.mac = info.mac,
                        .ifindex = static_cast<std::uint16_t>(i + 1),
                        .napi_id = napi_id(i, q),
                        .has_verdicts = info.offloads.rx_l4_checksum};
      wiring.lcores = lcores.size();
      auto poller = std::make_unique<runtime::RxPoller>(wiring, gro_of(i));
      poller->tunables = napi_tunables(port);
      plant(i, q, std::move(poller));
    }
  }
}

Result<void> Engine::Impl::make_stacks(std::uint16_t id) {
  for (std::size_t index = 0; index < config.stacks.size(); ++index)
    if (Result<void> made = make_stack(id, index); !made) return made;
  return {};
}

// Each stack has its own, as each network namespace has.
Result<void> Engine::Impl::add_loopback(std::uint16_t id, std::size_t index, socket::Stack& stack) {
  runtime::LcoreParts& parts = lcores[id]->parts;
  const std::uint16_t ifindex = loopback_ifindex(config, index);
  parts.loopbacks.push_back(std::make_unique<runtime::Loopback>(*parts.receive, ifindex));
  if (auto added = stack.add_interface(loopback_interface(ifindex, *parts.loopbacks.back())); !added)
    return tl::unexpected(added.error());
  parts.stack_by_ifindex[ifindex] = &stack;
  parts.steer->set_stack(ifindex, static_cast<std::uint16_t>(index));
  return {};
}

Result<void> Engine::Impl::make_stack(std::uint16_t id, std::size_t index) {
  const config::Stack& wanted = config.stacks[index];
  runtime::LcoreParts& parts = lcores[id]->parts;
  socket::Stack::Options options = stack_options(config.sysctl);
  options.id = static_cast<std::uint16_t>(index);
  options.tcp.port_stride = static_cast<std::uint16_t>(lcores.size());
  options.tcp.port_phase = id;
  options.udp.port_stride = options.tcp.port_stride;
  options.udp.port_phase = id;
  options.udp.gro_ports = udp_ports.get();
  options.routes = routes[index].get();
  options.icmp_limit = icmp_limits[index].get();
  auto stack = std::make_unique<socket::Stack>(lcores[id]->env(), *flow_tables[id], options);
  stack->sockets().set_sock_flows(sock_flows, *toeplitz);
  stack->ip().set_resteer(parts.receive.get());
  stack->ip().groups().set_relay(add_group_relay(id, index));
  stack->dhcp().set_relay(add_dhcp_relay(id, index));
  stack->raw().set_relay(add_raw_relay(id, index));
  stack->sockets().set_call_context(*lcores[id]);
  if (Result<void> added = add_loopback(id, index, *stack); !added) return added;
  for (const config::StackInterface& wanted_interface : wanted.interfaces) {
    const std::uint16_t ifindex = ifindex_of(config, wanted_interface.port);
    neighbor::Interface made = make_interface(wanted_interface, ifindex, config.ports[ifindex - 1u], ports[ifindex - 1u]->info(), *parts.tx_paths[ifindex]);
    made.speaks = id == 0;
    Result<neighbor::Interface*> interface = stack->add_interface(std::move(made));
    if (!interface) return tl::unexpected(interface.error());
    (*interface)->rx_placement = placements[ifindex - 1u].get();
    parts.stack_by_ifindex[ifindex] = stack.get();
    parts.steer->set_stack(ifindex, options.id);
    if (wanted_interface.dhcp) stack->dhcp().start(**interface, {.had = wanted_interface.dhcp_address, .release = wanted_interface.dhcp_release});
    if (wanted_interface.autoconf) stack->addrconf().start(**interface, addresses_v6(wanted_interface));
    if (const config::Port& port = config.ports[ifindex - 1u]; port.driver == config::PortDriver::vlan)
      parts.steer->set_vlan_stack(ifindex_of(config, port.link), port.vlan_id, options.id);
  }
  for (const config::Route& route : wanted.routes) {
    if (id != 0) break;  // the lcores share them
    if (Result<void> added = engine::add_route(stack->ip(), route); !added)
      return failure(added.error().code, "stack '" + wanted.name + "': " + added.error().message);
  }
  parts.stacks.push_back(std::move(stack));
  return {};
}

}  // namespace millrace
