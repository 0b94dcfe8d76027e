// SPDX-License-Identifier: BSD-3-Clause
// Statistics registers. Counted by the receive and transmit paths, read by the driver through the device.
#include "tests/devmodel/igb/statistics.hpp"

#include <algorithm>
#include <limits>

namespace millrace::devmodel::igb {
namespace {

// Where the statistics block has no register.
constexpr std::uint32_t holes[] = {0x4024, 0x4084, 0x409c, 0x4098, 0x413c};
// Those which lie elsewhere: PCS code violations, header redirection misses. The model has neither.
constexpr std::uint32_t elsewhere[] = {0x4228, 0xa018};
// Pairs, of which the read of the high half clears both.
constexpr std::uint32_t pairs[] = {stat::gorc, stat::gotc, stat::tor, stat::tot, stat::hgorc, stat::hgotc};

bool is_low_half(std::uint32_t offset) { return std::ranges::find(pairs, offset) != std::end(pairs); }

}  // namespace

void Statistics::count(std::uint32_t offset, std::uint32_t by) {
  std::uint32_t& counter = counters_[(offset - begin) / 4];
  counter = by > std::numeric_limits<std::uint32_t>::max() - counter ? std::numeric_limits<std::uint32_t>::max() : counter + by;
}

void Statistics::count_octets(std::uint32_t low_offset, std::size_t octets) {
  std::uint32_t* const half = &counters_[(low_offset - begin) / 4];
  const std::uint64_t sum = (half[0] | std::uint64_t{half[1]} << 32) + octets;
  half[0] = static_cast<std::uint32_t>(sum);
  half[1] = static_cast<std::uint32_t>(sum >> 32);
}

void Statistics::count_size(std::uint32_t first, std::size_t bytes_with_fcs) {
  constexpr std::size_t up_to[] = {64, 127, 255, 511, 1023};
  std::uint32_t bin = 0;
  while (bin < std::size(up_to) && bytes_with_fcs > up_to[bin]) ++bin;
  count(first + 4 * bin);
}

bool Statistics::has(std::uint32_t offset) {
  if (std::ranges::find(elsewhere, offset) != std::end(elsewhere)) return true;
  return offset >= begin && offset < end && std::ranges::find(holes, offset) == std::end(holes);
}

std::optional<std::uint32_t> Statistics::read(std::uint32_t offset) {
  if (!has(offset)) return std::nullopt;
  if (offset < begin || offset >= end) return 0;
  std::uint32_t* const counter = &counters_[(offset - begin) / 4];
  const std::uint32_t value = *counter;
  if (is_low_half(offset)) return value;
  *counter = 0;
  if (is_low_half(offset - 4)) counter[-1] = 0;
  return value;
}

}  // namespace millrace::devmodel::igb
