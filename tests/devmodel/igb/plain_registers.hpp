// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace millrace::devmodel::igb {

/// The registers that are read as they were written. What they mean, if anything to the model, is asked of them where it matters.
class PlainRegisters {
 public:
  /// The receive packet buffer is so large: RXPBS tells.
  explicit PlainRegisters(std::uint32_t rx_buffer_kib);

  void reset();
  [[nodiscard]] std::optional<std::uint32_t> read(std::uint32_t offset) const;
  /// False: not one of these.
  bool write(std::uint32_t offset, std::uint32_t value);
  [[nodiscard]] std::uint32_t operator[](std::uint32_t offset) const { return values_[offset / 4]; }

 private:
  [[nodiscard]] bool knows(std::uint32_t offset) const { return offset / 4 < known_.size() && known_[offset / 4]; }
  void declare(std::uint32_t offset, std::uint32_t count, std::uint32_t initial);

  std::vector<bool> known_;
  std::vector<std::uint32_t> initial_;
  std::vector<std::uint32_t> values_;
};

}  // namespace millrace::devmodel::igb
