// SPDX-License-Identifier: BSD-3-Clause
// The device: its reset, its control registers, and which part of it each other register belongs to. Called by the machine for every
// access of the driver, and by tests for frames and the cable.
#include "tests/devmodel/igb/igb.hpp"

#include <array>
#include <cstdio>

namespace millrace::devmodel::igb {
namespace {

constexpr unsigned csr_bar = 0;
constexpr std::size_t csr_bytes = 0x20000;

std::string hex(std::uint64_t value) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "0x%05llx", static_cast<unsigned long long>(value));
  return text.data();
}

}  // namespace

Igb::Igb(Machine& machine, const Options& options)
    : core_(machine, options.rx_fifo_kib), eeprom_(options.mac), receiver_(core_), transmitter_(core_, [this](Frame frame) { put_on_wire(std::move(frame)); }) {
  load_mac();
}

PciIdentity Igb::identity() const { return {.vendor = 0x8086, .device = 0x10c9, .subsystem_vendor = 0x8086, .subsystem_device = 0xa03c}; }

std::vector<Bar> Igb::bars() const { return {{.index = csr_bar, .size = csr_bytes}}; }

unsigned Igb::vectors() const { return igb::vectors; }

bool Igb::is_register(unsigned bar, std::uint64_t offset, unsigned bytes) const { return bar == csr_bar && bytes == 4 && offset % 4 == 0 && offset < csr_bytes; }

std::uint64_t Igb::read(unsigned bar, std::uint64_t offset, unsigned bytes) {
  const std::uint64_t ones = ~std::uint64_t{0} >> (64 - 8 * bytes);
  if (is_removed_) return ones;
  if (is_register(bar, offset, bytes))
    if (const auto value = read_register(static_cast<std::uint32_t>(offset))) return *value;
  core_.machine.violation("igb: " + std::to_string(bytes) + " bytes read at " + hex(offset) + ", where no register is modelled");
  return ones;
}

void Igb::write(unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) {
  if (is_removed_) return;
  if (is_register(bar, offset, bytes) && write_register(static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(value))) return;
  core_.machine.violation("igb: " + hex(value) + " written at " + hex(offset) + ", where no register is modelled");
}

std::optional<std::uint32_t> Igb::read_register(std::uint32_t offset) {
  switch (offset) {
    case reg::status: return status();
    case reg::swsm: return read_swsm();
    case reg::mdic: return core_.phy.mdic();
    default: break;
  }
  if (const auto value = core_.registers.read(offset)) return value;
  if (const auto value = core_.statistics.read(offset)) return value;
  if (const auto value = core_.interrupts.read(offset)) return value;
  if (const auto value = eeprom_.read(offset)) return value;
  if (const auto value = receiver_.read(offset)) return value;
  return transmitter_.read(offset);
}

bool Igb::write_register(std::uint32_t offset, std::uint32_t value) {
  switch (offset) {
    case reg::status: return true;  // read only, and written to push earlier writes out
    case reg::ctrl: write_ctrl(value); return true;
    case reg::swsm: swsm_ = value & (swsm::smbi | swsm::swesmbi); return true;
    case reg::mdic:
      core_.phy.set_mdic(value);
      follow_link();
      return true;
    default: break;
  }
  check_modelled(offset, value);
  if (core_.registers.write(offset, value)) {
    if (offset == reg::tctl) transmitter_.resume();
    return true;
  }
  return core_.interrupts.write(offset, value) || eeprom_.write(offset, value) || receiver_.write(offset, value) || transmitter_.write(offset, value);
}

// Features that software could switch on and then miss.
void Igb::check_modelled(std::uint32_t offset, std::uint32_t value) {
  const std::uint32_t mode = value & mrqc::enable;
  const bool is_missing = (offset == reg::ctrl_ext && (value & (ctrl_ext::extended_vlan | ctrl_ext::link_mode)) != 0) ||
                          (offset == reg::mrqc && mode != 0 && mode != mrqc::rss) || (offset == reg::rctl && ((value & rctl::sbp) != 0 || (value >> rctl::lbm_shift & 3) != 0)) ||
                          (offset >= reg::uta && offset < reg::uta + 0x200 && value != 0);
  if (is_missing) core_.machine.violation("igb: " + hex(value) + " written at " + hex(offset) + " asks for what is not modelled");
}

std::uint32_t Igb::status() const {
  std::uint32_t value = core_.is_bus_master() ? status::gio_master_enable : 0;
  if (core_.has_link()) value |= status::lu | status::fd | status::speed_1000;
  return value;
}

// SMBI is taken by whoever reads it as zero: the read sets it.
std::uint32_t Igb::read_swsm() {
  const std::uint32_t value = swsm_;
  swsm_ |= swsm::smbi;
  return value;
}

void Igb::write_ctrl(std::uint32_t value) {
  if ((value & ctrl::rst) != 0) return reset();
  if ((value & ctrl::phy_rst) != 0) core_.phy.reset();
  core_.registers.write(reg::ctrl, value & ~ctrl::phy_rst);
  follow_link();
  transmitter_.resume();
  receiver_.drain();
}

// The port's own reset is done at once. It leaves the PHY, and the semaphores which both ports and the firmware share.
void Igb::reset() {
  ++core_.counts.resets;
  core_.machine.faults().forget_late();
  core_.registers.reset();
  core_.statistics.reset();
  core_.interrupts.reset();
  receiver_.reset();
  transmitter_.reset();
  load_mac();
  had_link_ = core_.has_link();
}

/// The first receive address comes from the EEPROM.
void Igb::load_mac() {
  const Mac mac = eeprom_.mac();
  core_.registers.write(reg::ra, le32(mac, 0));
  core_.registers.write(reg::ra + 4, rah::av | mac[4] | std::uint32_t{mac[5]} << 8);
}

void Igb::set_link(bool up) {
  core_.phy.set_cable(up);
  if (!is_removed_) follow_link();
}

void Igb::follow_link() {
  if (core_.has_link() == had_link_) return;
  had_link_ = core_.has_link();
  transmitter_.resume();
  core_.interrupts.raise(cause::lsc);
}

bool Igb::receive(std::span<const std::uint8_t> frame) { return !is_removed_ && receiver_.receive(frame); }

}  // namespace millrace::devmodel::igb
