// SPDX-License-Identifier: BSD-3-Clause
// Turns configuration into the options of the engine's parts. Called by build.cpp.
#include <millrace/engine/options.hpp>

#include <millrace/base/rng.hpp>
#include <millrace/runtime/loopback.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

namespace millrace {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

tcp::BufferSizes buffer_sizes(const std::array<std::int64_t, 3>& triple) {
  return {static_cast<std::uint32_t>(triple[0]), static_cast<std::uint32_t>(triple[1]),
          static_cast<std::uint32_t>(triple[2])};
}

// A locally administered address that differs between ports and seeds.
MacAddress drawn_mac(std::uint64_t seed, std::uint16_t ifindex) {
  Rng rng(seed ^ (std::uint64_t{ifindex} << 48));
  MacAddress mac;
  mac.bytes[0] = 0x02;
  for (std::size_t i = 1; i < mac.bytes.size(); ++i) mac.bytes[i] = static_cast<std::uint8_t>(rng.next());
  return mac;
}

}  // namespace

runtime::EalConfig eal_config(const Config& config) {
  const config::Eal& eal = config.eal;
  runtime::EalConfig made{.memory_mb = eal.memory_mb, .hugepages = eal.hugepages, .log_level = eal.log_level, .pci_devices = {}, .extra = eal.args};
  for (const config::Port& port : config.ports) {
    if (port.driver == config::PortDriver::ethdev && ethdev::is_pci_address(port.device)) made.pci_devices.push_back(port.device);
  }
  return made;
}

runtime::SoftnetLimits softnet_limits(const config::Sysctl& sysctl) {
  return {.netdev_budget = static_cast<int>(sysctl.netdev_budget),
          .netdev_budget_usecs = microseconds(sysctl.netdev_budget_usecs),
          .dev_weight = static_cast<int>(sysctl.dev_weight),
          .netdev_max_backlog = static_cast<std::uint32_t>(sysctl.netdev_max_backlog),
          .softirq = {.max_restart = static_cast<int>(sysctl.softirq_max_restart),
                      .max_time = microseconds(sysctl.softirq_max_time_us),
                      .defer_when_deferred = sysctl.softirq_defer_when_deferred != 0,
                      .force_thread = sysctl.softirq_force_thread != 0},
          .netdev_tstamp_prequeue = sysctl.netdev_tstamp_prequeue != 0};
}

gro::Config gro_config(const config::Sysctl& sysctl, const config::Port& port) {
  gro::Config gro;
  gro.enabled = port.gro;
  gro.normal_batch = static_cast<std::uint32_t>(sysctl.gro_normal_batch);
  gro.tick = microseconds(sysctl.gro_tick_us);
  gro.poll_hold = microseconds(sysctl.gro_poll_hold_us);
  if (sysctl.gro_compat == config::gro_compat_linux) gro.table = gro::Table::linux8x8;
  return gro;
}

runtime::Coalesce coalesce_of(const config::Coalesce& coalesce) {
  return {.rx_usecs = microseconds(coalesce.rx_usecs), .rx_frames = coalesce.rx_frames, .adaptive = coalesce.adaptive};
}

Result<void> check_coalesce(const config::Port& port, const config::Coalesce& coalesce, bool can_count_frames) {
  if (coalesce.rx_frames == 0 || can_count_frames) return {};
  return failure(EOPNOTSUPP,
                 "port '" + port.name + "': coalesce.rx_frames: " + std::to_string(coalesce.rx_frames) +
                     ": the device does not tell how many packets wait; leave it 0, and use rx_usecs or adaptive");
}

Config with_poll_threads(Config config) {
  for (config::Port& port : config.ports) {
    if (!std::exchange(port.threaded, false)) continue;
    for (std::uint16_t queue = 0; queue < port.rx_queues; ++queue) {
      port.rx_lcores.push_back(static_cast<std::uint16_t>(config.lcores.size()));
      config.lcores.emplace_back();
    }
  }
  return config;
}

runtime::RxPoller::Wiring rx_wiring(const config::Port& port, port::RxQueue& queue, runtime::Receive& receive) {
  return {.queue = queue,
          .receive = receive,
          .arrival = {},
          .mode = static_cast<runtime::RxMode>(port.rx_mode),
          .coalesce = coalesce_of(port.coalesce)};
}

