// SPDX-License-Identifier: BSD-3-Clause
// The one Port over rte_ethdev. Made by the engine on its control thread; holds a started Device and its queues.
#include "drivers/ethdev/ethdev_port.hpp"

#include "drivers/ethdev/device.hpp"
#include "drivers/ethdev/flow_rule.hpp"
#include "drivers/ethdev/queues.hpp"
#include "drivers/ethdev/rss.hpp"

#include <rte_ethdev.h>

namespace millrace::ethdev {
namespace {

class EthdevPort final : public port::Port {
 public:
  EthdevPort(std::unique_ptr<Device> device, std::uint16_t ifindex) : device_(std::move(device)), rules_(device_->port_id(), info().rx_queues) {
    const std::uint16_t id = device_->port_id();
    for (std::uint16_t q = 0; q < info().rx_queues; ++q)
      rx_.push_back(std::make_unique<EthdevRx>(id, q, ifindex, info().offloads, device_->event_fd(q)));
    for (std::uint16_t q = 0; q < info().tx_queues; ++q) tx_.push_back(std::make_unique<EthdevTx>(id, q, info(), rte_eth_tx_done_cleanup(id, q, 0) >= 0));
    judge_hash();
  }

  const port::Info& info() const override { return device_->info(); }
  port::RxQueue& rx_queue(std::uint16_t index) override { return *rx_.at(index); }
  port::TxQueue& tx_queue(std::uint16_t index) override { return *tx_.at(index); }
  port::LinkState link() const override;
  port::DeviceStats device_stats() const override;
  std::optional<wire::Rss> rss() const override { return device_->hashes() ? read_rss(device_->port_id()) : std::nullopt; }
  Result<void> set_rss(const wire::Rss& rss) override;
  stats::NamedValues xstats() const override;
  Result<void> can_steer_flows() const override { return rules_.can_steer(); }
  Result<std::uint16_t> add_flow_rule(const wire::FlowRule& rule) override { return rules_.add(rule); }
  Result<void> remove_flow_rule(std::uint16_t id) override { return rules_.remove(id); }

 private:
  void judge_hash();

  std::unique_ptr<Device> device_;
  mutable FlowRules rules_;
  std::vector<std::unique_ptr<EthdevRx>> rx_;
  std::vector<std::unique_ptr<EthdevTx>> tx_;
};

port::LinkState EthdevPort::link() const {
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(device_->port_id(), &link) != 0) return {};
  const bool known = link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN;
  return {.up = link.link_status == RTE_ETH_LINK_UP, .speed_mbps = known ? link.link_speed : 0};
}

port::DeviceStats EthdevPort::device_stats() const {
  rte_eth_stats s{};
  if (rte_eth_stats_get(device_->port_id(), &s) != 0) return {};
  return {.rx_packets = s.ipackets,
          .rx_bytes = s.ibytes,
          .rx_missed = s.imissed,
          .rx_errors = s.ierrors,
          .rx_no_buffer = s.rx_nombuf,
          .tx_packets = s.opackets,
          .tx_bytes = s.obytes,
          .tx_errors = s.oerrors};
}

Result<void> EthdevPort::set_rss(const wire::Rss& rss) {
  if (!device_->hashes()) return Port::set_rss(rss);
  auto written = write_rss(device_->port_id(), rss);
  judge_hash();
  return written;
}

/// Steering takes a packet's hash for one that tells flows apart: it is passed on only when all ports are in it.
void EthdevPort::judge_hash() {
  const auto now = rss();
  const bool useful = info().offloads.rx_hash && now && now->fields == wire::RssFields{};
  for (auto& queue : rx_) queue->pass_hash_on(useful);
}

stats::NamedValues EthdevPort::xstats() const {
  const std::uint16_t id = device_->port_id();
  const int count = rte_eth_xstats_get_names(id, nullptr, 0);
  if (count <= 0) return {};
  std::vector<rte_eth_xstat_name> names(static_cast<std::size_t>(count));
  std::vector<rte_eth_xstat> values(names.size());
  if (rte_eth_xstats_get_names(id, names.data(), static_cast<unsigned>(count)) != count) return {};
  if (rte_eth_xstats_get(id, values.data(), static_cast<unsigned>(count)) != count) return {};
  stats::NamedValues all;
  for (const rte_eth_xstat& value : values) all.emplace_back(names.at(value.id).name, value.value);
  return all;
}

}  // namespace

Result<std::unique_ptr<port::Port>> open(const Options& options) {
  auto device = std::make_unique<Device>(options);
  if (auto up = device->bring_up(); !up) return tl::unexpected<Error>(std::move(up.error()));
  return std::make_unique<EthdevPort>(std::move(device), options.ifindex);
}

}  // namespace millrace::ethdev
