// SPDX-License-Identifier: BSD-3-Clause
// The EEPROM's words and the two registers in front of it. Called by the device.
#include "tests/devmodel/igb/eeprom.hpp"

#include "tests/devmodel/igb/registers.hpp"

#include <numeric>

namespace millrace::devmodel::igb {
namespace {

// EECD.EE_SIZE 7 says 16 KB.
constexpr std::uint32_t size_code = 7;
constexpr std::size_t words = 8192;
constexpr std::uint32_t ee_req = 1u << 6, ee_gnt = 1u << 7, ee_pres = 1u << 8, auto_rd = 1u << 9, addr_16 = 1u << 10;
constexpr std::uint32_t eerd_start = 1u << 0, eerd_done = 1u << 1;
constexpr std::size_t checksum_word = 0x3f;
constexpr std::uint16_t checksum = 0xbaba;

}  // namespace

Eeprom::Eeprom(const Mac& mac) : words_(words, 0xffff) {
  for (std::size_t i = 0; i < 3; ++i) words_[i] = static_cast<std::uint16_t>(mac[2 * i] | mac[2 * i + 1] << 8);
  words_[0x03] = 0;       // compatibility
  words_[0x04] = 0;       // LED settings: the driver's defaults
  words_[0x0d] = 0x10c9;  // device id
  words_[0x0e] = 0x8086;
  words_[0x37] = 0xffff;  // no alternate address
  words_[checksum_word] = 0;
  const unsigned sum = std::accumulate(words_.begin(), words_.begin() + checksum_word, 0u);
  words_[checksum_word] = static_cast<std::uint16_t>(checksum - sum);
}

Mac Eeprom::mac() const {
  Mac mac;
  for (std::size_t i = 0; i < 6; ++i) mac[i] = static_cast<std::uint8_t>(words_[i / 2] >> (i % 2 == 0 ? 0 : 8));
  return mac;
}

std::optional<std::uint32_t> Eeprom::read(std::uint32_t offset) const {
  if (offset == reg::eerd) return eerd_;
  if (offset == reg::eecd) return ee_pres | auto_rd | addr_16 | size_code << 11 | (is_requested_ ? ee_req | ee_gnt : 0);
  return std::nullopt;
}

bool Eeprom::write(std::uint32_t offset, std::uint32_t value) {
  if (offset == reg::eecd) {
    is_requested_ = (value & ee_req) != 0;
    return true;
  }
  if (offset != reg::eerd) return false;
  const std::uint32_t address = value >> 2 & 0x3fff;
  if ((value & eerd_start) != 0) eerd_ = std::uint32_t{words_[address % words]} << 16 | address << 2 | eerd_done;
  return true;
}

}  // namespace millrace::devmodel::igb
