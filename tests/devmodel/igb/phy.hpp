// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace millrace::devmodel {
class Machine;
}

namespace millrace::devmodel::igb {

/// The copper PHY inside the device, behind MDIC (datasheet chapter 8). Autonegotiation takes no time; the other end does 1000BASE-T
/// full duplex and no PAUSE, so flow control is never agreed upon and the model has none.
class Phy {
 public:
  explicit Phy(Machine& machine) : machine_(machine) { reset(); }

  void reset();
  void set_cable(bool plugged);
  [[nodiscard]] bool has_link() const { return is_plugged_ && !is_powered_down(); }

  [[nodiscard]] std::uint32_t mdic() const { return mdic_; }
  void set_mdic(std::uint32_t value);

 private:
  [[nodiscard]] bool is_powered_down() const { return (control_ & 1u << 11) != 0; }
  std::uint16_t read(std::uint32_t address);
  std::uint16_t read_status();
  std::uint16_t read_paged(std::uint32_t address) const;
  void write(std::uint32_t address, std::uint16_t value);

  Machine& machine_;
  bool is_plugged_ = true;
  bool was_down_ = false;  ///< the link bit of the status register latches low (802.3 22.2.4.2.13)
  std::uint32_t mdic_ = 0;
  std::uint16_t control_ = 0;
  std::uint16_t advertised_ = 0;
  std::uint16_t gigabit_control_ = 0;
  std::uint16_t page_ = 0;
  std::uint16_t port_config_ = 0;
  std::uint16_t port_control_ = 0;
  std::uint16_t power_management_ = 0;
};

}  // namespace millrace::devmodel::igb