poll::NapiTunables napi_tunables(const config::Port& port) {
  return {.gro_flush_timeout = std::chrono::nanoseconds(port.gro_flush_timeout_ns),
          .defer_hard_irqs = port.napi_defer_hard_irqs};
}

socket::BufferLimits buffer_limits(const config::Sysctl& sysctl) {
  return {.rmem_max = static_cast<std::uint32_t>(sysctl.rmem_max),
          .wmem_max = static_cast<std::uint32_t>(sysctl.wmem_max),
          .may_force = sysctl.cap_net_admin != 0};
}

ip::Forwarding forwarding(const config::Sysctl& sysctl) {
  return {.v4 = sysctl.ip_forward != 0,
          .v6 = sysctl.ip6_forwarding != 0,
          .send_redirects = sysctl.send_redirects != 0,
          .rp_filter = static_cast<std::uint8_t>(sysctl.rp_filter)};
}

ip::EarlyDemux early_demux(const config::Sysctl& sysctl) {
  return {.tcp = sysctl.ip_early_demux != 0 && sysctl.tcp_early_demux != 0, .udp = sysctl.ip_early_demux != 0 && sysctl.udp_early_demux != 0};
}

udp::Memory udp_memory(const config::Sysctl& sysctl) {
  udp::Memory memory{.rmem_default = static_cast<std::uint32_t>(sysctl.rmem_default),
                     .wmem_default = static_cast<std::uint32_t>(sysctl.wmem_default),
                     .rmem_min = static_cast<std::uint32_t>(sysctl.udp_rmem_min)};
  std::transform(sysctl.udp_mem.begin(), sysctl.udp_mem.end(), memory.pages.begin(), [](std::int64_t pages) { return static_cast<std::uint32_t>(pages); });
  return memory;
}

namespace {

// Of what the link's routers and groups are told and tell.
void set_link_options(socket::Stack::Options& options, const config::Sysctl& sysctl) {
  options.redirects = {.accept = sysctl.accept_redirects != 0,
                       .secure = sysctl.secure_redirects != 0,
                       .shared_media = sysctl.shared_media != 0};
  options.group.robustness = static_cast<std::uint8_t>(sysctl.igmp_qrv);
  options.group.force_igmp_version = static_cast<std::uint8_t>(sysctl.force_igmp_version);
  options.group.force_mld_version = static_cast<std::uint8_t>(sysctl.force_mld_version);
  options.group.link_local_reports = sysctl.igmp_link_local_mcast_reports != 0;
  addrconf::Options& addrconf = options.addrconf;
  addrconf.dad_transmits = static_cast<std::uint8_t>(sysctl.dad_transmits);
  addrconf.accept_ra = sysctl.accept_ra != 0;
  addrconf.accept_ra_defrtr = sysctl.accept_ra_defrtr != 0;
  addrconf.accept_ra_pinfo = sysctl.accept_ra_pinfo != 0;
  addrconf.accept_ra_mtu = sysctl.accept_ra_mtu != 0;
  addrconf.autoconf = sysctl.ip6_autoconf != 0;
  addrconf.accept_redirects = sysctl.ip6_accept_redirects != 0;
  addrconf.max_addresses = static_cast<std::uint16_t>(sysctl.max_addresses);
  addrconf.eui64 = sysctl.addr_gen_mode == 0;
  addrconf.rtr_solicitations = static_cast<int>(sysctl.router_solicitations);
}

}  // namespace

