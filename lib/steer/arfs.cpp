// SPDX-License-Identifier: BSD-3-Clause
// An lcore's part of accelerated RFS: when it asks for a flow rule and for a rule's end, and what waits meanwhile. Called
// by Steer::follow() and choose(), by the lcore's periodic task and by the control path's requests; calls RuleRequests.
// set_rps_cpu() and rps_may_expire_flow() of net/core/dev.c; receive_path F9.
#include <millrace/steer/steer.hpp>

#include <algorithm>

namespace millrace::steer {

// The flow goes to another lcore; if that one polls a queue of the port, its packets might arrive there at once.
void Steer::ask_for_rule(const pkt::Packet& packet, const Flow& flow, DevFlow& entry) {
  const pkt::Meta& meta = packet.meta();
  if (requests_ == nullptr || !interfaces_[meta.ifindex].ntuple) return;
  entry.asked = requests_->ask({.flow = flow.key, .hash = entry.hash, .ifindex = meta.ifindex, .rx_queue = meta.rx_queue, .lcore = entry.lcore});
}

bool Steer::is_parked(const pkt::Meta& meta, const Flow& flow) const {
  return flow.is_exact && !flow.is_quoted && std::any_of(switches_.begin(), switches_.end(), [&](const Switch& one) {
    return one.ifindex == meta.ifindex && one.comes == (one.rx_queue == meta.rx_queue) && one.flow == flow.key;
  });
}

bool Steer::has_room_for_rule(std::uint16_t ifindex, std::uint16_t rx_queue, std::uint32_t hash) {
  const DevFlows& flows = queue(ifindex, rx_queue).flows;
  return hand_over_ != nullptr && flows.is_on() && flows.may_have(hash, *hand_over_);
}

void Steer::take_rule(std::uint16_t ifindex, std::uint16_t rx_queue, const Filter& filter, LcoreId here) {
  queue(ifindex, rx_queue).flows.take_rule(filter, here, *hand_over_);
}

void Steer::lose_rule(std::uint16_t ifindex, std::uint16_t rx_queue, std::uint16_t id) { queue(ifindex, rx_queue).flows.lose_rule(id); }

void Steer::forget_asking(std::uint16_t ifindex, std::uint16_t rx_queue, std::uint32_t hash) {
  DevFlows& flows = queue(ifindex, rx_queue).flows;
  if (flows.is_on() && flows.at(hash).hash == hash) flows.at(hash).asked = false;
}

bool Steer::expire_rules() {
  bool any = false;
  for (std::size_t ifindex = 0; ifindex < interfaces_.size(); ++ifindex) {
    std::vector<Queue>& queues = interfaces_[ifindex].queues;
    for (std::size_t q = 0; q < queues.size(); ++q) {
      for (Filter& rule : queues[q].flows.rules()) {
        any = true;
        if (rule.leaving || !queues[q].flows.may_expire(rule, *hand_over_)) continue;
        rule.leaving = requests_->ask({.flow = rule.flow, .hash = rule.hash, .ifindex = static_cast<std::uint16_t>(ifindex),
                                       .rx_queue = static_cast<std::uint16_t>(q), .lcore = 0, .expired = true});
      }
    }
  }
  return any;
}

}  // namespace millrace::steer
