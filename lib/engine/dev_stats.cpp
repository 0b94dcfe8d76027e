// SPDX-License-Identifier: BSD-3-Clause
// The statistics of ports and of the receive loop as Linux shows them. Called by applications through Engine and
// PortControl; dev_get_stats() of net/core/dev.c (receive_path P1-P4).
#include <millrace/engine/impl.hpp>

#include <millrace/engine/options.hpp>
#include <millrace/stats/dev_stats.hpp>
#include <millrace/stats/export.hpp>

namespace millrace {
namespace {

void add(stats::NamedValues& to, const std::string& queue, const stats::QueueStats& counted) {
  to.emplace_back(queue + "_packets", counted.packets.value());
  to.emplace_back(queue + "_bytes", counted.bytes.value());
  to.emplace_back(queue + "_drops", counted.drops.value());
}

}  // namespace

// dev_get_stats(): the device's own, then what the core dropped on its behalf.
stats::DevStats Engine::Impl::dev_stats(std::size_t port) const {
  port::Port& device = *ports[port];
  const port::DeviceStats own = device.device_stats();
  stats::DevStats all;
  for (std::uint16_t q = 0; q < device.info().rx_queues; ++q) {
    const stats::QueueStats& counted = device.rx_queue(q).counted;
    all.rx_packets += counted.packets.value();
    all.rx_bytes += counted.bytes.value();
    all.rx_dropped += counted.drops.value();
  }
  for (std::uint16_t q = 0; q < device.info().tx_queues; ++q) {
    const stats::QueueStats& counted = device.tx_queue(q).counted;
    all.tx_packets += counted.packets.value();
    all.tx_bytes += counted.bytes.value();
    all.tx_dropped += counted.drops.value();
  }
  all.rx_errors = own.rx_errors;
  all.rx_missed_errors = own.rx_missed;
  all.rx_dropped += own.rx_no_buffer;
  all.tx_errors = own.tx_errors;
  all.multicast = own.multicast;
  all.collisions = own.collisions;
  all.rx_length_errors = own.rx_length_errors;
  all.rx_crc_errors = own.rx_crc_errors;
  all.rx_frame_errors = own.rx_frame_errors;
  all.tx_aborted_errors = own.tx_aborted_errors;
  all.tx_carrier_errors = own.tx_carrier_errors;
  all.tx_window_errors = own.tx_window_errors;
  for (const auto& lcore : lcores) {
    const stats::DevCoreStats& received = lcore->parts.receive->core_stats(static_cast<std::uint16_t>(port + 1));
    const stats::DevCoreStats& sent = lcore->parts.tx_paths[port + 1]->core_stats();
    all.rx_dropped += received.rx_dropped.value();
    all.rx_nohandler += received.rx_nohandler.value();
    all.tx_dropped += sent.tx_dropped.value();
    if (const auto* vlan = lcore->parts.receive->packet_types().vlans().find(static_cast<std::uint16_t>(port + 1))) {
      all.rx_packets += vlan->counted.packets.value();
      all.rx_bytes += vlan->counted.bytes.value();
      all.rx_dropped += vlan->counted.drops.value();
    }
  }
  return all;
}

// What was sent is what was received (receive_path M4).
stats::DevStats Engine::Impl::loopback_stats(std::size_t stack) const {
  stats::DevStats all;
  for (const auto& lcore : lcores) {
    const stats::QueueStats& sent = lcore->parts.loopbacks[stack]->counted;
    all.tx_packets += sent.packets.value();
    all.tx_bytes += sent.bytes.value();
    all.rx_dropped += lcore->parts.receive->core_stats(loopback_ifindex(config, stack)).rx_dropped.value();
  }
  all.rx_packets = all.tx_packets;
  all.rx_bytes = all.tx_bytes;
  return all;
}

std::string Engine::proc_net_dev() const {
  std::vector<std::pair<std::string, stats::DevStats>> devices;
  for (std::size_t i = 0; i < impl_->config.stacks.size(); ++i)
    devices.emplace_back(loopback_name(impl_->config, i), impl_->loopback_stats(i));
  for (std::size_t i = 0; i < impl_->ports.size(); ++i)
    devices.emplace_back(impl_->config.ports[i].name, impl_->dev_stats(i));
  return stats::to_proc_net_dev(devices);
}

std::string Engine::proc_net_softnet_stat() const {
  std::vector<stats::SoftnetRow> rows;
  for (std::uint16_t id = 0; id < lcores(); ++id)
    rows.push_back({.stats = &impl_->lcores.shared(id)->stats(), .lcore = id, .input_qlen = impl_->worker_rings->waiting(id)});
  return stats::to_softnet_stat(rows);
}

NamedValues PortControl::statistics() const { return stats::to_sysfs_statistics(engine_.impl_->dev_stats(index_)); }

NamedValues PortControl::ethtool_statistics() const {
  port::Port& device = *engine_.impl_->ports[index_];
  const stats::DevStats all = engine_.impl_->dev_stats(index_);
  NamedValues shown{{"rx_packets", all.rx_packets},
                    {"rx_bytes", all.rx_bytes},
                    {"tx_packets", all.tx_packets},
                    {"tx_bytes", all.tx_bytes}};
  for (std::uint16_t q = 0; q < device.info().rx_queues; ++q)
    add(shown, "rx_queue_" + std::to_string(q), device.rx_queue(q).counted);
  for (std::uint16_t q = 0; q < device.info().tx_queues; ++q)
    add(shown, "tx_queue_" + std::to_string(q), device.tx_queue(q).counted);
  {
    const std::lock_guard lock(engine_.impl_->health_lock);
    for (const auto& counter : engine_.impl_->health[index_].counters) shown.push_back(counter);
  }
  for (auto& [name, value] : device.xstats()) shown.emplace_back("dev_" + name, value);
  return shown;
}

}  // namespace millrace
