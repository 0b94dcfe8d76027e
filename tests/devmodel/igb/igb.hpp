// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/igb/core.hpp"
#include "tests/devmodel/igb/eeprom.hpp"
#include "tests/devmodel/igb/receiver.hpp"
#include "tests/devmodel/igb/transmitter.hpp"

namespace millrace::devmodel::igb {

struct Options {
  Mac mac{0x02, 0x00, 0x00, 0x00, 0x82, 0x76};
  /// The receive FIFO. The real one has 64 KiB; small, so that a test that overruns it needs few frames.
  std::uint32_t rx_fifo_kib = 16;
};

/// An Intel 82576 at register level, written from the 82576EB datasheet: one port, copper, no virtual functions, no management firmware.
/// What is not modelled - legacy, split and replicating descriptors, VMDq, flow director filters, IPsec, MACsec, IEEE 1588, wake-up,
/// flow control, throttling - is a violation when software asks for it, where it could not as well be ignored.
class Igb final : public Device {
 public:
  explicit Igb(Machine& machine, const Options& options = {});

  [[nodiscard]] PciIdentity identity() const override;
  [[nodiscard]] std::vector<Bar> bars() const override;
  [[nodiscard]] unsigned vectors() const override;
  std::uint64_t read(unsigned bar, std::uint64_t offset, unsigned bytes) override;
  void write(unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) override;
  bool receive(std::span<const std::uint8_t> frame) override;
  void set_link(bool up) override;

  [[nodiscard]] Counts counts() const override { return core_.counts; }
  void remove() override { is_removed_ = true; }

  [[nodiscard]] Eeprom& eeprom() { return eeprom_; }

 private:
  [[nodiscard]] bool is_register(unsigned bar, std::uint64_t offset, unsigned bytes) const;
  [[nodiscard]] std::optional<std::uint32_t> read_register(std::uint32_t offset);
  bool write_register(std::uint32_t offset, std::uint32_t value);
  [[nodiscard]] std::uint32_t status() const;
  std::uint32_t read_swsm();
  void write_ctrl(std::uint32_t value);
  void check_modelled(std::uint32_t offset, std::uint32_t value);
  void reset();
  void load_mac();
  void follow_link();

  Core core_;
  Eeprom eeprom_;
  Receiver receiver_;
  Transmitter transmitter_;
  std::uint32_t swsm_ = 0;
  bool had_link_ = false;
  bool is_removed_ = false;
};

}  // namespace millrace::devmodel::igb
