// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/config/config.hpp>
#include <millrace/engine/engine.hpp>
#include <millrace/wire/address.hpp>
#include <millrace/wire/flow_rule.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace millrace {

/// Counters by name, in the order in which Linux shows them.
using NamedValues = std::vector<std::pair<std::string, std::uint64_t>>;

/// What ethtool and sysfs change of a port while it runs, by Linux's names. One control thread at a time, none of the
/// lcores; each call waits until the lcores have done it. Goes before its engine.
class PortControl {
 public:
  PortControl(Engine& engine, std::size_t index) : engine_(engine), index_(index) {}

  /// /proc/irq/N/smp_affinity: moves an rx queue to the lowest lcore of the mask, under traffic. What the old lcore had
  /// taken is delivered first, so nothing overtakes; meanwhile packets wait in the device's ring. EINVAL: no such queue,
  /// or the mask names no lcore.
  [[nodiscard]] Result<void> set_smp_affinity(std::uint16_t queue, const config::LcoreMask& mask);
  [[nodiscard]] config::LcoreMask smp_affinity(std::uint16_t queue) const;

  /// sysfs's queues/rx-N/rps_cpus and rps_flow_cnt: over which lcores a queue's packets are spread, and how many of its
  /// flows RFS places (rounded up to a power of two; 0: off). Under traffic: what was steered before is delivered first.
  /// EINVAL: no such queue, or as the configuration would have it.
  [[nodiscard]] Result<void> set_rps_cpus(std::uint16_t queue, const config::LcoreMask& mask);
  [[nodiscard]] config::LcoreMask rps_cpus(std::uint16_t queue) const;
  [[nodiscard]] Result<void> set_rps_flow_cnt(std::uint16_t queue, std::uint32_t flows);
  [[nodiscard]] std::uint32_t rps_flow_cnt(std::uint16_t queue) const;

  /// ip link set up or down. Down: its queues are not polled any more, what waits of it on worker rings or for the device
  /// is dropped (drop.port_down), and so is what is sent through it. Other ports' packets keep their order.
  void set_up(bool up);
  [[nodiscard]] bool is_up() const;

  // What the device lets in. All of it is kept by a reset. EOPNOTSUPP: the port filters nothing, or cannot.

  /// ip link set promisc: whether frames to other hosts come in, for packet sockets, rx handlers and bridges; the stack takes none of
  /// them. While it is on, so do frames of every VLAN, as in Linux; where there is a VLAN port, its device lets in no other else.
  [[nodiscard]] Result<void> set_promiscuous(bool on);
  /// ip link set allmulticast: whether frames to every group come in. On at first, unlike in Linux: the stack tells the device of no
  /// group, so that whoever turns it off gives those that the stack needs, too; IPv6 needs 33:33:00:00:00:01 and 33:33:ff with the last
  /// three bytes of each address.
  [[nodiscard]] Result<void> set_allmulticast(bool on);
  /// ip maddr: the groups whose frames come in, too, in place of those given before. EINVAL: one is no group's address; ENOSPC: more than
  /// the device can keep, and those before stay.
  [[nodiscard]] Result<void> set_multicast(std::span<const MacAddress> groups);

  /// ethtool --reset: the device begins anew, as the watchdog has it do when it hangs, asks for it or was put back: what waits in
  /// it is lost, connections go on. Meanwhile the port is down. EOPNOTSUPP: there is no such device; else what it says, and the
  /// port stays down and is tried again, after 1 s at first and 60 s at last. To be told apart by ethtool_statistics().
  [[nodiscard]] Result<void> reset();

  /// ip link set txqueuelen: frames that wait before each tx queue, at most, from now on; those that wait already stay. EINVAL.
  [[nodiscard]] Result<void> set_txqueuelen(std::uint32_t frames);
  [[nodiscard]] std::uint32_t txqueuelen() const;

  /// sysfs's queues/tx-N/byte_queue_limits, whose names these are: bytes that the device of a tx queue may hold unsent, where the
  /// driver can tell (elsewhere limit and inflight stay as they are).
  struct ByteQueueLimits {
    std::uint64_t limit = 0;
    std::uint64_t inflight = 0;
    std::uint32_t limit_min = 0;
    std::uint32_t limit_max = 0;
    std::uint32_t hold_time = 0;  ///< milliseconds
  };
  [[nodiscard]] ByteQueueLimits byte_queue_limits(std::uint16_t queue) const;
  /// Of every tx queue of the port, from the next bytes on that it has sent. EINVAL as the configuration would have it.
  [[nodiscard]] Result<void> set_byte_queue_limits(std::uint32_t limit_min, std::uint32_t limit_max, std::uint32_t hold_time);

