// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/port/port.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace millrace::drivers {

/// What the growth of a counter means.
struct CounterCause {
  std::string_view end;    ///< of the name of an xstat
  std::string_view cause;  ///< as port::Fault has it; or what is to be warned of
};

/// By which name Linux knows what a driver counts.
struct StableCounter {
  std::string_view begin, end;  ///< of the xstat's name; those of several queues are summed
  std::uint64_t port::DeviceStats::*field;
};

/// Where a DPDK driver departs from what it announces, or from the rest.
struct Profile {
  std::string_view driver;            ///< rte_eth_dev_info::driver_name
  bool software_checksums = false;    ///< its checksum offloads are loops in the driver: ours are better
  bool equal_queues = false;          ///< refuses different numbers of rx and tx queues
  bool needs_all_rx_queues = false;   ///< what is put into one that nobody uses is lost: all of them are in use
  bool filters_nothing = false;       ///< every frame comes in, whatever it is asked; it agrees to any filter
  bool begins_without_vlans = false;  ///< its device filters tags from the start, and has no switch for that (rx-vlan-filter: on [fixed])
  bool announces_peer_mac = false;    ///< its MAC is that of the other end of the cable
  bool scatters_unasked = false;      ///< receives into chains without having the offload
  bool ring_holds_one_frame = false;  ///< rx descriptors are the pieces of one frame, not places for many
  std::uint16_t sent_kept = 0;        ///< it may keep so many buffers that are sent; 0: as it likes, which is nearly a ring full of them
  std::uint16_t most_tx_buffers = 0;  ///< of a frame, whatever its limits say; 0: they are right
  std::uint16_t least_rx_buffer = 0;  ///< bytes behind the headroom; smaller ones fail in the driver, which does not survive that
  std::uint16_t least_burst = 1;      ///< frames that it is to be asked for; asked for fewer, it gives none
  bool keeps_good_of_bad = false;     ///< it gives nothing of a burst in which something was wrong, but puts there what was good; and has lost count of its ring then
  bool calls_unseen_good = false;     ///< it says of a checksum that the device did not look at that it is good
  bool hashes_all_or_nothing = false;  ///< a protocol whose ports are not hashed is not hashed at all
  bool cuts_v4_only = false;          ///< TSO is announced for both families, and refused for IPv6
  bool link_by_interrupt = false;     ///< it learns of the link by the interrupt alone
  bool forgets_handler = false;       ///< closing it does not wait for its interrupt handler, which would run on what is gone
  bool stops_under_handler = false;   ///< stopping it does not, either
  bool has_timers = false;            ///< its own watchdog is an rte_timer
  std::span<const CounterCause> fatal_counters{};    ///< they do not grow on a device that works
  std::span<const CounterCause> reset_counters{};    ///< they tell why the driver asks for a reset
  std::span<const CounterCause> warned_counters{};
  std::span<const StableCounter> stable_counters{};
  std::optional<std::uint32_t> live_register{};  ///< of BAR 0, that is not all ones while the device answers
  bool cleanup_blocks_ring = false;   ///< rte_eth_tx_done_cleanup() leaves a ring that takes no more frames
  bool missums_odd_chains = false;    ///< the checksum that it forms of a chain is wrong where a buffer begins at an odd place
  bool spoils_packed_chains = false;  ///< a frame of several buffers stops a virtio device whose ring is packed
  bool frees_received = false;        ///< closed, it frees what it has received from a packed ring and not replaced there, which has another owner
  /// What rte_eth_tx_prepare() does to a frame of one buffer: whatever it likes; nothing, unless an offload is asked for; nothing but to
  /// write the pseudo header's sum.
  enum class Prepares : std::uint8_t { all, offloads, sums } prepares = Prepares::all;
};

}  // namespace millrace::drivers
