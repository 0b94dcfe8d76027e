// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

namespace millrace::test {

/// The eight bytes of stream `key` from offset 8 * `word` on (the finaliser of splitmix64).
inline std::uint64_t content_word(std::uint64_t key, std::uint64_t word) {
  std::uint64_t z = key + (word + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// Writes the bytes of stream `key` from `offset` on: known by their place alone, so that whatever is lost, doubled or
/// in the wrong order shows.
inline void fill_content(std::uint64_t key, std::uint64_t offset, std::span<std::uint8_t> into) {
  for (std::size_t done = 0; done < into.size();) {
    const std::uint64_t word = content_word(key, (offset + done) / 8);
    const std::size_t skip = (offset + done) % 8;
    const std::size_t n = std::min<std::size_t>(8 - skip, into.size() - done);
    std::memcpy(into.data() + done, reinterpret_cast<const std::uint8_t*>(&word) + skip, n);
    done += n;
  }
}

}  // namespace millrace::test
