// SPDX-License-Identifier: BSD-3-Clause
// Steering and the hand-over between lcores. Called by RxPoller (what GRO passed up) and Backlog (what other lcores
// handed over); calls steer::Steer and socket::Stack::receive. get_rps_cpu, enqueue_to_backlog of net/core/dev.c.
#include <millrace/runtime/receive.hpp>

#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>

namespace millrace::runtime {
namespace {

// ARP and neighbour discovery: every lcore keeps its own neighbour table, so every lcore must hear them.
bool is_neighbor_message(const pkt::Packet& packet) {
  const pkt::Meta& meta = packet.meta();
  if (meta.ethertype == wire::ethertype::arp) return true;
  if (meta.ethertype != wire::ethertype::ipv6 || meta.l4_proto != wire::ip_proto::icmp6 || meta.l4_offset == 0) return false;
  const std::uint8_t type = packet.data()[meta.l4_offset];
  return type == wire::icmp6_type::neighbor_solicitation || type == wire::icmp6_type::neighbor_advertisement;
}

}  // namespace

Receive::Receive(Env& env, const SoftnetLimits& limits, const steer::Steer& steer, const Wiring& wiring)
    : env_(env), limits_(limits), steer_(steer), wiring_(wiring), waiting_(wiring.rings.lcores()), to_wake_(wiring.rings.lcores()),
      core_stats_(wiring.by_ifindex.size()) {}

void Receive::steer(pkt::PacketList& up) {
  if (up.empty()) return;
  for (std::uint16_t target = 0; target < waiting_.size(); ++target)
    if (target != env_.lcore) waiting_[target] = wiring_.rings.waiting(target);
  while (pkt::Packet packet = up.pop_front()) {
    if (is_neighbor_message(packet)) {
      copy_to_other_lcores(packet);
      netif_receive(std::move(packet));
      continue;
    }
    const std::uint16_t target = steer_.choose(env_, packet);
    if (target == env_.lcore) {
      netif_receive(std::move(packet));
    } else {
      enqueue_to_backlog(target, std::move(packet));
    }
  }
}

void Receive::enqueue_to_backlog(std::uint16_t target, pkt::Packet packet) {
  // "<=" as Linux compares, so a limit of 1000 admits 1001 (receive_path X13).
  if (waiting_[target] <= limits_.netdev_max_backlog) packet = wiring_.rings.enqueue(env_.lcore, target, std::move(packet));
  if (packet) {
    env_.stats->softnet.add(stats::Softnet::dropped);
    core_stats_[packet.meta().ifindex].rx_dropped.add(1);
    return drop(env_, std::move(packet), stats::DropReason::backlog_full);
  }
  ++waiting_[target];
  to_wake_[target] = true;
  env_.stats->steer.add(stats::Steer::enqueued);
}

void Receive::copy_to_other_lcores(const pkt::Packet& packet) {
  for (std::uint16_t target = 0; target < waiting_.size(); ++target) {
    if (target == env_.lcore) continue;
    pkt::Packet copy = make_packet(env_);
    // A copy that cannot be made costs a neighbour table one refresh: the next probe asks again.
    if (!copy) return;
    if (packet.length() > copy.tailroom()) return consume(env_, std::move(copy), stats::Ledger::used);
    packet.copy_out(0, {copy.append(static_cast<std::uint16_t>(packet.length())), packet.length()});
    copy.meta() = packet.meta();
    copy.meta().is_copy = true;
    enqueue_to_backlog(target, std::move(copy));
  }
}

void Receive::netif_receive(pkt::Packet packet) {
  // net_timestamp_check(): the port has stamped the packet; without prequeue the stamp is that of this lcore (X6).
  if (!limits_.netdev_tstamp_prequeue) packet.meta().rx_time = env_.now;
  env_.stats->softnet.add(stats::Softnet::processed);
  if (!packet.meta().is_copy) wiring_.capture.record(env_, packet, capture::Direction::in);
  socket::Stack* stack = wiring_.by_ifindex[packet.meta().ifindex];
  if (stack == nullptr) {
    core_stats_[packet.meta().ifindex].rx_nohandler.add(1);
    return drop(env_, std::move(packet), stats::DropReason::no_stack);
  }
  stack->receive(std::move(packet));
}

void Receive::wake_targets() {
  for (std::uint16_t target = 0; target < to_wake_.size(); ++target) {
    if (!to_wake_[target]) continue;
    to_wake_[target] = false;
    if (wiring_.wakers[target]->wake_if_asleep()) env_.stats->steer.add(stats::Steer::wakes);
  }
}

}  // namespace millrace::runtime
