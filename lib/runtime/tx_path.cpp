// SPDX-License-Identifier: BSD-3-Clause
// The last step out: queue, hand-over to the queue's owner, tx_burst. Called by the stack (transmit) and by Lcore at
// the end of each burst (flush); calls gso::validate_xmit and TxQueue::transmit. dev_queue_xmit() with a FIFO of txqueuelen.
#include <millrace/runtime/tx_path.hpp>

#include <millrace/gso/gso.hpp>

namespace millrace::runtime {
namespace {

constexpr Duration first_pause = 100us;
constexpr Duration longest_pause = 100ms;

}  // namespace

TxPath::~TxPath() {
  burst_.take_all([&](pkt::Packet frame) { drop(env_, std::move(frame), stats::DropReason::shutdown); });
  queue_.splice_back(segments_);
  while (pkt::Packet frame = queue_.pop_front()) drop(env_, std::move(frame), stats::DropReason::shutdown);
}

void TxPath::set_up(bool up) {
  up_ = up;
  if (up) return;
  burst_.take_all([&](pkt::Packet frame) { refuse(std::move(frame), stats::DropReason::port_down); });
  queue_.splice_back(segments_);
  while (pkt::Packet frame = queue_.pop_front()) refuse(std::move(frame), stats::DropReason::port_down);
}

void TxPath::transmit(pkt::Packet frame) {
  if (!up_) return refuse(std::move(frame), stats::DropReason::port_down);
  frame.meta().ifindex = wiring_.ifindex;
  if (owns_queue()) {
    if (room() == 0) flush();
    if (room() == 0) return refuse(std::move(frame), stats::DropReason::tx_ring_full);
    return queue_.push_back(std::move(frame));
  }
  frame = wiring_.rings.enqueue(env_.lcore, wiring_.owner, std::move(frame));
  if (frame) return refuse(std::move(frame), stats::DropReason::tx_ring_full);
  env_.stats->steer.add(stats::Steer::tx_handoff);
  handed_over_ = true;
}

// dequeue_skb(), validate_xmit_skb(): null when nothing waits.
pkt::Packet TxPath::next_frame() {
  while (segments_.empty() && !queue_.empty()) {
    pkt::Packet frame = queue_.pop_front();
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
  while (has_queued() || !burst_.empty()) {
    while (!burst_.full()) {
      pkt::Packet frame = next_frame();
      if (!frame) break;
      tap(env_, frame, TapPoint::out);
      burst_.push(std::move(frame));
    }
    if (wiring_.queue->transmit(env_, burst_) != 0 && wiring_.queue->can_reclaim()) {
      reclaim_pause_ = first_pause;
      next_reclaim_ = env_.now + first_pause;
    }
    if (!burst_.empty()) return;  // the device is full: the rest goes with a later pass
  }
}

void TxPath::reclaim() {
  if (env_.now < next_reclaim()) return;
  wiring_.queue->reclaim();
  next_reclaim_ = reclaim_pause_ < longest_pause ? env_.now + reclaim_pause_ : never;
  reclaim_pause_ *= 2;
}

}  // namespace millrace::runtime
