// SPDX-License-Identifier: BSD-3-Clause
// The one Port over rte_ethdev. Made by the engine on its control thread; holds a started Device, and its queues, which outlive a
// reset of it.
#include "drivers/ethdev/ethdev_port.hpp"

#include "drivers/ethdev/device.hpp"
#include "drivers/ethdev/filters.hpp"
#include "drivers/ethdev/flow_rule.hpp"
#include "drivers/ethdev/kernel_link.hpp"
#include "drivers/ethdev/profile.hpp"
#include "drivers/ethdev/queues.hpp"
#include "drivers/ethdev/rss.hpp"
#include "drivers/ethdev/tap.hpp"
#include "drivers/ethdev/watchdog.hpp"
#include "drivers/ethdev/xstats.hpp"

#include <rte_ethdev.h>

#include <cerrno>
#include <mutex>

namespace millrace::ethdev {
namespace {

constexpr std::uint16_t largest_vlan_id = 4094;

port::DeviceStats read_stats(std::uint16_t port_id, const Profile& profile) {
  rte_eth_stats s{};
  if (rte_eth_stats_get(port_id, &s) != 0) return {};
  port::DeviceStats all{.rx_packets = s.ipackets,
          .rx_bytes = s.ibytes,
          .rx_missed = s.imissed,
          .rx_errors = s.ierrors,
          .rx_no_buffer = s.rx_nombuf,
          .tx_packets = s.opackets,
          .tx_bytes = s.obytes,
          .tx_errors = s.oerrors};
  if (profile.stable_counters.empty()) return all;
  for (const auto& [name, value] : read_xstats(port_id))
    for (const drivers::StableCounter& known : profile.stable_counters)
      if (name.starts_with(known.begin) && name.ends_with(known.end)) all.*known.field += value;
  return all;
}

/// Adds what has been counted since `base`: some devices count on from one life to the next.
void add(port::DeviceStats& to, const port::DeviceStats& now, const port::DeviceStats& base) {
  using Stats = port::DeviceStats;
  for (const auto field : {&Stats::rx_packets, &Stats::rx_bytes, &Stats::rx_missed, &Stats::rx_errors, &Stats::rx_no_buffer, &Stats::tx_packets, &Stats::tx_bytes, &Stats::tx_errors,
                           &Stats::multicast, &Stats::collisions, &Stats::rx_length_errors, &Stats::rx_crc_errors, &Stats::rx_frame_errors, &Stats::tx_aborted_errors, &Stats::tx_carrier_errors,
                           &Stats::tx_window_errors})
    to.*field += now.*field - base.*field;
}

/// Whether what is settled with the one holds with the other.
bool is_alike(const port::Info& one, const port::Info& other) {
  return one.driver == other.driver && one.rx_queues == other.rx_queues && one.tx_queues == other.tx_queues && one.offloads == other.offloads;
}

class EthdevPort final : public port::Port {
 public:
  EthdevPort(const Options& options, std::unique_ptr<Device> device);

  const port::Info& info() const override { return info_; }
  port::RxQueue& rx_queue(std::uint16_t index) override { return *rx_.at(index); }
  port::TxQueue& tx_queue(std::uint16_t index) override { return *tx_.at(index); }
  port::LinkState link() const override;
  port::DeviceStats device_stats() const override;
  Result<void> set_promiscuous(bool on) override;
  Result<void> set_allmulticast(bool on) override;
  Result<void> set_multicast(std::span<const MacAddress> groups) override;
  Result<void> set_vlan(std::uint16_t id, bool on) override;
  std::optional<wire::Rss> rss() const override;
  Result<void> set_rss(const wire::Rss& rss) override;
  stats::NamedValues xstats() const override;
  std::optional<port::Fault> check(Instant now) override;
  Result<void> reset() override;
  Result<void> can_steer_flows() const override { return life_ ? life_->rules.can_steer() : dead(); }
  Result<std::uint16_t> add_flow_rule(const wire::FlowRule& rule) override { return life_ ? life_->rules.add(rule) : dead(); }
  Result<void> remove_flow_rule(std::uint16_t id) override { return life_ ? life_->rules.remove(id) : dead(); }

