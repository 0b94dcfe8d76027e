// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/igb/registers.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace millrace::devmodel {
class Machine;
}

namespace millrace::devmodel::igb {

/// Causes, masks and vectors (datasheet 7.3). Throttling (EITR) is kept and has no effect: each cause that is enabled sends its
/// message at once.
class Interrupts {
 public:
  explicit Interrupts(Machine& machine) : machine_(machine) {}

  void reset();
  [[nodiscard]] std::optional<std::uint32_t> read(std::uint32_t offset);
  bool write(std::uint32_t offset, std::uint32_t value);

  /// A legacy cause: link change, overrun.
  void raise(std::uint32_t causes);
  /// A queue has written descriptors back.
  void raise_receive(unsigned queue);
  void raise_transmit(unsigned queue);

 private:
  [[nodiscard]] bool has_vectors() const { return (gpie_ & gpie::multiple_msix) != 0; }
  void raise_queue(unsigned ivar_shift, unsigned queue, std::uint32_t legacy_cause);
  void raise_vectors(std::uint32_t bits);
  void send(std::uint32_t bits);
  void signal_legacy(std::uint32_t causes);
  std::uint32_t read_icr();
  std::uint32_t read_eicr();
  std::uint32_t* plain(std::uint32_t offset);

  Machine& machine_;
  std::uint32_t icr_ = 0, ims_ = 0;
  std::uint32_t eicr_ = 0, eims_ = 0, eiac_ = 0, eiam_ = 0, gpie_ = 0;
  std::array<std::uint32_t, 8> ivar_{};
  std::uint32_t ivar_other_ = 0;
  std::array<std::uint32_t, vectors> eitr_{};
};

}  // namespace millrace::devmodel::igb