socket::Stack::Options stack_options(const config::Sysctl& sysctl) {
  socket::Stack::Options options;
  options.neighbor.base_reachable = milliseconds(sysctl.neigh_base_reachable_time_ms);
  options.neighbor.retrans = milliseconds(sysctl.neigh_retrans_time_ms);
  options.neighbor.delay_first_probe = seconds(sysctl.neigh_delay_first_probe_time);
  options.neighbor.ucast_solicit = static_cast<std::uint8_t>(sysctl.neigh_ucast_solicit);
  options.neighbor.mcast_solicit = static_cast<std::uint8_t>(sysctl.neigh_mcast_solicit);
  options.neighbor.queue_bytes = static_cast<std::uint32_t>(sysctl.neigh_unres_qlen_bytes);
  options.neighbor.locktime = milliseconds(sysctl.neigh_locktime_ms);
  options.neighbor.entries = static_cast<std::uint32_t>(sysctl.neigh_gc_thresh3);
  options.neighbor.gc_thresh1 = static_cast<std::uint32_t>(sysctl.neigh_gc_thresh1);
  options.neighbor.gc_thresh2 = static_cast<std::uint32_t>(sysctl.neigh_gc_thresh2);
  options.neighbor.gc_stale_time = seconds(sysctl.neigh_gc_stale_time);
  options.neighbor.gc_interval = seconds(sysctl.neigh_gc_interval);
  options.neighbor.arp_accept = static_cast<std::uint8_t>(sysctl.arp_accept);
  options.neighbor.arp_notify = sysctl.arp_notify != 0;
  options.neighbor.arp_defend = sysctl.arp_defend != 0;
  options.icmp.ratelimit = milliseconds(sysctl.icmp_ratelimit);
  options.icmp.ratelimit6 = milliseconds(sysctl.icmp6_ratelimit);
  options.icmp.msgs_per_sec = static_cast<std::uint32_t>(sysctl.icmp_msgs_per_sec);
  options.icmp.msgs_burst = static_cast<std::uint32_t>(sysctl.icmp_msgs_burst);
  options.default_hop_limit = static_cast<std::uint8_t>(sysctl.ip_default_ttl);
  options.path_mtu = {.min_v4 = static_cast<std::uint32_t>(sysctl.route_min_pmtu),
                      .expires_v4 = seconds(sysctl.route_mtu_expires),
                      .expires_v6 = seconds(sysctl.route6_mtu_expires)};
  options.fragments_v4 = {.high_thresh = static_cast<std::uint64_t>(sysctl.ipfrag_high_thresh),
                          .low_thresh = static_cast<std::uint64_t>(sysctl.ipfrag_low_thresh),
                          .timeout = seconds(sysctl.ipfrag_time)};
  options.fragments_v6 = {.high_thresh = static_cast<std::uint64_t>(sysctl.ip6frag_high_thresh),
                          .low_thresh = static_cast<std::uint64_t>(sysctl.ip6frag_low_thresh),
                          .timeout = seconds(sysctl.ip6frag_time)};
  set_link_options(options, sysctl);
  options.forwarding = forwarding(sysctl);
  options.early_demux = early_demux(sysctl);
  options.udp.memory = udp_memory(sysctl);
  options.udp.port_first = static_cast<std::uint16_t>(sysctl.ip_local_port_range[0]);
  options.udp.port_last = static_cast<std::uint16_t>(sysctl.ip_local_port_range[1]);
  tcp::Config& tcp = options.tcp;
  tcp.somaxconn = static_cast<std::uint32_t>(sysctl.somaxconn);
  tcp.syn_retries = static_cast<std::uint8_t>(sysctl.tcp_syn_retries);
  tcp.synack_retries = static_cast<std::uint8_t>(sysctl.tcp_synack_retries);
  tcp.retries2 = static_cast<std::uint8_t>(sysctl.tcp_retries2);
  tcp.limit_output_bytes = static_cast<std::uint32_t>(sysctl.tcp_limit_output_bytes);
  tcp.rmem = buffer_sizes(sysctl.tcp_rmem);
  tcp.wmem = buffer_sizes(sysctl.tcp_wmem);
  tcp.timestamps = sysctl.tcp_timestamps != 0;
  tcp.window_scaling = sysctl.tcp_window_scaling != 0;
  tcp.port_low = static_cast<std::uint16_t>(sysctl.ip_local_port_range[0]);
  tcp.port_high = static_cast<std::uint16_t>(sysctl.ip_local_port_range[1]);
  return options;
}

vlan::Options vlan_options(const config::Port& port, std::size_t lcores) {
  return {.name = port.name, .id = port.vlan_id, .mtu = port.mtu, .tx_queues = static_cast<std::uint16_t>(lcores)};
}

sim::EndOptions sim_options(const config::Port& port, std::uint16_t ifindex, std::uint64_t seed) {
  sim::EndOptions end;
  end.name = port.name;
  end.mac = port.mac ? *port.mac : drawn_mac(seed, ifindex);
  end.ifindex = ifindex;
  end.queues = port.rx_queues;
  end.tx_queues = port.tx_queues;
  end.mtu = port.mtu;
  end.tso = port.tso;
  end.lro = port.lro;
  end.rx_timestamp = port.rx_timestamp;
  return end;
}

