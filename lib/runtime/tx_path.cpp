// SPDX-License-Identifier: BSD-3-Clause
// The last step out: queue, hand-over to the queue's owner, tx_burst. Called by the stack (transmit) and by Lcore at
// the end of each burst (flush); calls gso::validate_xmit and TxQueue::transmit. dev_queue_xmit() with a FIFO of txqueuelen.
#include <millrace/runtime/tx_path.hpp>

#include <millrace/gso/gso.hpp>

#include <algorithm>

namespace millrace::runtime {
namespace {

constexpr Duration full_pause = 1us;  // before a full device is tried again
constexpr Duration first_pause = 100us;
constexpr Duration longest_pause = 100ms;

}  // namespace

TxPath::~TxPath() {
  burst_.take_all([&](pkt::Packet frame) { drop(env_, std::move(frame), stats::DropReason::shutdown); });
  queue_.splice_back(segments_);
  while (pkt::Packet frame = queue_.pop_front()) drop(env_, std::move(frame), stats::DropReason::shutdown);
  if (!fair_.empty()) --env_.tx_behind;
}

void TxPath::set_up(bool up) {
  up_ = up;
  if (up) return;
  burst_.take_all([&](pkt::Packet frame) { refuse(std::move(frame), stats::DropReason::port_down); });
  queue_.splice_back(segments_);
  while (pkt::Packet frame = next_queued()) refuse(std::move(frame), stats::DropReason::port_down);
}

void TxPath::transmit(pkt::Packet frame) {
  trace(env_, TracePoint::dev_queue_xmit);
  if (!up_) return refuse(std::move(frame), stats::DropReason::port_down);
  frame.meta().ifindex = wiring_.ifindex;
  if (owns_queue()) {
    if (room() == 0) flush();
    if (room() != 0) return enqueue(std::move(frame));
    if (fair_.empty()) return refuse(std::move(frame), stats::DropReason::tx_ring_full);
    enqueue(std::move(frame));
    return refuse(fair_.pop_of_largest(), stats::DropReason::tx_ring_full);  // fq_codel_drop(): who has the most here loses
  }
  frame = wiring_.rings.enqueue(env_.lcore, wiring_.owner, std::move(frame));
  if (frame) return refuse(std::move(frame), stats::DropReason::tx_ring_full);
  env_.stats->steer.add(stats::Steer::tx_handoff);
  handed_over_ = true;
}

void TxPath::transmit_list(pkt::PacketList& frames) {
  const bool takes_all = up_ && owns_queue() && fair_.empty() && frames.size() <= room();
  if (!takes_all || env_.tracer != nullptr) return LinkOutput::transmit_list(frames);
  frames.for_each([this](pkt::Packet& frame) { frame.meta().ifindex = wiring_.ifindex; });
  queue_.splice_back(frames);
}

void TxPath::enqueue(pkt::Packet frame) {
  if (fair_.empty()) return queue_.push_back(std::move(frame));
  fair_.push(std::move(frame));
}

// The device is behind: from now on flows take turns.
void TxPath::fall_behind() {
  if (queue_.empty()) return;
  env_.stats->port.add(stats::Port::tx_behind);
  if (fair_.empty()) ++env_.tx_behind;
  while (pkt::Packet frame = queue_.pop_front()) fair_.push(std::move(frame));
}

pkt::Packet TxPath::next_queued() {
  if (fair_.empty()) return queue_.pop_front();
  pkt::Packet frame = fair_.pop();
  if (fair_.empty()) --env_.tx_behind;
  return frame;
}

// dequeue_skb(), validate_xmit_skb(): null when nothing waits.
pkt::Packet TxPath::next_frame() {
  while (segments_.empty()) {
    pkt::Packet frame = next_queued();
    if (!frame) return frame;
    if (frame.meta().gso_size == 0) return frame;
    gso::validate_xmit(env_, std::move(frame), wiring_.offloads, segments_, wiring_.protocols != nullptr ? wiring_.protocols->read() : nullptr);
  }
  return segments_.pop_front();
}

void TxPath::refuse(pkt::Packet frame, stats::DropReason reason) {
  core_stats_.tx_dropped.add(1);
  frame.meta().frame_offset = frame.headroom();
  drop(env_, std::move(frame), reason);
}

void TxPath::flush() {
  if (!owns_queue()) {
    if (!std::exchange(handed_over_, false)) return;
    wiring_.rings.publish(env_.lcore, wiring_.owner);
    if (wiring_.owner_waker.wake_if_asleep()) env_.stats->steer.add(stats::Steer::wakes);
    return;
  }
  held_until_ = env_.now;
  while (holds_frames()) {
    fill_burst();
    if (burst_.empty()) break;  // at its byte limit
    if (wiring_.queue->transmit(env_, burst_) != 0 && wiring_.queue->can_reclaim()) {
      reclaim_pause_ = first_pause;
      next_reclaim_ = env_.now + first_pause;
    }
    if (burst_.empty()) continue;
    held_until_ = env_.now + full_pause;  // the rest goes with a later pass
    break;
  }
  fall_behind();
}

std::uint64_t TxPath::burst_bytes() const {
  std::uint64_t bytes = 0;
  for (std::uint16_t i = 0; i < burst_.size(); ++i) bytes += burst_[i].pkt_len;
  return bytes;
}

// netdev_tx_completed_queue(): what the device has sent since the last look. What it did not take is still to be sent.
void TxPath::account_completed() {
  const std::uint64_t unsent = wiring_.queue->in_flight(env_.now) + burst_bytes();
  if (unsent < limit_.inflight()) limit_.completed(limit_.inflight() - unsent, env_.now);
}

// As much as the device may have, a frame at least when it has nothing.
void TxPath::fill_burst() {
  const bool is_limited = wiring_.queue->tells_in_flight();
  if (is_limited) account_completed();
  while (!burst_.full() && has_queued()) {
    if (is_limited && !limit_.has_room()) {
      held_until_ = wiring_.queue->drained_to(limit_.limit() - std::min(limit_.limit(), burst_bytes()), env_.now);
      return env_.stats->port.add(stats::Port::tx_byte_limit);
    }
    const bool is_next_plain = segments_.empty() && fair_.empty() && !queue_.empty() && queue_.front()->meta.gso_size == 0;
    pkt::Packet frame = is_next_plain ? queue_.pop_front() : next_frame();
    if (!frame) return;
    trace(env_, TracePoint::dev_hard_start_xmit);
    tap(env_, frame, TapPoint::out);
    if (is_limited) limit_.queued(frame.length());
    burst_.push(std::move(frame));
  }
}

void TxPath::reclaim() {
  if (env_.now < next_reclaim()) return;
  wiring_.queue->reclaim();
  next_reclaim_ = reclaim_pause_ < longest_pause ? env_.now + reclaim_pause_ : never;
  reclaim_pause_ *= 2;
}

}  // namespace millrace::runtime