  /// netdev_rx_handler_register(): what sees every frame of the port before the protocols, as a bridge does (receive_path
  /// G6). EBUSY: it has one already.
  [[nodiscard]] Result<void> set_rx_handler(RxHandler handler);
  void remove_rx_handler();

  /// bpf_xdp_attach(): what sees every frame of the port before GRO (receive_path G11); it is called from several lcores at a
  /// time where several poll the port. EINVAL: it has no function; EBUSY: the port has one already; EOPNOTSUPP: it is a
  /// VLAN.
  [[nodiscard]] Result<void> set_xdp(XdpHook hook);
  /// bpf_xdp_detach(): it is not called any more when this returns.
  void remove_xdp();

  /// ethtool -C: the hold-off of every rx queue. EINVAL as the configuration would have it, or when the port's rx_mode
  /// is not interrupt; EOPNOTSUPP: rx_frames, and the device does not tell how many packets wait.
  [[nodiscard]] Result<void> set_coalesce(const config::Coalesce& coalesce);
  /// ethtool -c of one queue: rx_usecs is the one in force, which adaptive-rx chose if that is on.
  [[nodiscard]] config::Coalesce coalesce(std::uint16_t queue) const;

  /// ethtool -K gro: for every rx queue, under traffic. What is held goes up first, so nothing is lost or reordered; the
  /// link stays up.
  void set_gro(bool on);
  [[nodiscard]] bool gro() const;

  /// ethtool -k lro: whether the device merges received TCP segments before GRO does. As the configuration has it: a device
  /// is told when it starts.
  [[nodiscard]] bool lro() const;

  /// ethtool -X and -N: what `rss` gives of key, fields and shares, under traffic; the rest stays as it is. What waits in
  /// the device's queues is taken first, so that a flow which goes to another queue does not overtake itself there; only
  /// what the device takes in while it is being told may. EINVAL as the configuration would have it;
  /// EOPNOTSUPP, with what was asked and what the device made of it: it refuses, or agreed and does otherwise.
  [[nodiscard]] Result<void> set_rss(const config::Rss& rss);
  /// ethtool -x and -n: key, fields and RETA, read from the device; null when it spreads nothing.
  [[nodiscard]] std::optional<wire::Rss> rss() const;

  /// ethtool -K ntuple: RFS has the device bring a flow to the rx queue of the lcore that reads it, under traffic and in order.
  /// Off: the rules go, and RFS hands over in software. EINVAL as the configuration would have it; EOPNOTSUPP: the device
  /// takes no flow rules, and why.
  [[nodiscard]] Result<void> set_ntuple(bool on);
  [[nodiscard]] bool ntuple() const;
  /// ethtool -u: the flow rules that the port has now.
  [[nodiscard]] std::vector<wire::FlowRule> flow_rules() const;

  /// ethtool -T: which of SO_TIMESTAMPING's bits act for what this port receives (socket::timestamping): software stamps
  /// always, hardware ones where the device stamps (rx_timestamp). Any thread.
  [[nodiscard]] std::int64_t so_timestamping() const;

  /// /sys/class/net/.../queues/tx-N/xps_cpus: the lcores that send by a tx queue. The first of them owns it.
  [[nodiscard]] config::LcoreMask xps_cpus(std::uint16_t queue) const;

  /// /sys/class/net/DEV/statistics: the 24 files by name. rx_dropped and tx_dropped hold what the core dropped too: full
  /// backlogs and full tx queues (dev_get_stats). From any thread, as the next one.
  [[nodiscard]] NamedValues statistics() const;
  /// ethtool -S: rx_packets, rx_bytes, tx_packets, tx_bytes, each the sum of the rx_queue_N_* or tx_queue_N_* that follow;
  /// those have packets, bytes and drops (no buffer, or refused). Then what the watchdog did, where it did: resets, and
  /// reset_CAUSE for each fault that it saw (tx_timeout, rx_stalled, keepalive, bad_req_id, bad_desc_num, reset_asked,
  /// removed), lost_interrupts. Then the device's own extended statistics, if the driver has any, as dev_NAME with DPDK's
  /// names.
  [[nodiscard]] NamedValues ethtool_statistics() const;

 private:
  [[nodiscard]] Result<void> check_queue(std::uint16_t queue) const;
  [[nodiscard]] Result<void> steer(std::uint16_t queue, const config::LcoreMask& rps_cpus, std::uint32_t rps_flow_cnt);

  Engine& engine_;
  std::size_t index_;
};

}  // namespace millrace