 private:
  /// What goes with the device at a reset; members are destroyed from the last to the first.
  struct Life {
    Life(std::unique_ptr<Device> started, const std::vector<std::unique_ptr<EthdevRx>>& rx, const std::vector<std::unique_ptr<EthdevTx>>& tx)
        : device(std::move(started)), profile(profile_of(device->info().driver)), rules(device->port_id(), device->info().rx_queues),
          watchdog(device->port_id(), device->info().name, profile, rx, tx), kernel_link(device->port_id()) {}
    [[nodiscard]] port::DeviceStats counted() const { return read_stats(device->port_id(), profile); }
    std::unique_ptr<Device> device;
    const Profile& profile;
    FlowRules rules;
    Watchdog watchdog;
    KernelLink kernel_link;
    const port::DeviceStats at_birth = counted();
  };
  void begin_life(std::unique_ptr<Device> device);
  void end_life();
  void count_life(port::DeviceStats& to) const;
  [[nodiscard]] tl::unexpected<Error> dead() const { return failure(ENODEV, "port '" + info_.name + "': its device is gone"); }
  [[nodiscard]] std::optional<wire::Rss> rss_now() const { return life_ && life_->device->hashes() ? read_rss(life_->device->port_id()) : std::nullopt; }
  void judge_hash();
  /// Errors are as those of refused().
  [[nodiscard]] Result<void> let_in(const Filters& wanted);
  [[nodiscard]] Result<void> write(const Filters& now, const Filters& wanted) const;
  [[nodiscard]] tl::unexpected<Error> refused(int code, const std::string& why) const { return failure(code, "port '" + info_.name + "' (" + info_.driver + "): " + why); }

