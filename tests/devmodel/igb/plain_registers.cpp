// SPDX-License-Identifier: BSD-3-Clause
// The plain registers and their initial values (82576EB datasheet, chapter 8). Called by the device for what no other part of it
// claims, and by the receive and transmit paths.
#include "tests/devmodel/igb/plain_registers.hpp"

#include "tests/devmodel/igb/registers.hpp"

namespace millrace::devmodel::igb {
namespace {

struct Block {
  std::uint32_t offset;
  std::uint32_t count;
  std::uint32_t initial;
};

// No management firmware: FWSM, MANC and FACTPS say so by being zero. Its absence also means that EEMNGCTL's configuration cycles
// of both ports (bits 18, 19) are done from the start.
constexpr Block blocks[] = {
    {reg::ctrl, 1, ctrl::fd},
    {reg::ctrl_ext, 1, 0},
    {reg::fcal, 1, 0x00c28001},
    {reg::fcah, 1, 0x0100},
    {reg::fct, 1, 0x8808},
    {reg::vet, 1, 0x81008100},
    {reg::fcttv, 1, 0},
    {reg::ledctl, 1, 0x07068302},
    {reg::rctl, 1, 0},
    {reg::tctl, 1, tctl::psp},
    {reg::tctl_ext, 1, 0x42u << 10},
    {reg::tipg, 1, 0x00602008},
    {reg::txpbs, 1, 40},
    {reg::fcrtl, 1, 0},
    {reg::fcrth, 1, 0},
    {reg::eemngctl, 1, 3u << 18},
    {reg::rxcsum, 1, rxcsum::ipofl | rxcsum::tuofl},
    {reg::rlpml, 1, 0x2600},
    {reg::rfctl, 1, 0},
    {reg::mrqc, 1, 0},
    {reg::mta, 128, 0},
    {reg::ra, 32, 0},
    {reg::ra_upper, 16, 0},
    {reg::vfta, 128, 0},
    {reg::uta, 128, 0},
    {reg::reta, 32, 0},
    {reg::rssrk, 10, 0},
    {reg::wuc, 1, 0},
    {reg::wufc, 1, 0},
    {reg::manc, 1, 0},
    {reg::gcr, 1, 1u << 18},
    {reg::factps, 1, 0},
    {reg::fwsm, 1, 0},
    {reg::sw_fw_sync, 1, 0},
};

constexpr std::uint32_t last = 0x10000;

}  // namespace

PlainRegisters::PlainRegisters(std::uint32_t rx_buffer_kib) : known_(last / 4), initial_(last / 4) {
  for (const Block& b : blocks) declare(b.offset, b.count, b.initial);
  declare(reg::rxpbs, 1, rx_buffer_kib);
  values_ = initial_;
}

void PlainRegisters::declare(std::uint32_t offset, std::uint32_t count, std::uint32_t initial) {
  for (std::uint32_t i = offset / 4; i < offset / 4 + count; ++i) {
    known_[i] = true;
    initial_[i] = initial;
  }
}

void PlainRegisters::reset() {
  const std::uint32_t held = values_[reg::sw_fw_sync / 4];
  values_ = initial_;
  values_[reg::sw_fw_sync / 4] = held;  // both functions and the firmware share it: a port's reset leaves it
}

std::optional<std::uint32_t> PlainRegisters::read(std::uint32_t offset) const {
  if (!knows(offset)) return std::nullopt;
  return values_[offset / 4];
}

bool PlainRegisters::write(std::uint32_t offset, std::uint32_t value) {
  if (!knows(offset)) return false;
  values_[offset / 4] = value;
  return true;
}

}  // namespace millrace::devmodel::igb
