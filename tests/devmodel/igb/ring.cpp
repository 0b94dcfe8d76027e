// SPDX-License-Identifier: BSD-3-Clause
// The registers of a descriptor ring. Called by the receive and transmit paths, each with its own rings.
#include "tests/devmodel/igb/ring.hpp"

#include "tests/devmodel/device.hpp"

namespace millrace::devmodel::igb {
namespace {

constexpr std::uint32_t length_unit = 128, most_descriptors = 32768;

void check(const Ring& ring, Machine& machine) {
  if (ring.len == 0 || ring.len % length_unit != 0 || ring.count() > most_descriptors)
    machine.violation("igb: a queue enabled with a ring of " + std::to_string(ring.len) + " bytes");
}

/// A head or tail stays as it is when it is told to leave its ring.
void move(std::uint32_t& index, std::uint32_t value, const Ring& ring, Machine& machine) {
  if (value == 0 || value < ring.count())
    index = value;
  else
    machine.violation("igb: a head or tail of " + std::to_string(value) + " in a ring of " + std::to_string(ring.count()));
}

}  // namespace

std::optional<QueueRegister> queue_register(std::uint32_t offset, std::uint32_t begin, std::uint32_t alias) {
  constexpr std::uint32_t stride = 0x40, alias_stride = 0x100, alias_queues = 4;
  if (offset >= begin && offset < begin + queues * stride) return QueueRegister{(offset - begin) / stride, (offset - begin) % stride};
  if (offset >= alias && offset < alias + alias_queues * alias_stride) return QueueRegister{(offset - alias) / alias_stride, (offset - alias) % alias_stride};
  return std::nullopt;
}

std::optional<std::uint32_t> Ring::read(std::uint32_t which) const {
  switch (which) {
    case queue_reg::bal: return bal;
    case queue_reg::bah: return bah;
    case queue_reg::len: return len;
    case queue_reg::head: return head;
    case queue_reg::tail: return tail;
    case queue_reg::dctl: return dctl;
    default: return std::nullopt;
  }
}

bool Ring::write(std::uint32_t which, std::uint32_t value, Machine& machine) {
  switch (which) {
    case queue_reg::bal: bal = value & ~(length_unit - 1); return true;
    case queue_reg::bah: bah = value; return true;
    case queue_reg::len:
      len = value;
      if (head >= count() || tail >= count()) head = tail = 0;
      return true;
    case queue_reg::head: move(head, value, *this, machine); return true;
    case queue_reg::tail: move(tail, value, *this, machine); return true;
    case queue_reg::dctl:
      dctl = value;
      if (is_enabled()) check(*this, machine);
      return true;
    default: return false;
  }
}

}  // namespace millrace::devmodel::igb
