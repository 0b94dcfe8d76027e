// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/fault_plan.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace millrace::devmodel {

/// What its PCI configuration says of a device.
struct PciIdentity {
  std::uint16_t vendor = 0;
  std::uint16_t device = 0;
  std::uint16_t subsystem_vendor = 0;
  std::uint16_t subsystem_device = 0;
  std::uint32_t device_class = 0x020000;  ///< an Ethernet controller
};

/// One memory BAR. Accesses to it trap, each of them, and are the model's; what lies in [plain_begin, plain_end) is memory
/// that both sides see (ENA's LLQ), which is written without a trap.
struct Bar {
  unsigned index = 0;
  std::size_t size = 0;
  std::size_t plain_begin = 0;
  std::size_t plain_end = 0;
};

/// The driver gave an address that is not its memory, touched a register that there is not, or did else what no device forgives.
/// Whoever runs the driver reports it: the test has failed.
struct Violation {
  std::string what;
};

/// What a model is given by the machine that it sits in. One thread.
class Machine {
 public:
  virtual ~Machine() = default;
  /// The driver's memory at a bus address, both ways. A violation when it is not all registered memory; then an empty span.
  virtual std::span<std::uint8_t> dma(std::uint64_t address, std::size_t bytes) = 0;
  /// An MSI-X message.
  virtual void interrupt(unsigned vector) = 0;
  /// Memory of a BAR's plain range, from the BAR's begin.
  virtual std::span<std::uint8_t> plain(unsigned bar) = 0;
  virtual void violation(const std::string& what) = 0;
  /// Nanoseconds of the machine's clock: time that the model may let pass for what takes time in a device.
  [[nodiscard]] virtual std::uint64_t now_ns() const = 0;
  /// What is to go wrong in it.
  [[nodiscard]] FaultPlan& faults() { return faults_; }

 private:
  FaultPlan faults_;
};

/// A frame on the wire, its FCS not included.
using Frame = std::vector<std::uint8_t>;

/// What a device knows of its own traffic: what a driver's statistics are held against. Bytes are without the FCS.
struct Counts {
  std::uint64_t rx_frames = 0;  ///< given to the driver
  std::uint64_t rx_bytes = 0;
  std::uint64_t rx_no_buffer = 0;  ///< lost, for the driver had left no buffer
  std::uint64_t rx_filtered = 0;   ///< not addressed to the host
  std::uint64_t tx_frames = 0;     ///< on the wire, each segment one
  std::uint64_t tx_bytes = 0;
  std::uint64_t resets = 0;
};

/// A device at register level: a state machine written from the device's public specification, with no DPDK in it. It does what
/// it does in the call that makes it do it; there is no thread of its own.
class Device {
 public:
  virtual ~Device() = default;
  [[nodiscard]] virtual PciIdentity identity() const = 0;
  [[nodiscard]] virtual std::vector<Bar> bars() const = 0;
  /// Bytes of the configuration space, for capabilities; the identity is filled in by the machine.
  virtual void fill_config_space(std::span<std::uint8_t, 256> config) const { static_cast<void>(config); }
  /// Number of MSI-X vectors.
  [[nodiscard]] virtual unsigned vectors() const = 0;

  /// A load or store of 1, 2, 4 or 8 bytes. A register that the model does not know is a violation.
  virtual std::uint64_t read(unsigned bar, std::uint64_t offset, unsigned bytes) = 0;
  virtual void write(unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) = 0;

  /// A frame arrives. False: the device dropped it, and has counted it.
  virtual bool receive(std::span<const std::uint8_t> frame) = 0;
  /// The cable.
  virtual void set_link(bool up) = 0;
  [[nodiscard]] virtual Counts counts() const = 0;
  /// The device is pulled out: every read is all ones from now on, and nothing is heard.
  virtual void remove() = 0;
  /// What the device puts on the wire goes there; nowhere until set.
  void connect(std::function<void(Frame)> wire) { wire_ = std::move(wire); }

 protected:
  void put_on_wire(Frame frame) {
    if (wire_) wire_(std::move(frame));
  }

 private:
  std::function<void(Frame)> wire_;
};

}  // namespace millrace::devmodel
