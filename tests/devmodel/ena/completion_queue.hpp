// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/device.hpp"
#include "tests/devmodel/bytes.hpp"
#include "tests/devmodel/ena/fault_plan.hpp"
#include "tests/devmodel/ena/ring.hpp"

#include <optional>
#include <vector>

namespace millrace::devmodel::ena {

/// The completion queue of an I/O queue, with its interrupt. One is sent for the first completion after the driver has unmasked
/// it, which masks it again.
class CompletionQueue {
 public:
  CompletionQueue(Machine& machine, FaultPlan& faults, Ring ring, std::optional<unsigned> vector)
      : machine_(machine), faults_(faults), ring_(ring), vector_(vector) {}

  [[nodiscard]] std::uint32_t entry_bytes() const { return ring_.entry_bytes(); }
  /// Hands one completion to the driver: the only place where the device does. Its phase bit, which it gets here, is bit 0 of
  /// byte 3 in both kinds (ena_eth_io_tx_cdesc, ena_eth_io_rx_cdesc_base).
  void post(MutableBytes completion);
  /// Those that a fault has kept back.
  void release_late();
  /// The register of ena_eth_io_intr_reg. The delays are taken for no time.
  void write_interrupt_control(std::uint32_t control);

 private:
  void mark(MutableBytes completion) const;
  void put(Bytes completion);

  Machine& machine_;
  FaultPlan& faults_;
  Ring ring_;
  std::optional<unsigned> vector_;
  bool masked_ = true;
  bool unannounced_ = false;  // completions since the last interrupt, which the driver may not have seen when it unmasks
  std::vector<std::vector<std::uint8_t>> late_;
};

}  // namespace millrace::devmodel::ena