  const Options options_;
  const port::Info info_;
  std::vector<std::unique_ptr<EthdevRx>> rx_;
  std::vector<std::unique_ptr<EthdevTx>> tx_;
  mutable std::mutex control_;  ///< applications ask for statistics while the watchdog begins the device anew
  std::unique_ptr<Life> life_;  ///< null after a reset that failed
  std::optional<wire::Rss> rss_asked_;
  Filters filters_;
  port::DeviceStats counted_before_;  ///< by the device in its earlier lives
};

EthdevPort::EthdevPort(const Options& options, std::unique_ptr<Device> device) : options_(options), info_(device->info()) {
  const std::uint16_t id = device->port_id();
  for (std::uint16_t q = 0; q < info_.rx_queues; ++q)
    rx_.push_back(std::make_unique<EthdevRx>(id, q, options.ifindex, device->buffer_bytes(), info_.offloads, profile_of(info_.driver), device->event_fd(q)));
  const bool may_clean_up = !profile_of(info_.driver).cleanup_blocks_ring;
  for (std::uint16_t q = 0; q < info_.tx_queues; ++q)
    tx_.push_back(std::make_unique<EthdevTx>(id, q, info_, may_clean_up && rte_eth_tx_done_cleanup(id, q, 0) >= 0));
  begin_life(std::move(device));
}

void EthdevPort::begin_life(std::unique_ptr<Device> device) {
  for (std::uint16_t q = 0; q < info_.rx_queues; ++q) rx_[q]->connect(device->port_id(), device->event_fd(q));
  for (auto& queue : tx_) queue->connect(device->port_id());
  life_ = std::make_unique<Life>(std::move(device), rx_, tx_);
  judge_hash();
}

void EthdevPort::end_life() {
  if (!life_) return;
  for (auto& queue : rx_) queue->connect(no_device, -1);
  for (auto& queue : tx_) queue->connect(no_device);
  count_life(counted_before_);
  life_.reset();
}

// The counters of a device that is gone are all ones.
void EthdevPort::count_life(port::DeviceStats& to) const {
  if (!life_->device->is_mute()) add(to, life_->counted(), life_->at_birth);
}

std::optional<port::Fault> EthdevPort::check(Instant now) {
  const std::lock_guard lock(control_);
  return life_ ? life_->watchdog.check(now) : std::nullopt;
}

// Removed and probed again, which is more than stopped and started: that leaves the rings of net_virtio as they are (22.11).
Result<void> EthdevPort::reset() {
  if (is_tap(options_.name)) return failure(EOPNOTSUPP, "port '" + info_.name + "': a reset would take the kernel's interface away");
  const std::lock_guard lock(control_);
  end_life();
  auto device = std::make_unique<Device>(options_);
  if (auto up = device->bring_up(); !up) return up;
  // A virtual device may make another address up and take none; nor does it filter by one, so that ours stays what it was.
  const bool is_known = device->take_mac(info_.mac) || !is_pci_address(options_.name);
  if (!is_known || !is_alike(info_, device->info())) return failure(ENODEV, "port '" + info_.name + "': another device came in its place; make the port anew");
  begin_life(std::move(device));
  if (auto written = write({}, filters_); !written) {
    end_life();
    return written;
  }
  return rss_asked_ ? write_rss(life_->device->port_id(), *rss_asked_).map([&] { judge_hash(); }) : Result<void>();
}

port::LinkState EthdevPort::link() const {
  const std::lock_guard lock(control_);
  rte_eth_link link{};
  if (!life_ || rte_eth_link_get_nowait(life_->device->port_id(), &link) != 0) return {};
  const bool known = link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN;
  return {.up = link.link_status == RTE_ETH_LINK_UP && life_->kernel_link.is_running(), .speed_mbps = known ? link.link_speed : 0};
}

port::DeviceStats EthdevPort::device_stats() const {
  const std::lock_guard lock(control_);
  port::DeviceStats all = counted_before_;
  if (life_) count_life(all);
  return all;
}

Result<void> EthdevPort::write(const Filters& now, const Filters& wanted) const {
  return write_filters(life_->device->port_id(), life_->profile, now, wanted).or_else([&](const Error& error) -> Result<void> { return refused(error.code, error.message); });
}

Result<void> EthdevPort::let_in(const Filters& wanted) {
  if (!life_) return dead();
  if (life_->profile.filters_nothing) return filters_nothing();
  Result<void> written = write(filters_, wanted);
  if (written)
    filters_ = wanted;
  else
    static_cast<void>(write(wanted, filters_));
  return written;
}

Result<void> EthdevPort::set_promiscuous(bool on) {
  const std::lock_guard lock(control_);
  Filters wanted = filters_;
  wanted.promiscuous = on;
  return let_in(wanted);
}

Result<void> EthdevPort::set_allmulticast(bool on) {
  const std::lock_guard lock(control_);
  Filters wanted = filters_;
  wanted.allmulticast = on;
  return let_in(wanted);
}

Result<void> EthdevPort::set_multicast(std::span<const MacAddress> groups) {
  for (const MacAddress& group : groups)
    if (!group.is_multicast()) return refused(EINVAL, "multicast: " + group.to_string() + " is no group's address: the lowest bit of its first byte must be 1");
  const std::lock_guard lock(control_);
  Filters wanted = filters_;
  wanted.groups.assign(groups.begin(), groups.end());
  return let_in(wanted);
}

Result<void> EthdevPort::set_vlan(std::uint16_t id, bool on) {
  if (id == 0 || id > largest_vlan_id) return refused(EINVAL, "vlan " + std::to_string(id) + " must be 1.." + std::to_string(largest_vlan_id));
  const std::lock_guard lock(control_);
  Filters wanted = filters_;
  if (!wanted.vlans) wanted.vlans.emplace();
  wanted.vlans->set(id, on);
  return let_in(wanted);
}

std::optional<wire::Rss> EthdevPort::rss() const {
  const std::lock_guard lock(control_);
  return rss_now();
}

Result<void> EthdevPort::set_rss(const wire::Rss& rss) {
  const std::lock_guard lock(control_);
  if (!life_) return dead();
  if (!life_->device->hashes()) return Port::set_rss(rss);
  if (profile_of(info_.driver).hashes_all_or_nothing && rss.fields != wire::RssFields{})
    return failure(EOPNOTSUPP, info_.driver + " hashes addresses and ports, or nothing: leave the fields out");
  auto written = write_rss(life_->device->port_id(), rss);
  if (written) rss_asked_ = rss;
  judge_hash();
  return written;
}

/// Steering takes a packet's hash for one that tells flows apart: it is passed on only when all ports are in it.
void EthdevPort::judge_hash() {
  const auto now = rss_now();
  const bool useful = info_.offloads.rx_hash && now && now->fields == wire::RssFields{};
  for (auto& queue : rx_) queue->pass_hash_on(useful);
}

stats::NamedValues EthdevPort::xstats() const {
  const std::lock_guard lock(control_);
  return life_ ? read_xstats(life_->device->port_id()) : stats::NamedValues{};
}

}  // namespace

Result<std::unique_ptr<port::Port>> open(const Options& options) {
  auto device = std::make_unique<Device>(options);
  if (auto up = device->bring_up(); !up) return tl::unexpected<Error>(std::move(up.error()));
  return std::make_unique<EthdevPort>(options, std::move(device));
}

}  // namespace millrace::ethdev
