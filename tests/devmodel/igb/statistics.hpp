// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace millrace::devmodel::igb {

/// Offsets of the statistics that the model counts; the others that there are (statistics.cpp) stay zero.
namespace stat {
inline constexpr std::uint32_t mpc = 0x4010, prc64 = 0x405c, gprc = 0x4074, bprc = 0x4078, mprc = 0x407c, gptc = 0x4080, gorc = 0x4088, gotc = 0x4090, rnbc = 0x40a0,
                               roc = 0x40ac, tor = 0x40c0, tot = 0x40c8, tpr = 0x40d0, tpt = 0x40d4, ptc64 = 0x40d8, mptc = 0x40f0, bptc = 0x40f4, tsctc = 0x40f8,
                               rpthc = 0x4104, hgptc = 0x4118, hgorc = 0x4128, hgotc = 0x4130;
}

/// The statistics registers: cleared by being read, and stuck at their greatest value (datasheet chapter 8).
class Statistics {
 public:
  void reset() { counters_.fill(0); }
  /// A register of 32 bits.
  void count(std::uint32_t offset, std::uint32_t by = 1);
  /// A pair, low half first.
  void count_octets(std::uint32_t low_offset, std::size_t octets);
  /// The one of the six registers from `first` on that counts frames of this length.
  void count_size(std::uint32_t first, std::size_t bytes_with_fcs);

  [[nodiscard]] std::optional<std::uint32_t> read(std::uint32_t offset);

 private:
  [[nodiscard]] static bool has(std::uint32_t offset);
  static constexpr std::uint32_t begin = 0x4000, end = 0x4140;
  std::array<std::uint32_t, (end - begin) / 4> counters_{};
};

}  // namespace millrace::devmodel::igb
