// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/config/config.hpp>
#include <millrace/gro/gro.hpp>
#include <millrace/port/port.hpp>
#include <millrace/runtime/eal.hpp>
#include <millrace/runtime/rx_poller.hpp>
#include <millrace/runtime/queue_limit.hpp>
#include <millrace/runtime/softnet.hpp>
#include <millrace/stack/socket/stack.hpp>
#include <millrace/steer/steer.hpp>

#include "drivers/ethdev/ethdev_port.hpp"
#include "drivers/sim/link.hpp"
#include "drivers/vlan/vlan_port.hpp"

// The one place where configuration becomes the options of the parts.
namespace millrace {

[[nodiscard]] runtime::EalConfig eal_config(const Config& config);
[[nodiscard]] runtime::SoftnetLimits softnet_limits(const config::Sysctl& sysctl);
[[nodiscard]] gro::Config gro_config(const config::Sysctl& sysctl, const config::Port& port);
[[nodiscard]] runtime::Coalesce coalesce_of(const config::Coalesce& coalesce);
/// EOPNOTSUPP: rx_frames on a port that cannot tell how many packets wait.
[[nodiscard]] Result<void> check_coalesce(const config::Port& port, const config::Coalesce& coalesce,
                                          bool can_count_frames);
/// The configuration in which each rx queue of a port that is `threaded` has an lcore of its own, behind those that it
/// names (receive_path D16).
[[nodiscard]] Config with_poll_threads(Config config);
/// A queue's mode, hold-off and timers; the rest of the wiring is the engine's.
[[nodiscard]] runtime::RxPoller::Wiring rx_wiring(const config::Port& port, port::RxQueue& queue,
                                                  runtime::Receive& receive);
[[nodiscard]] poll::NapiTunables napi_tunables(const config::Port& port);
[[nodiscard]] socket::BufferLimits buffer_limits(const config::Sysctl& sysctl);
[[nodiscard]] udp::Memory udp_memory(const config::Sysctl& sysctl);
[[nodiscard]] ip::Forwarding forwarding(const config::Sysctl& sysctl);
[[nodiscard]] ip::EarlyDemux early_demux(const config::Sysctl& sysctl);
[[nodiscard]] socket::Stack::Options stack_options(const config::Sysctl& sysctl);
[[nodiscard]] vlan::Options vlan_options(const config::Port& port, std::size_t lcores);
[[nodiscard]] sim::EndOptions sim_options(const config::Port& port, std::uint16_t ifindex, std::uint64_t seed);
[[nodiscard]] ethdev::Options ethdev_options(const config::Port& port, std::uint16_t ifindex);

/// By which tx queue an lcore sends, and which lcore owns that queue: the first of those that send by it.
struct TxPlace {
  std::uint16_t queue;
  std::uint16_t owner;
};
[[nodiscard]] TxPlace tx_place(const config::Port& port, std::uint16_t lcore, std::size_t lcores,
                               std::uint16_t tx_queues);

/// Of the bytes that a tx queue's device may hold.
[[nodiscard]] runtime::QueueLimit::Bounds byte_limits(const config::Port& port);

/// The interface with its addresses, and the IPv6 link-local one that its MAC gives (RFC 4291 appendix A).
[[nodiscard]] neighbor::Interface make_interface(const config::StackInterface& wanted, std::uint16_t ifindex,
                                                 const config::Port& wanted_port, const port::Info& port,
                                                 neighbor::LinkOutput& output);
/// Those of IPv6.
[[nodiscard]] std::vector<IpPrefix> addresses_v6(const config::StackInterface& interface);
/// lo, of one stack on one lcore: 127.0.0.1/8 and ::1/128 (receive_path M1).
[[nodiscard]] neighbor::Interface loopback_interface(std::uint16_t ifindex, neighbor::LinkOutput& output);
/// Behind those of the ports, in the order of the stacks.
[[nodiscard]] std::uint16_t loopback_ifindex(const Config& config, std::size_t stack);
/// What the world outside the stacks calls it: "lo", or "lo@STACK" where there are several stacks.
[[nodiscard]] std::string loopback_name(const Config& config, std::size_t stack);
[[nodiscard]] std::uint16_t ifindex_of(const Config& config, const std::string& port);

}  // namespace millrace
