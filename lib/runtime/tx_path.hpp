// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/rcu_pointer.hpp>
#include <millrace/port/port.hpp>
#include <millrace/runtime/fair_queue.hpp>
#include <millrace/runtime/queue_limit.hpp>
#include <millrace/runtime/waker.hpp>
#include <millrace/runtime/worker_rings.hpp>
#include <millrace/stack/neighbor/interface.hpp>
#include <millrace/wire/packet_offload.hpp>

namespace millrace::runtime {

/// One lcore's way out through one port. Each tx queue has one owner lcore (receive_path F23): the owner queues up to
/// txqueuelen frames and feeds the device, with as many bytes at a time as QueueLimit says; while that is behind, frames wait by
/// flow, each in its turn (receive_path I5); other lcores hand their frames over by ring. What has
/// many segments is one frame here, and is cut when it leaves the queue, unless the device does that (E18, E19).
class TxPath final : public neighbor::LinkOutput {
 public:
  struct Wiring {
    port::TxQueue* queue;   ///< null when another lcore owns it
    std::uint16_t owner;
    WorkerRings& rings;
    Waker& owner_waker;
    std::uint16_t ifindex;
    std::uint32_t txqueuelen = 1000;  ///< frames that wait here at most
    QueueLimit::Bounds byte_limits{};  ///< of the bytes that the device may hold unsent, where it can tell
    port::Offloads offloads{};
    const RcuPointer<const wire::PacketOffloads>* protocols = nullptr;  ///< of applications, which GSO cuts too
  };
  TxPath(Env& env, const Wiring& wiring) : env_(env), wiring_(wiring), fair_(env), limit_(wiring.byte_limits) {}
  ~TxPath() override;

  void transmit(pkt::Packet frame) override;
  void transmit_list(pkt::PacketList& frames) override;
  [[nodiscard]] std::uint32_t queued_bytes(const FlowKey& flow) const override { return fair_.empty() ? 0 : fair_.bytes_of(flow); }
  void set_txqueuelen(std::uint32_t frames) { wiring_.txqueuelen = frames; }
  void set_byte_limits(const QueueLimit::Bounds& bounds) { limit_.set_bounds(bounds); }
  [[nodiscard]] const QueueLimit& byte_limit() const { return limit_; }
  /// Down: what is queued here, and everything that comes until it is up again, is dropped.
  void set_up(bool up);
  /// Owner: gives the device what it takes. Others: wakes the owner if it sleeps. Once a burst.
  void flush();
  /// Owner, when the lcore has nothing to do: takes back the buffers of sent frames, which the device else keeps until the
  /// next frame (receive_path F23). 100 us after the last frame, then after ever longer pauses, eleven times in all.
  void reclaim();
  /// When the next reclaim() is due; `never` when none is.
  [[nodiscard]] Instant next_reclaim() const { return next_reclaim_; }
  /// Owner: a frame that another lcore handed over.
  void accept(pkt::Packet frame) { enqueue(std::move(frame)); }
  /// What this lcore dropped for the port before the device had it.
  [[nodiscard]] const stats::DevCoreStats& core_stats() const { return core_stats_; }
  [[nodiscard]] bool owns_queue() const { return wiring_.queue != nullptr; }
  [[nodiscard]] bool has_queued() const { return !queue_.empty() || !fair_.empty() || !segments_.empty(); }
  /// Something waits, and the device may take it now.
  [[nodiscard]] bool wants_flush() const { return holds_frames() && env_.now >= held_until_; }
  /// When the device may take what waits although it is full or at its byte limit now; `never` when nothing waits.
  [[nodiscard]] Instant next_flush() const { return holds_frames() ? held_until_ : never; }
  [[nodiscard]] std::uint32_t room() const {
    const std::uint32_t waiting = queue_.size() + fair_.size();
    return waiting < wiring_.txqueuelen ? wiring_.txqueuelen - waiting : 0;
  }

 private:
  [[nodiscard]] bool holds_frames() const { return has_queued() || !burst_.empty(); }
  void enqueue(pkt::Packet frame);
  void fall_behind();
  [[nodiscard]] pkt::Packet next_queued();
  pkt::Packet next_frame();
  [[nodiscard]] std::uint64_t burst_bytes() const;
  void account_completed();
  void fill_burst();
  void refuse(pkt::Packet frame, stats::DropReason reason);

  Env& env_;
  Wiring wiring_;
  pkt::PacketList queue_;  ///< while the device keeps up: in the order of their coming
  FairQueue fair_;         ///< while it is behind
  pkt::PacketList segments_;  ///< of the frame that left the queue last
  pkt::Burst burst_;
  QueueLimit limit_;
  Instant held_until_{};  ///< the device is full, or at its byte limit, until then
  bool handed_over_ = false;
  bool up_ = true;
  Duration reclaim_pause_{};
  Instant next_reclaim_ = never;
  stats::DevCoreStats core_stats_;
};

}  // namespace millrace::runtime