ethdev::Options ethdev_options(const config::Port& port, std::uint16_t ifindex) {
  ethdev::Options options;
  if (port.driver == config::PortDriver::tap) {
    options.name = "net_tap_" + port.name;
    options.args = "iface=" + port.iface;
    if (port.mac) options.args += ",mac=" + port.mac->to_string();
  } else {
    const std::size_t comma = port.device.find(',');
    options.name = port.device.substr(0, comma);
    if (comma != std::string::npos) options.args = port.device.substr(comma + 1);
    options.mac = port.mac;
  }
  options.ifindex = ifindex;
  options.rx_queues = port.rx_queues;
  options.tx_queues = port.tx_queues;
  options.rx_ring = port.rx_desc;
  options.tx_ring = port.tx_desc;
  options.mtu = port.mtu;
  options.tso = port.tso;
  options.lro = port.lro;
  options.rx_timestamp = port.rx_timestamp;
  using Interrupts = ethdev::Options::Interrupts;
  if (port.rx_mode != config::RxMode::poll)
    options.interrupts = port.rx_mode == config::RxMode::interrupt ? Interrupts::needed : Interrupts::if_possible;
  return options;
}

TxPlace tx_place(const config::Port& port, std::uint16_t lcore, std::size_t lcores, std::uint16_t tx_queues) {
  for (std::uint16_t queue = 0; queue < port.xps_cpus.size(); ++queue) {
    const config::LcoreMask& mask = port.xps_cpus[queue];
    if (!mask.test(lcore)) continue;
    std::uint16_t owner = 0;
    while (!mask.test(owner)) ++owner;
    return {.queue = queue, .owner = owner};
  }
  const auto queue = static_cast<std::uint16_t>(lcore % std::min<std::size_t>(tx_queues, lcores));
  return {.queue = queue, .owner = queue};
}

runtime::QueueLimit::Bounds byte_limits(const config::Port& port) {
  return {.limit_min = port.bql_limit_min, .limit_max = port.bql_limit_max, .hold_time = std::chrono::milliseconds(port.bql_hold_time)};
}

neighbor::Interface make_interface(const config::StackInterface& wanted, std::uint16_t ifindex,
                                   const config::Port& wanted_port, const port::Info& port,
                                   neighbor::LinkOutput& output) {
  neighbor::Interface interface;
  interface.ifindex = ifindex;
  interface.name = wanted.name;
  interface.mac = port.mac;
  interface.mtu = port.mtu;
  interface.gso_max_size = wanted_port.gso_max_size;
  interface.gso_max_segs = wanted_port.gso_max_segs;
  interface.addresses = wanted.addresses;
  interface.autoconf = wanted.autoconf;
  if (wanted.autoconf) {
    std::erase_if(interface.addresses, [](const IpPrefix& own) { return !own.address.is_v4(); });  // not ours yet
  } else {
    interface.addresses.push_back({addrconf::eui64_address(IpAddress{{0xfe, 0x80}}, port.mac), 64});
  }
  interface.output = &output;
  return interface;
}

std::vector<IpPrefix> addresses_v6(const config::StackInterface& interface) {
  std::vector<IpPrefix> v6;
  for (const IpPrefix& prefix : interface.addresses)
    if (!prefix.address.is_v4()) v6.push_back(prefix);
  return v6;
}

neighbor::Interface loopback_interface(std::uint16_t ifindex, neighbor::LinkOutput& output) {
  neighbor::Interface interface;
  interface.ifindex = ifindex;
  interface.name = "lo";
  interface.mtu = runtime::Loopback::mtu;
  interface.is_loopback = true;
  interface.addresses = {{IpAddress::v4(127, 0, 0, 1), 8},
                         {IpAddress{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, 128}};
  interface.output = &output;
  return interface;
}

std::uint16_t loopback_ifindex(const Config& config, std::size_t stack) {
  return static_cast<std::uint16_t>(config.ports.size() + 1 + stack);
}

std::string loopback_name(const Config& config, std::size_t stack) {
  return config.stacks.size() == 1 ? "lo" : "lo@" + config.stacks[stack].name;
}

std::uint16_t ifindex_of(const Config& config, const std::string& port) {
  for (std::size_t i = 0; i < config.ports.size(); ++i)
    if (config.ports[i].name == port) return static_cast<std::uint16_t>(i + 1);
  MR_ASSERT(!"validate() has checked that every interface's port exists");
  return 0;
}

}  // namespace millrace
