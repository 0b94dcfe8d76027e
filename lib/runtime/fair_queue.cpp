// SPDX-License-Identifier: BSD-3-Clause
// Per-flow queueing in front of a device that is behind. Called by TxPath. fq_codel_enqueue() and fq_codel_dequeue() of
// net/sched/sch_fq_codel.c.
#include <millrace/runtime/fair_queue.hpp>

#include <millrace/base/siphash.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>
#include <array>

namespace millrace::runtime {
namespace {

// What tells flows apart: both addresses, both ports, the protocol.
using Identity = std::array<std::uint8_t, 37>;

bool has_ports(std::uint8_t proto) { return proto == wire::ip_proto::tcp || proto == wire::ip_proto::udp; }

}  // namespace

FairQueue::FairQueue(Env& env) : env_(env), flows_(std::make_unique<Flow[]>(flows)) {}

FairQueue::~FairQueue() {
  while (pkt::Packet frame = pop()) drop(env_, std::move(frame), stats::DropReason::shutdown);
}

std::uint32_t FairQueue::place_of(const FlowKey& sender) const {
  Identity id{};
  const bool v4 = sender.local.is_v4();
  std::copy_n(v4 ? sender.local.v4_bytes() : sender.local.bytes.data(), v4 ? 4 : 16, id.begin());
  std::copy_n(v4 ? sender.remote.v4_bytes() : sender.remote.bytes.data(), v4 ? 4 : 16, id.begin() + 16);
  store_be16(&id[32], sender.local_port);
  store_be16(&id[34], sender.remote_port);
  id[36] = sender.proto;
  return static_cast<std::uint32_t>(siphash(env_.secret, id) % flows);
}

std::uint32_t FairQueue::place_of(const pkt::Packet& frame) const {
  const pkt::Meta& meta = frame.meta();
  const std::span<const std::uint8_t> bytes = frame.data();
  const std::uint8_t version = meta.l3_offset != 0 && bytes.size() > meta.l3_offset ? bytes[meta.l3_offset] >> 4 : std::uint8_t{0};
  const std::size_t address = version == 4 ? 4 : 16;
  const std::size_t source = meta.l3_offset + (version == 4 ? 12u : 8u);
  if ((version != 4 && version != 6) || bytes.size() < source + 2 * address) return 0;  // ARP and its like
  Identity id{};
  std::copy_n(&bytes[source], address, id.begin());
  std::copy_n(&bytes[source + address], address, id.begin() + 16);
  id[36] = bytes[meta.l3_offset + (version == 4 ? 9u : 6u)];
  if (has_ports(id[36]) && meta.l4_offset != 0 && bytes.size() >= meta.l4_offset + 4u) std::copy_n(&bytes[meta.l4_offset], 4, id.begin() + 32);
  return static_cast<std::uint32_t>(siphash(env_.secret, id) % flows);
}

void FairQueue::push(pkt::Packet frame) {
  Flow& flow = flows_[place_of(frame)];
  flow.bytes += frame.length();
  bytes_ += frame.length();
  ++frames_;
  flow.frames.push_back(std::move(frame));
  if (flow.turn.is_linked()) return;
  flow.deficit = quantum;
  new_.push_back(flow);
}

pkt::Packet FairQueue::pop() {
  for (;;) {
    const bool is_new = new_.front() != nullptr;
    Flow* const flow = is_new ? new_.front() : old_.front();
    if (flow == nullptr) return {};
    if (flow->deficit <= 0) {
      flow->deficit += quantum;
      flow->turn.unlink();
      old_.push_back(*flow);
      continue;
    }
    if (flow->frames.empty()) {
      // A new flow that has nothing more is old for one round, so that it cannot be new again at once.
      flow->turn.unlink();
      if (is_new && old_.front() != nullptr) old_.push_back(*flow);
      continue;
    }
    flow->deficit -= static_cast<std::int32_t>(flow->frames.front()->pkt_len);
    return take(*flow);
  }
}

pkt::Packet FairQueue::pop_of_largest() {
  Flow* const largest = std::max_element(&flows_[0], &flows_[0] + flows, [](const Flow& a, const Flow& b) { return a.bytes < b.bytes; });
  return take(*largest);
}

pkt::Packet FairQueue::take(Flow& flow) {
  pkt::Packet frame = flow.frames.pop_front();
  flow.bytes -= frame.length();
  bytes_ -= frame.length();
  --frames_;
  return frame;
}

}  // namespace millrace::runtime
