// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/gro/gro.hpp>
#include <millrace/poll/napi.hpp>
#include <millrace/port/port.hpp>
#include <millrace/runtime/receive.hpp>
#include <millrace/runtime/rx_interrupt.hpp>
#include <millrace/runtime/xdp.hpp>

#include <memory>

namespace millrace::runtime {

/// The NAPI of one rx queue: harvest, GRO, then Receive. In interrupt mode a poll below its weight completes and unmasks
/// the interrupt; in the other modes the lcore schedules it again at its next pass (receive_path X19), unless the
/// completion deferred that (D12).
class RxPoller final : public poll::Napi, private gro::Destination {
 public:
  struct Wiring {
    port::RxQueue& queue;
    Receive& receive;
    gro::Arrival arrival;    ///< what the queue's packets have in common
    RxMode mode = RxMode::poll;
    Coalesce coalesce{};
    std::size_t lcores = 1;  ///< how many there are, for the counts of interrupts
  };
  RxPoller(const Wiring& wiring, const gro::Config& gro)
      : wiring_(wiring), receive_(&wiring.receive), interrupt_(wiring.queue, wiring.mode, wiring.coalesce, wiring.lcores), gro_(with_destination(gro)) {
    set_id(wiring.arrival.napi_id);
  }

  int poll(Env& env, int weight) override;
  void weight_used(Env& env) override;

  /// Whether it is to be polled although no event says so.
  [[nodiscard]] bool wants_poll() const { return unmasked_ && !interrupt_.is_driven() && !is_scheduled(); }
  [[nodiscard]] RxInterrupt& interrupt() { return interrupt_; }
  [[nodiscard]] const RxInterrupt& interrupt() const { return interrupt_; }
  /// The watchdog's look, now and then: whether packets wait although the interrupt is armed, as they did at the last look, with
  /// no poll in between. It is scheduled then, and also where the device cannot tell.
  bool misses_interrupt();
  /// Masks the interrupt and passes up whatever it holds: for the end of the lcore's life, or of its time on it.
  void drain(Env& env);
  /// Takes and passes up what it holds and what waits in the device's queue, `waiting` packets, or, if negative, until there
  /// is no more. Not from a poll.
  void take_waiting(Env& env, int waiting);
  /// GRO's settings from now on; what it holds goes up first.
  void configure_gro(Env& env, const gro::Config& config);
  /// What sees the frames first from now on; null: nobody. On its lcore, or on none.
  void set_xdp(std::shared_ptr<const XdpHook> xdp) { xdp_ = std::move(xdp); }
  /// Its packets go to another lcore's Receive from now on. Drained, and on no lcore.
  void move_to(Receive& receive) { receive_ = &receive; }
  /// When a poll is due although nothing arrives: GRO holds packets. `never` when it does not.
  [[nodiscard]] Instant next_flush() const { return gro_.next_flush(); }

 protected:
  bool holds_packets() const override { return gro_.holds(); }
  void flush_held(Env& env, bool old_only) override;

 private:
  struct Unmasking;
  [[nodiscard]] gro::Config with_destination(gro::Config gro) const {
    gro.destination = this;
    return gro;
  }
  bool is_elsewhere(const pkt::Packet& packet) const override { return receive_->leads_elsewhere(packet); }
  int take_burst(Env& env);
  void show_burst(Env& env);
  void finish(Env& env, int work);

  Wiring wiring_;
  Receive* receive_;
  RxInterrupt interrupt_;
  gro::Gro gro_;
  std::shared_ptr<const XdpHook> xdp_;
  pkt::Burst burst_;
  pkt::PacketList up_;
  std::uint32_t taken_ = 0;  // since the last completion
  bool unmasked_ = true;
  bool waited_ = false;  // at the watchdog's last look
};

}  // namespace millrace::runtime
