// SPDX-License-Identifier: BSD-3-Clause
// PHY registers over MDIC: those of 802.3 clause 22 and the few of the vendor's that a driver asks. Called by the device.
#include "tests/devmodel/igb/phy.hpp"

#include "tests/devmodel/device.hpp"

namespace millrace::devmodel::igb {
namespace {

constexpr std::uint32_t mdic_write = 1u << 26, mdic_read = 1u << 27, mdic_ready = 1u << 28, mdic_error = 1u << 30;
constexpr std::uint32_t internal_address = 1;

// 802.3 clause 22.
constexpr std::uint32_t control = 0, status = 1, id_1 = 2, id_2 = 3, advertisement = 4, partner_ability = 5, expansion = 6, gigabit_control = 9, gigabit_status = 10,
                        extended_status = 15;
// The vendor's, on page 0 but for the last two.
constexpr std::uint32_t port_config = 16, port_status = 17, port_control = 18, link_health = 19, power_management = 25, page_select = 31;
constexpr std::uint32_t pcs_init = 0x00b4;

constexpr std::uint16_t control_reset = 1 << 15, control_restart = 1 << 9, control_initial = 0x1140;
// 10 and 100 Mb/s in both duplexes, extended status, able to negotiate, extended registers.
constexpr std::uint16_t status_abilities = 0x7949, status_negotiated = 1 << 5, status_link = 1 << 2;

}  // namespace

void Phy::reset() {
  control_ = control_initial;
  advertised_ = 0x01e1;
  gigabit_control_ = 0x0200;
  page_ = port_config_ = port_control_ = power_management_ = 0;
}

void Phy::set_cable(bool plugged) {
  if (is_plugged_ && !plugged) was_down_ = true;
  is_plugged_ = plugged;
}

void Phy::set_mdic(std::uint32_t value) {
  const std::uint32_t address = value >> 16 & 0x1f;
  mdic_ = (value & 0x03ff0000) | mdic_ready;
  if ((value >> 21 & 0x1f) != internal_address) {
    mdic_ |= mdic_error;
  } else if ((value & mdic_read) != 0) {
    mdic_ |= read(address);
  } else if ((value & mdic_write) != 0) {
    write(address, static_cast<std::uint16_t>(value));
    mdic_ |= value & 0xffff;
  }
}

std::uint16_t Phy::read_status() {
  std::uint16_t value = status_abilities;
  if (has_link()) value |= status_negotiated;
  if (has_link() && !was_down_) value |= status_link;
  was_down_ = !has_link();
  return value;
}

std::uint16_t Phy::read(std::uint32_t address) {
  switch (address) {
    case control: return control_;
    case status: return read_status();
    case id_1: return 0x02a8;  // the 82576's own PHY
    case id_2: return 0x0391;
    case advertisement: return advertised_;
    case partner_ability: return has_link() ? 0x41e1 : 0;
    case expansion: return has_link() ? 1 : 0;
    case gigabit_control: return gigabit_control_;
    case gigabit_status: return has_link() ? 0x7800 : 0;  // both receivers well, the other end does 1000BASE-T full duplex
    case extended_status: return 0x3000;
    case page_select: return page_;
    default: return read_paged(address);
  }
}

// Registers 16 to 30 are of the page that was selected, by a number whose low five bits say nothing.
std::uint16_t Phy::read_paged(std::uint32_t address) const {
  const std::uint32_t full = (page_ & ~0x1fu) | address;
  switch (full) {
    case port_config: return port_config_;
    case port_status: return has_link() ? 0xc600 : 0;  // 1000 Mb/s, full duplex, link
    case port_control: return port_control_;
    case link_health: return 0;
    case power_management: return power_management_;
    case pcs_init: return 0;  // polarity as it should be
    case 0x11b1: case 0x12b1: case 0x14b1: case 0x18b1: return 10 << 9;  // gain of each pair, which tells the length of the cable
    default: machine_.violation("igb: PHY register " + std::to_string(full) + " read, which is not modelled"); return 0;
  }
}

void Phy::write(std::uint32_t address, std::uint16_t value) {
  const std::uint32_t full = address < 16 || address == page_select ? address : (page_ & ~0x1fu) | address;
  switch (full) {
    case control:
      if ((value & control_reset) != 0) return reset();
      control_ = static_cast<std::uint16_t>(value & ~control_restart);
      if (is_powered_down()) was_down_ = true;
      return;
    case advertisement: advertised_ = value; return;
    case gigabit_control: gigabit_control_ = value; return;
    case port_config: port_config_ = value; return;
    case port_control: port_control_ = value; return;
    case power_management: power_management_ = value; return;
    case page_select: page_ = value; return;
    default: machine_.violation("igb: PHY register " + std::to_string(full) + " written, which is not modelled");
  }
}

}  // namespace millrace::devmodel::igb
