// SPDX-License-Identifier: BSD-3-Clause
// Layer 2 filters. Called by the receive path.
#include "tests/devmodel/igb/filters.hpp"

#include "tests/devmodel/igb/plain_registers.hpp"
#include "tests/devmodel/igb/registers.hpp"

#include <algorithm>

namespace millrace::devmodel::igb {
namespace {

bool matches_exactly(Bytes frame, const PlainRegisters& registers) {
  for (std::uint32_t i = 0; i < receive_addresses; ++i) {
    const std::uint32_t ral = i < 16 ? reg::ra + 8 * i : reg::ra_upper + 8 * (i - 16);
    const std::uint32_t high = registers[ral + 4];
    if ((high & rah::av) != 0 && registers[ral] == le32(frame, 0) && (high & 0xffff) == (frame[4] | std::uint32_t{frame[5]} << 8)) return true;
  }
  return false;
}

// Twelve bits of the address, from bit 36, 35, 34 or 32 of its 48 up as RCTL.MO says, index the 4096 bits of MTA.
bool matches_multicast_hash(Bytes frame, const PlainRegisters& registers) {
  constexpr unsigned shifts[] = {4, 3, 2, 0};
  const unsigned last_two = frame[4] | frame[5] << 8;
  const unsigned bit = last_two >> shifts[registers[reg::rctl] >> rctl::mo_shift & 3] & 0xfff;
  return (registers[reg::mta + 4 * (bit / 32)] >> bit % 32 & 1) != 0;
}

bool passes_address(Bytes frame, const PlainRegisters& registers) {
  const std::uint32_t control = registers[reg::rctl];
  const bool to_group = is_group(frame);
  if (is_broadcast(frame) && (control & rctl::bam) != 0) return true;
  if ((control & (to_group ? rctl::mpe : rctl::upe)) != 0) return true;
  return matches_exactly(frame, registers) || (to_group && matches_multicast_hash(frame, registers));
}

bool passes_vlan(const Headers& headers, const PlainRegisters& registers) {
  if ((registers[reg::rctl] & rctl::vfe) == 0 || !headers.tag) return true;
  const unsigned vlan = *headers.tag & 0xfff;
  return (registers[reg::vfta + 4 * (vlan / 32)] >> vlan % 32 & 1) != 0;
}

}  // namespace

bool passes_filters(Bytes frame, const Headers& headers, const PlainRegisters& registers) {
  return passes_address(frame, registers) && passes_vlan(headers, registers);
}

bool is_oversized(Bytes frame, const Headers& headers, const PlainRegisters& registers) {
  const std::size_t standard = headers.tag ? 1522 : 1518;
  const std::size_t limit = (registers[reg::rctl] & rctl::lpe) != 0 ? std::min<std::size_t>(registers[reg::rlpml], jumbo_bytes) : standard;
  return frame.size() + fcs_bytes > limit;
}

}  // namespace millrace::devmodel::igb
