// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/device.hpp"
#include "tests/devmodel/trap.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

struct rte_intr_handle;

namespace millrace::ethdev {
struct BusDevice;
}

namespace millrace::devmodel {

/// A place on a PCI bus that only this process sees, with a model in it: DPDK's own bus and drivers find the device there, map it,
/// and have their registers, interrupts and memory accesses answered by the model, in their own thread. To be filled before EAL
/// starts, which then needs `pci_devices = {name()}` and `extra = {"--iova-mode=va"}`. It outlives EAL's use of it.
class Slot final : public Machine {
 public:
  Slot();
  ~Slot() override;
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  /// The device is the caller's, and stays as long as the slot.
  void plug(Device& device);
  /// Surprise removal: the device and its files are gone. Then one of the same kind may be put in its place, once the port has let
  /// go of the old one.
  void pull_out();
  void put_back(Device& device);
  /// "0000:01:00.0": the name of the ethdev, too.
  [[nodiscard]] const std::string& name() const { return name_; }
  /// What has gone wrong so far; empty at a test's end.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  /// The same, which is forgotten then.
  [[nodiscard]] std::vector<std::string> take_violations() { return std::exchange(violations_, {}); }
  /// Register accesses so far.
  [[nodiscard]] std::uint64_t traps() const;
  /// The machine's clock goes on so much faster.
  void advance(std::uint64_t ns) { skipped_ns_ += ns; }

  // Machine
  std::span<std::uint8_t> dma(std::uint64_t address, std::size_t bytes) override;
  void interrupt(unsigned vector) override;
  std::span<std::uint8_t> plain(unsigned bar) override;
  void violation(const std::string& what) override { violations_.push_back(what); }
  [[nodiscard]] std::uint64_t now_ns() const override;

  // What DPDK's bus asks of the kernel (bus_functions.cpp).
  /// Null: not a device of ours.
  [[nodiscard]] static Slot* of(const ethdev::BusDevice& device);
  [[nodiscard]] static Slot* of(const rte_intr_handle* handle);
  int map(ethdev::BusDevice& device);
  void unmap(ethdev::BusDevice& device);
  int read_config(void* into, std::size_t bytes, std::size_t offset) const;
  int write_config(const void* from, std::size_t bytes, std::size_t offset);

 private:
  class BarRegisters;
  struct MappedBar {
    Bar bar;
    std::unique_ptr<BarRegisters> registers;
    std::unique_ptr<TrappedRange> range;
  };
  void make_sysfs(const PciIdentity& identity) const;
  void signal(unsigned vector);

  std::string name_;
  Device* device_ = nullptr;
  std::vector<MappedBar> bars_;
  std::vector<std::uint8_t> config_;
  rte_intr_handle* handle_ = nullptr;
  int event_fd_ = -1;  ///< of vector 0
  std::uint64_t skipped_ns_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace millrace::devmodel
