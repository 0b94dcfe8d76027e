// SPDX-License-Identifier: BSD-3-Clause
// Steering and the hand-over between lcores. Called by RxPoller (what GRO passed up) and Backlog (what other lcores
// handed over); calls steer::Steer and socket::Stack::receive. get_rps_cpu, enqueue_to_backlog of net/core/dev.c.
#include <millrace/runtime/receive.hpp>

#include <millrace/gro/verify.hpp>
#include <millrace/wire/dissect.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/protocol.hpp>

#include <array>

namespace millrace::runtime {
namespace {

// ARP and neighbour discovery: every lcore keeps its own neighbour table, so every lcore must hear them.
bool is_neighbor_message(const pkt::Packet& packet) {
  const pkt::Meta& meta = packet.meta();
  if (meta.ethertype == wire::ethertype::arp) return true;
  if (meta.ethertype != wire::ethertype::ipv6 || meta.l4_proto != wire::ip_proto::icmp6 || meta.l4_offset == 0)
    return false;
  const std::uint8_t type = packet.data()[meta.l4_offset];
  return type == wire::icmp6_type::neighbor_solicitation || type == wire::icmp6_type::neighbor_advertisement;
}

}  // namespace

Receive::Receive(Env& env, const SoftnetLimits& limits, steer::Steer& steer, const Wiring& wiring)
    : env_(env),
      limits_(limits),
      steer_(steer),
      wiring_(wiring),
      waiting_(wiring.rings.lcores()),
      to_wake_(wiring.rings.lcores()),
      core_stats_(wiring.by_ifindex.size()) {
  add_protocols();
}

void Receive::steer(pkt::PacketList& up) {
  if (up.empty()) return;
  enter(Stage::steer);
  for (std::uint16_t target = 0; target < waiting_.size(); ++target) waiting_[target] = wiring_.rings.waiting(target);
  while (!up.empty()) {
    std::array<pkt::Mbuf*, steer::Steer::most_packets> packets;
    std::array<steer::Steer::Choice, steer::Steer::most_packets> choices;
    std::size_t n = 0;
    while (n < packets.size() && !up.empty()) {
      pkt::Packet packet = up.pop_front();
      // What GRO merged unseen is shown when it is verified: until then there are headers between its payloads.
      if (packet.meta().checksum != pkt::ChecksumVerdict::by_segment) tap(env_, packet, TapPoint::gro);
      packets[n++] = packet.release();
    }
    steer_.choose(env_, {packets.data(), n}, choices.data());
    for (std::size_t i = 0; i < n; ++i) bring(pkt::Packet::adopt(packets[i]), choices[i]);
  }
  publish();
  deliver_held();
}

void Receive::bring(pkt::Packet packet, steer::Steer::Choice to) {
  if (to.lcore == steer::Steer::undecided) {
    if (is_neighbor_message(packet)) {
      copy_to_other_lcores(packet);
      return hold({env_.lcore}, std::move(packet));
    }
    to = steer_.choose(env_, packet);
    if (to.is_parked) {
      park(std::move(packet));
      return;
    }
  }
  // What this lcore has queued for itself goes first, or the packet could overtake one of its flow (receive_path F8).
  if (to.lcore == env_.lcore && own_queue_is_drained()) {
    hold(to, std::move(packet));
  } else {
    enqueue_to_backlog(to, std::move(packet));
  }
}

// What stays here goes up when all of the burst is steered, so that each of the two is timed by the burst (receive_path
// C14). A flow that has a packet here is not moved by RFS meanwhile (F8).
void Receive::hold(const steer::Steer::Choice& to, pkt::Packet packet) {
  held_.push_back(std::move(packet));
  wiring_.hand_over.hold();
  if (to.flow != nullptr) to.flow->last_qtail = wiring_.hand_over.queued(env_.lcore);
}

void Receive::deliver_held() {
  if (held_.empty()) return;
  enter(Stage::proto);
  netif_receive_list(held_);
  wiring_.hand_over.release();
}

bool Receive::netif_rx(pkt::Packet packet) {
  packet.meta().rx_time = env_.now;
  if (is_neighbor_message(packet)) copy_to_other_lcores(packet);
  const steer::Steer::Choice to = steer_.choose(env_, packet);
  if (to.is_parked) return park(std::move(packet));
  waiting_[to.lcore] = wiring_.rings.waiting(to.lcore);
  const bool is_queued = enqueue_to_backlog(to, std::move(packet));
  publish();
  return is_queued;
}

pkt::Packet Receive::resteer(pkt::Packet frame) {
  const wire::Layers layers = wire::dissect(frame.data());
  pkt::Meta& meta = frame.meta();
  meta.l4_offset = layers.l4_offset;
  meta.payload_offset = layers.payload_offset;
  meta.l4_proto = layers.l4_proto;
  const steer::Steer::Choice to = steer_.choose(env_, frame);
  if (to.is_parked) {
    park(std::move(frame));
    return {};
  }
  if (to.lcore == env_.lcore) return frame;
  waiting_[to.lcore] = wiring_.rings.waiting(to.lcore);
  enqueue_to_backlog(to, std::move(frame));
  publish();
  return {};
}

bool Receive::park(pkt::Packet packet) {
  if (parked_.size() > limits_.netdev_max_backlog) return refuse(std::move(packet), stats::DropReason::backlog_full);
  env_.stats->steer.add(stats::Steer::arfs_waits);
  parked_.push_back(std::move(packet));
  return true;
}

void Receive::unpark() {
  steer_.end_switches();
  pkt::PacketList again(std::move(parked_));
  steer(again);
}

bool Receive::enqueue_to_backlog(const steer::Steer::Choice& to, pkt::Packet packet) {
  const std::uint32_t waiting = waiting_[to.lcore];
  // "<=" as Linux compares, so a limit of 1000 admits 1001 (receive_path X13).
  if (waiting > limits_.netdev_max_backlog) return refuse(std::move(packet), stats::DropReason::backlog_full);
  if (is_over_flow_limit(packet, waiting)) {
    env_.stats->softnet.add(stats::Softnet::flow_limit_count);
    return refuse(std::move(packet), stats::DropReason::flow_limit);
  }
  packet = wiring_.rings.enqueue(env_.lcore, to.lcore, std::move(packet));
  if (packet) return refuse(std::move(packet), stats::DropReason::backlog_full);
  ++waiting_[to.lcore];
  if (to.flow != nullptr) to.flow->last_qtail = wiring_.hand_over.queued(to.lcore);
  env_.stats->steer.add(stats::Steer::enqueued);
  if (to.lcore != env_.lcore) {
    to_wake_[to.lcore] = true;
  } else if (!backlog_->is_scheduled()) {
    backlog_->host()->schedule(*backlog_);  // one that is scheduled works until its queues are empty
  }
  return true;
}

bool Receive::refuse(pkt::Packet packet, stats::DropReason reason) {
  env_.stats->softnet.add(stats::Softnet::dropped);
  core_stats_[packet.meta().ifindex].rx_dropped.add(1);
  drop(env_, std::move(packet), reason);
  return false;
}

// Only what goes to a worker that is in trouble counts, by the table of this lcore (receive_path F16, X14).
bool Receive::is_over_flow_limit(const pkt::Packet& packet, std::uint32_t waiting) {
  if (!flow_limit_ || waiting < limits_.netdev_max_backlog / 2) return false;
  return flow_limit_->is_over(steer_.hash_of(packet));
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
    enqueue_to_backlog({target}, std::move(copy));
  }
}

