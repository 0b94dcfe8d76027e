// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/env/env.hpp>
#include <millrace/pkt/burst.hpp>
#include <millrace/stats/dev_stats.hpp>
#include <millrace/wire/address.hpp>
#include <millrace/wire/flow_rule.hpp>
#include <millrace/wire/rss.hpp>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace millrace::port {

/// What a port cuts into segments itself (TSO, USO), and how large and how scattered it may be at most; a packet beyond
/// is cut in software (lib/gso).
struct Segmentation {
  bool tcp = false;
  bool udp = false;
  bool v4_only = false;
  bool ip_checksum = false;             ///< it forms the segments' IPv4 checksums, and wants to be asked
  std::uint32_t max_bytes = 65536;      ///< dev->tso_max_size: of the IP packet
  std::uint16_t max_segments = 65535;   ///< dev->tso_max_segs
  std::uint16_t max_buffers = 65535;    ///< of its chain
  bool operator==(const Segmentation&) const = default;
};

/// What a port does in hardware after negotiation; the rest is done in software (see tx_offload.hpp). The IPv4 header
/// checksum is not among it: the ip layer always fills it in.
struct Offloads {
  bool rx_l4_checksum = false;  ///< received packets carry a verdict
  bool tx_tcp_checksum = false;
  bool tx_udp_checksum = false;
  bool tx_multi_segment = false;
  std::uint16_t tx_max_buffers = 65535;  ///< of a chain that is not to be cut; a longer one is made one buffer
  Segmentation tx_segmentation{};
  bool rx_hash = false;         ///< received packets carry the hash that chose their queue
  bool rx_lro = false;          ///< the device merges received TCP segments; such a packet says so, with their size and number
  bool rx_timestamp = false;    ///< received packets carry the device's time (pkt::rx_stamp)
  bool operator==(const Offloads&) const = default;
};

struct LinkState {
  bool up = false;
  std::uint32_t speed_mbps = 0;  ///< 0: unknown
};

/// What the device itself has counted since it was opened; what DPDK calls rte_eth_stats.
struct DeviceStats {
  std::uint64_t rx_packets = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t rx_missed = 0;     ///< lost by the device: nobody polled in time
  std::uint64_t rx_errors = 0;
  std::uint64_t rx_no_buffer = 0;  ///< lost because the queue's pool was empty
  std::uint64_t tx_packets = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t tx_errors = 0;

  // By Linux's names (struct rtnl_link_stats64); where the driver counts them, whatever it calls them.
  std::uint64_t multicast = 0;         ///< received
  std::uint64_t collisions = 0;
  std::uint64_t rx_length_errors = 0;
  std::uint64_t rx_crc_errors = 0;
  std::uint64_t rx_frame_errors = 0;   ///< alignment
  std::uint64_t tx_aborted_errors = 0;
  std::uint64_t tx_carrier_errors = 0;
  std::uint64_t tx_window_errors = 0;  ///< late collisions
};

/// Why a device carries nothing any more, or will not for long, of which neither it nor its driver gets rid by itself.
struct Fault {
  std::string cause{};   ///< what it is counted as: "tx_timeout", "removed"
  std::string detail{};  ///< for the log
};

/// What a port is, settled when it was opened.
struct Info {
  std::string name{};
  std::string driver{};
  MacAddress mac{};
  std::uint16_t mtu = 1500;      ///< bytes of a packet without its Ethernet header
  std::uint16_t rx_queues = 1;
  std::uint16_t tx_queues = 1;
  int numa_node = -1;
  std::string interrupts{};      ///< what its rx queues have: "MSI-X", "MSI", "INTx", "UIO" on PCI, "fd" of what DPDK makes up; empty: none
  Offloads offloads;
};

/// One receive queue; polled by the lcore that owns it and by no other thread.
class RxQueue {
 public:
  virtual ~RxQueue() = default;
  /// Adds up to `budget` received packets (and no more than burst.room()) to the burst; returns how many. Each has
  /// Meta::{rx_time, ifindex, rx_queue, checksum, gso_segs} set, and gso_size if the device merged it; its headers lie in
  /// its first buffer.
  virtual std::uint16_t receive(Env& env, pkt::Burst& burst, std::uint16_t budget) = 0;

  // Its interrupt, if the device has one. What arrived before arm() makes no event: whoever arms looks once more.

  /// The descriptor that has an event (EPOLLIN, edge by edge) when a packet arrives while armed; -1: there is none. It
  /// is not to be read.
  [[nodiscard]] virtual int event_fd() const { return -1; }
  virtual void arm() {}
  virtual void disarm() {}
  /// Packets that wait to be received; -1: the device cannot tell.
  [[nodiscard]] virtual int waiting() const { return -1; }

  stats::QueueStats counted;
};

/// One transmit queue; used by the lcore that owns it and by no other thread.
class TxQueue {
 public:
  virtual ~TxQueue() = default;
  /// Sends from the front of the burst and removes what the device took over; the rest stays with the caller.
  /// Checksums that Meta::tx_checksum asks for are finished here, by the device or in software.
  virtual std::uint16_t transmit(Env& env, pkt::Burst& burst) = 0;
  /// Whether the device can tell what it has not sent yet, as most cannot.
  [[nodiscard]] virtual bool tells_in_flight() const { return false; }
  /// Bytes that it has taken and not sent yet, and when it will have sent all but `left` of them; 0 and now where it cannot tell.
  [[nodiscard]] virtual std::uint64_t in_flight(Instant) const { return 0; }
  [[nodiscard]] virtual Instant drained_to(std::uint64_t /*left*/, Instant now) const { return now; }
  /// Gives the buffers of what the device has sent back to their pools, as transmit() does on its way: for when nothing is
  /// sent any more.
  virtual void reclaim() {}
  /// Whether the device has a way to; else it gives them back in transmit() alone, and reclaim() does nothing.
  [[nodiscard]] virtual bool can_reclaim() const { return false; }

