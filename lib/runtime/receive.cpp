// SPDX-License-Identifier: BSD-3-Clause
// Steering and the hand-over between lcores. Called by RxPoller (what GRO passed up) and Backlog (what other lcores
// handed over); calls steer::Steer and socket::Stack::receive. get_rps_cpu, enqueue_to_backlog of net/core/dev.c.
#include <millrace/runtime/receive.hpp>

#include <millrace/gro/arrival.hpp>
#include <millrace/gro/verify.hpp>
#include <millrace/port/tx_offload.hpp>
#include <millrace/wire/dissect.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>
#include <array>

namespace millrace::runtime {
namespace {

// Every lcore keeps its own neighbours, routers and groups, so every lcore hears of them: ARP, neighbour discovery, IGMP, MLD.
bool is_of_the_link(const pkt::Packet& packet) {
  const pkt::Meta& meta = packet.meta();
  if (meta.ethertype == wire::ethertype::arp) return true;
  if (meta.ethertype == wire::ethertype::ipv4) return meta.l4_proto == wire::ip_proto::igmp;
  if (meta.ethertype != wire::ethertype::ipv6 || meta.l4_proto != wire::ip_proto::icmp6 || meta.l4_offset == 0)
    return false;
  const auto message = wire::Icmp6View::parse(packet.data().subspan(meta.l4_offset));
  return message && (message->is_neighbor_discovery() || message->is_listener_message());
}

// And sockets on any of them may be in a group (receive_path H11).
bool is_for_all_lcores(const pkt::Packet& packet) {
  const pkt::Meta& meta = packet.meta();
  const bool to_many = meta.type != pkt::PacketType::host && meta.type != pkt::PacketType::other_host;
  return is_of_the_link(packet) || (to_many && meta.l4_proto == wire::ip_proto::udp);
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
  if (all_stay_here()) {
    env_.stats->steer.add(stats::Steer::local, up.size());
    wiring_.hand_over.hold(up.size());
    held_.splice_back(up);
    return deliver_held();
  }
  look_at_rings();
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

void Receive::look_at_rings() {
  for (std::uint16_t target = 0; target < waiting_.size(); ++target) waiting_[target] = wiring_.rings.waiting(target);
}

void Receive::bring(pkt::Packet packet, steer::Steer::Choice to) {
  const bool may_be_for_all = to.lcore == steer::Steer::undecided || packet.meta().type != pkt::PacketType::host;
  if (may_be_for_all && is_for_all_lcores(packet)) {
    if (packet.meta().checksum == pkt::ChecksumVerdict::by_segment) {  // its segments are copied as they came
      pkt::PacketList verified;
      gro::verify(env_, std::move(packet), verified);
      while (pkt::Packet one = verified.pop_front()) bring(std::move(one), to);
      return;
    }
    copy_to_other_lcores(packet);
    to = {env_.lcore};
  } else if (to.lcore == steer::Steer::undecided) {
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
  const bool is_for_all = is_for_all_lcores(packet);
  if (is_for_all) {
    look_at_rings();
    copy_to_other_lcores(packet);
  }
  const steer::Steer::Choice to = is_for_all ? steer::Steer::Choice{env_.lcore} : steer_.choose(env_, packet);
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

// A copy that cannot be made costs a neighbour table one refresh, which the next probe makes good, or a socket a datagram.
pkt::Packet Receive::copy_of(const pkt::Packet& packet) {
  pkt::Packet whole;
  for (std::uint32_t at = 0; at < packet.length();) {
    pkt::Packet part = make_packet(env_);
    if (!part) {
      if (whole) drop(env_, std::move(whole), stats::DropReason::no_buffer);
      return {};
    }
    const auto length = static_cast<std::uint16_t>(std::min<std::uint32_t>(part.tailroom(), packet.length() - at));
    packet.copy_out(at, {part.append(length), length});
    at += length;
    if (whole) {
      join(env_, whole, std::move(part));
    } else {
      whole = std::move(part);
    }
  }
  whole.meta() = packet.meta();
  whole.meta().is_copy = true;
  return whole;
}

void Receive::copy_to_other_lcores(const pkt::Packet& packet) {
  for (std::uint16_t target = 0; target < waiting_.size(); ++target) {
    if (target == env_.lcore) continue;
    pkt::Packet copy = copy_of(packet);
    if (!copy) return;
    enqueue_to_backlog({target}, std::move(copy));
  }
}

void Receive::loop_back(pkt::Packet frame) {
  const std::uint16_t ifindex = frame.meta().ifindex;
  static_cast<void>(gro::arrive(frame.mbuf(), {.ifindex = ifindex}));
  pkt::Meta& meta = frame.meta();
  if (meta.tx_checksum != pkt::ChecksumRequest::none) port::finish_checksum(frame.mbuf());
  meta.tx_checksum = pkt::ChecksumRequest::none;
  meta.checksum = pkt::ChecksumVerdict::unknown;
  meta.type = pkt::PacketType::loopback;
  meta.rx_queue = 0;
  static_cast<void>(netif_rx(std::move(frame)));
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

// What else find_last() and steering would look for in each packet.
bool Receive::are_plain(const pkt::PacketList& packets) const {
  const std::uint16_t ifindex = packets.front()->meta.ifindex;
  for (pkt::Mbuf* m = packets.front(); m != nullptr; m = m->meta.list_next) {
    const pkt::Meta& meta = m->meta;
    if (meta.ifindex != ifindex || meta.is_reassembled || meta.checksum == pkt::ChecksumVerdict::by_segment) return false;
  }
  return wiring_.by_ifindex[ifindex] != nullptr;
}

void Receive::to_stack(pkt::PacketList& packets) {
  env_.stats->softnet.add(stats::Softnet::processed, packets.size());
  wiring_.by_ifindex[packets.front()->meta.ifindex]->receive(packets);
}

// As long as they go where others of their flows went, which is looked up anew behind each callback.
void Receive::to_known_flows(pkt::PacketList& packets) {
  while (!packets.empty() && is_undisturbed()) {
    socket::Stack* const stack = wiring_.by_ifindex[packets.front()->meta.ifindex];
    const std::uint32_t n = stack != nullptr ? stack->ip().input_known(packets) : 0;
    if (n == 0) return;
    env_.stats->softnet.add(stats::Softnet::processed, n);
  }
}

void Receive::netif_receive_list(pkt::PacketList& packets) {
  to_known_flows(packets);
  if (packets.empty()) return;
  if (is_undisturbed() && are_plain(packets)) return to_stack(packets);
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
