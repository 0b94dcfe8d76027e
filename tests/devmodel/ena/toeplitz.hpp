// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/ena/bytes.hpp"

namespace millrace::devmodel::ena {

/// The Toeplitz hash of Microsoft's "RSS Hashing Functions": for each bit of the input that is set, the 32 bits of the key that
/// begin at its place. The key has at least 4 bytes more than the input.
inline std::uint32_t toeplitz(ConstBytes key, ConstBytes input, std::uint32_t initial = 0) {
  const auto key_bit = [&](std::size_t i) -> std::uint32_t { return key[i / 8] >> (7 - i % 8) & 1; };
  std::uint32_t hash = initial;
  for (std::size_t i = 0; i < 8 * input.size(); ++i) {
    if ((input[i / 8] >> (7 - i % 8) & 1) == 0) continue;
    std::uint32_t window = 0;
    for (std::size_t j = 0; j < 32; ++j) window = window << 1 | key_bit(i + j);
    hash ^= window;
  }
  return hash;
}

}  // namespace millrace::devmodel::ena
