// SPDX-License-Identifier: BSD-3-Clause
// The watchdog of a device. Called by EthdevPort::check(); calls rte_eth_xstats, rte_timer and the drivers' events.
#include "drivers/ethdev/watchdog.hpp"

#include "drivers/ethdev/ethdev_port.hpp"
#include "drivers/ethdev/pci.hpp"
#include "drivers/ethdev/xstats.hpp"

#include <millrace/base/log.hpp>

#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_timer.h>

#include <algorithm>
#include <utility>

namespace millrace::ethdev {
namespace {

constexpr Duration watchdog_timeo = 5s;  // net_device's, of most drivers
constexpr Duration patience = 2s;        // as long as who has frames may take until he offers them again

int set_flag(std::uint16_t, rte_eth_event_type, void* flag, void*) {
  static_cast<std::atomic<bool>*>(flag)->store(true, std::memory_order_relaxed);
  return 0;
}

// The driver's own watchdog is an rte_timer of EAL's main lcore, which in Millrace nobody else serves.
void run_driver_timers() {
  const bool is_stranger = rte_lcore_id() == LCORE_ID_ANY;  // rte_timer keeps its books by lcore
  if (is_stranger && rte_thread_register() != 0) return;
  constexpr std::uint32_t default_timers = 0;
  unsigned main_lcore = rte_get_main_lcore();
  rte_timer_alt_manage(default_timers, &main_lcore, 1, [](rte_timer* timer) { timer->f(timer, timer->arg); });
  if (is_stranger) rte_thread_unregister();
}

const CounterCause* of_name(std::span<const CounterCause> all, const std::string& name) {
  const auto at = std::find_if(all.begin(), all.end(), [&](const CounterCause& one) { return name.ends_with(one.end); });
  return at == all.end() ? nullptr : &*at;
}

bool link_is_up(std::uint16_t port_id) {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(port_id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

}  // namespace

Watchdog::Watchdog(std::uint16_t port_id, const std::string& name, const Profile& profile, const std::vector<std::unique_ptr<EthdevRx>>& rx, const std::vector<std::unique_ptr<EthdevTx>>& tx)
    : port_id_(port_id), name_(name), profile_(profile), is_pci_(is_pci_address(name)), tx_(tx), rx_stall_(port_id, rx, watchdog_timeo) {
  rte_eth_dev_callback_register(port_id_, RTE_ETH_EVENT_INTR_RESET, set_flag, &reset_asked_);
  rte_eth_dev_callback_register(port_id_, RTE_ETH_EVENT_INTR_RMV, set_flag, &removed_);
  look_at_counters();
  fatal_.reset();
}

Watchdog::~Watchdog() {
  rte_eth_dev_callback_unregister(port_id_, RTE_ETH_EVENT_INTR_RESET, set_flag, &reset_asked_);
  rte_eth_dev_callback_unregister(port_id_, RTE_ETH_EVENT_INTR_RMV, set_flag, &removed_);
}

std::optional<port::Fault> Watchdog::check(Instant now) {
  if (auto fault = gone(); fault || told_of_removal_) return fault;
  if (profile_.has_timers) run_driver_timers();
  reset_cause_ = "reset_asked";
  look_at_counters();
  if (reset_asked_.exchange(false, std::memory_order_relaxed)) return port::Fault{reset_cause_, "its driver asks for a reset"};
  if (fatal_) return std::exchange(fatal_, std::nullopt);
  // A virtual device may stand still for as long as its peer does, which is none of its faults.
  if (!is_pci_) return std::nullopt;
  auto hung = hung_queue(now);
  return hung ? hung : rx_stall_.check(now);
}

std::optional<port::Fault> Watchdog::gone() {
  const bool is_gone = removed_.load(std::memory_order_relaxed) || (is_pci_ && !answers(name_));
  if (!is_gone || std::exchange(told_of_removal_, true)) return std::nullopt;
  return port::Fault{"removed", "the device is gone"};
}

void Watchdog::look_at_counters() {
  if (profile_.fatal_counters.empty() && profile_.reset_counters.empty() && profile_.warned_counters.empty()) return;
  const bool is_first = counters_.empty();
  for (const auto& [name, value] : read_xstats(port_id_)) {
    const bool grew = std::exchange(counters_[name], value) < value;
    if (!grew || is_first) continue;
    if (const auto* const fatal = of_name(profile_.fatal_counters, name)) fatal_ = port::Fault{std::string(fatal->cause), name + " is " + std::to_string(value)};
    if (const auto* const reset = of_name(profile_.reset_counters, name)) reset_cause_ = reset->cause;
    if (const auto* const warned = of_name(profile_.warned_counters, name))
      log(LogLevel::warn, "port '" + name_ + "': the instance's allowance of " + std::string(warned->cause) + " is used up: " + name + " is " + std::to_string(value));
  }
}

std::optional<port::Fault> Watchdog::hung_queue(Instant now) {
  for (std::size_t q = 0; q < tx_.size(); ++q) {
    const Instant since = tx_[q]->blocked_since();
    const bool is_wanted = now - tx_[q]->refused_at() < patience;  // what waited may have been dropped, with a port that was taken down
    if (since == Instant{} || !is_wanted || now - since < watchdog_timeo || since == told_hang_ || !link_is_up(port_id_)) continue;
    told_hang_ = since;
    return port::Fault{"tx_timeout", "tx queue " + std::to_string(q) + " has taken no frame for " + std::to_string((now - since) / 1ms) + " ms"};
  }
  return std::nullopt;
}

}  // namespace millrace::ethdev