  stats::QueueStats counted;
};

/// A network device: in-memory (drivers/sim) or anything DPDK drives (drivers/ethdev). Made and closed on a control
/// thread; its queues belong to lcores. Destroying it closes the device: no lcore may use its queues by then.
class Port {
 public:
  virtual ~Port() = default;
  [[nodiscard]] virtual const Info& info() const = 0;
  [[nodiscard]] virtual RxQueue& rx_queue(std::uint16_t index) = 0;
  [[nodiscard]] virtual TxQueue& tx_queue(std::uint16_t index) = 0;
  [[nodiscard]] virtual LinkState link() const = 0;
  /// Control thread only.
  [[nodiscard]] virtual DeviceStats device_stats() const { return {}; }

  // What the device lets in (ndo_set_rx_mode(), ndo_vlan_rx_add_vid()): frames to its address and to all, always. EOPNOTSUPP: the device
  // cannot choose. All of it is kept by a reset. Control thread only.

  /// Whether frames to other hosts come in, too.
  [[nodiscard]] virtual Result<void> set_promiscuous(bool /*on*/) { return filters_nothing(); }
  /// Whether those to every group come in, as they do at first; else those to the groups of set_multicast() alone.
  [[nodiscard]] virtual Result<void> set_allmulticast(bool /*on*/) { return filters_nothing(); }
  /// The groups, in place of those given before. ENOSPC: more than the device can keep.
  [[nodiscard]] virtual Result<void> set_multicast(std::span<const MacAddress> /*groups*/) { return filters_nothing(); }
  /// Whether frames with the tag of that VLAN (1..4094) come in. The first call shuts out those with other tags, and a device that cannot
  /// but filter (net_virtio) has them shut out from the start; frames without a tag come in always. Where it cannot, all tagged ones do.
  [[nodiscard]] virtual Result<void> set_vlan(std::uint16_t /*id*/, bool /*on*/) { return filters_nothing(); }

  // How received packets are spread over its rx queues (receive_path F1-F3). Control thread only.

  /// What the device spreads by now, as it says itself; null: it does not spread.
  [[nodiscard]] virtual std::optional<wire::Rss> rss() const { return std::nullopt; }
  /// Asks the device to spread so, under traffic. EOPNOTSUPP: it cannot; EINVAL: not with such a key or RETA. That it
  /// agrees does not mean that it obeys: rss() tells what came of it.
  [[nodiscard]] virtual Result<void> set_rss(const wire::Rss&) {
    return failure(EOPNOTSUPP, "the device spreads no packets over its queues; leave rss out, and spread by rps_cpus");
  }

  // Flow rules (receive_path F9): they go before RSS. Any one thread at a time, but no lcore's: a device may take its time,
  // while the lcores poll on.

  /// Whether the device takes rules, and if not, why; it is asked once. EOPNOTSUPP.
  [[nodiscard]] virtual Result<void> can_steer_flows() const {
    return failure(EOPNOTSUPP, "the device takes no flow rules; leave ntuple off, and RFS hands packets over between lcores");
  }
  /// ndo_rx_flow_steer(): once it has returned, what arrives of the flow goes to that queue. Returns the rule's id, below
  /// steer::no_filter. ENOSPC: the device's table is full; EEXIST: the flow has a rule; or what else the device says.
  [[nodiscard]] virtual Result<std::uint16_t> add_flow_rule(const wire::FlowRule&) { return tl::unexpected(can_steer_flows().error()); }
  /// Once it has returned, RSS places what arrives of the flow. ENOENT: there is no such rule.
  [[nodiscard]] virtual Result<void> remove_flow_rule(std::uint16_t id) {
    return failure(ENOENT, "there is no flow rule " + std::to_string(id));
  }

  // Health (receive_path A9, A14).

  /// What is wrong with the device; null: nothing that can be seen. To be asked about once a second, with the clock of the
  /// lcores' Env; each fault is told once. Control thread only.
  [[nodiscard]] virtual std::optional<Fault> check(Instant /*now*/) { return std::nullopt; }
  /// Begins the device anew, as it was opened: what it held is lost, its buffers go back to their pools, its queues stay the
  /// objects that they are, their event_fd() may be another. Control thread only, and no lcore may use its queues meanwhile.
  /// After an error the port is dead: its queues give and take nothing, its link is down; reset() may be tried again.
  [[nodiscard]] virtual Result<void> reset() { return failure(EOPNOTSUPP, "the port '" + info().name + "' cannot be reset"); }

  /// The driver's extended statistics, by the driver's names. Control thread only.
  [[nodiscard]] virtual stats::NamedValues xstats() const { return {}; }
  /// When an in-memory port next has something to receive: what a manual clock may jump to. `never` for real ports.
  [[nodiscard]] virtual Instant next_arrival() const { return never; }

 protected:
  [[nodiscard]] tl::unexpected<Error> filters_nothing() const {
    return failure(EOPNOTSUPP, "the port '" + info().name + "' filters nothing: every frame on its cable comes in");
  }
};

}  // namespace millrace::port
