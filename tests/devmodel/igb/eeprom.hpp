// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace millrace::devmodel::igb {

using Mac = std::array<std::uint8_t, 6>;

/// The EEPROM behind EECD and EERD (datasheet chapter 8, and chapter 6 for the words in it).
class Eeprom {
 public:
  explicit Eeprom(const Mac& mac);

  [[nodiscard]] std::optional<std::uint32_t> read(std::uint32_t offset) const;
  bool write(std::uint32_t offset, std::uint32_t value);
  [[nodiscard]] Mac mac() const;
  /// A word that went bad, for tests: the checksum is not mended.
  void corrupt(std::size_t word, std::uint16_t value) { words_[word] = value; }

 private:
  std::vector<std::uint16_t> words_;
  bool is_requested_ = false;
  std::uint32_t eerd_ = 0;
};

}  // namespace millrace::devmodel::igb
