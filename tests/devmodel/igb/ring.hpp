// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/igb/registers.hpp"

#include <cstdint>
#include <optional>

namespace millrace::devmodel {
class Machine;
}

namespace millrace::devmodel::igb {

inline constexpr std::size_t descriptor_bytes = 16;

/// A descriptor ring as its registers tell it, the same for both directions: from head to tail it is the device's.
struct Ring {
  std::uint32_t bal = 0, bah = 0, len = 0, head = 0, tail = 0, dctl = 0;

  [[nodiscard]] bool is_enabled() const { return (dctl & dctl::enable) != 0; }
  [[nodiscard]] std::uint32_t count() const { return len / descriptor_bytes; }
  /// Equal head and tail are an empty ring, so that one descriptor of a ring is always software's.
  [[nodiscard]] std::uint32_t available() const { return count() == 0 ? 0 : (tail + count() - head) % count(); }
  [[nodiscard]] std::uint64_t head_address() const { return (std::uint64_t{bah} << 32 | bal) + head * descriptor_bytes; }
  void advance() { head = head + 1 == count() ? 0 : head + 1; }

  [[nodiscard]] std::optional<std::uint32_t> read(std::uint32_t which) const;
  /// False: no register of a ring. What no device forgives is told to the machine.
  bool write(std::uint32_t which, std::uint32_t value, Machine& machine);
};

/// The queue that a register is of, and where the register lies in the queue's block.
struct QueueRegister {
  unsigned queue;
  std::uint32_t which;
};

/// Sixteen blocks of 0x40 bytes from `begin` on; the first four of them also, 0x100 apart, where the 82575 had them.
[[nodiscard]] std::optional<QueueRegister> queue_register(std::uint32_t offset, std::uint32_t begin, std::uint32_t alias);

}  // namespace millrace::devmodel::igb
