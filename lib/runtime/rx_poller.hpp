// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/gro/gro.hpp>
#include <millrace/poll/napi.hpp>
#include <millrace/port/port.hpp>
#include <millrace/runtime/receive.hpp>

namespace millrace::runtime {

/// The NAPI of one rx queue: harvest, GRO, then Receive. Poll mode (receive_path X19): a poll below its weight
/// completes, and the lcore schedules it again at its next pass.
class RxPoller final : public poll::Napi {
 public:
  struct Wiring {
    port::RxQueue& queue;
    Receive& receive;
    MacAddress mac;          ///< the port's own
    std::uint32_t napi_id;
  };
  RxPoller(const Wiring& wiring, const gro::Config& gro) : wiring_(wiring), gro_(gro) {}

  int poll(Env& env, int weight) override;
  void weight_used(Env& env) override;

  /// Passes up whatever GRO holds; for the end of the lcore's life.
  void drain(Env& env);
  /// When a poll is due although nothing arrives: GRO holds packets. `never` when it does not.
  [[nodiscard]] Instant next_flush() const { return gro_.next_flush(); }

 private:
  void take(Env& env, pkt::Packet packet);

  Wiring wiring_;
  gro::Gro gro_;
  pkt::Burst burst_;
  pkt::PacketList up_;
};

}  // namespace millrace::runtime
