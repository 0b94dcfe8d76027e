// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/device.hpp"
#include "tests/devmodel/igb/interrupts.hpp"
#include "tests/devmodel/igb/phy.hpp"
#include "tests/devmodel/igb/plain_registers.hpp"
#include "tests/devmodel/igb/statistics.hpp"

namespace millrace::devmodel::igb {

/// What the receive and the transmit path have of the device in common.
struct Core {
  Core(Machine& its_machine, std::uint32_t rx_buffer_kib) : machine(its_machine), registers(rx_buffer_kib), interrupts(its_machine), phy(its_machine) {}

  [[nodiscard]] bool has_link() const { return phy.has_link() && (registers[reg::ctrl] & ctrl::slu) != 0; }
  /// Memory is out of reach once software has disabled the device as a bus master (CTRL.GIO_Master_Disable).
  [[nodiscard]] bool is_bus_master() const { return (registers[reg::ctrl] & ctrl::gio_master_disable) == 0; }

  Machine& machine;
  PlainRegisters registers;
  Statistics statistics;
  Interrupts interrupts;
  Phy phy;
  Counts counts;  ///< from the begin, whatever software reads or resets
};

}  // namespace millrace::devmodel::igb