void Receive::receive_unseen(pkt::Packet packet) {
  pkt::PacketList verified;
  gro::verify(env_, std::move(packet), verified);
  pkt::PacketList seen;
  while (pkt::Packet one = verified.pop_front()) {
    tap(env_, one, TapPoint::gro);
    seen.push_back(std::move(one));
  }
  netif_receive_list(seen);
}

// dev_add_pack() of ip_init(), arp_init() and ipv6_packet_init().
void Receive::add_protocols() {
  auto add = [this, id = PacketTypes::Id{0}](std::uint16_t type, const char* name) mutable {
    packet_types_.add(id++, {.type = type, .name = name, .func = [this](Env&, pkt::Packet packet) { to_stack(std::move(packet)); }});
  };
  add(wire::ethertype::ipv4, "ip_rcv");
  add(wire::ethertype::arp, "arp_rcv");
  add(wire::ethertype::ipv6, "ipv6_rcv");
}

void Receive::to_stack(pkt::Packet packet) {
  socket::Stack* const stack = wiring_.by_ifindex[packet.meta().ifindex];
  if (stack != nullptr) return stack->receive(std::move(packet));
  core_stats_[packet.meta().ifindex].rx_nohandler.add(1);
  drop(env_, std::move(packet), stats::DropReason::no_stack);
}

// Who is to have the packet at last. Null: it has gone another way.
const PacketType* Receive::find_last(pkt::Packet& packet) {
  // net_timestamp_check(): the port has stamped the packet; without prequeue the stamp is that of this lcore (X6).
  if (!limits_.netdev_tstamp_prequeue) packet.meta().rx_time = env_.now;
  // The fragments of a datagram were counted and captured; the whole is nothing new.
  const bool is_new = !packet.meta().is_reassembled;
  if (is_new) env_.stats->softnet.add(stats::Softnet::processed);
  if (is_new && !packet.meta().is_copy) tap(env_, packet, TapPoint::steered);
  if (!is_new || !packet_types_.is_wanted()) {
    to_stack(std::move(packet));
    return nullptr;
  }
  const PacketType* const last = packet_types_.receive(env_, packet);
  if (last == nullptr && packet) {
    core_stats_[packet.meta().ifindex].rx_nohandler.add(1);
    drop(env_, std::move(packet), stats::DropReason::unknown_ethertype);
  }
  return last;
}

void Receive::netif_receive(pkt::Packet packet) {
  if (packet.meta().checksum == pkt::ChecksumVerdict::by_segment) return receive_unseen(std::move(packet));
  const PacketType* const last = find_last(packet);
  if (last != nullptr) last->func(env_, std::move(packet));
}

void Receive::netif_receive_list(pkt::PacketList& packets) {
  const PacketType* handler = nullptr;
  pkt::PacketList sublist;
  const auto flush = [&] {
    if (!sublist.empty()) PacketTypes::deliver(env_, *handler, sublist);
  };
  while (pkt::Packet packet = packets.pop_front()) {
    if (packet.meta().checksum == pkt::ChecksumVerdict::by_segment) {
      flush();
      receive_unseen(std::move(packet));
      continue;
    }
    const PacketType* const last = find_last(packet);
    if (last == nullptr) continue;
    if (last != handler) flush();
    handler = last;
    sublist.push_back(std::move(packet));
  }
  flush();
}

// What was queued is seen from now on: once in a burst.
void Receive::publish() {
  for (std::uint16_t target = 0; target < waiting_.size(); ++target) wiring_.rings.publish(env_.lcore, target);
}

void Receive::wake_targets() {
  for (std::uint16_t target = 0; target < to_wake_.size(); ++target) {
    if (!to_wake_[target]) continue;
    to_wake_[target] = false;
    if (wiring_.wakers[target]->wake_if_asleep()) env_.stats->steer.add(stats::Steer::wakes);
  }
}

}  // namespace millrace::runtime
