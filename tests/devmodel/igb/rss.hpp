// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/igb/headers.hpp"

#include <cstdint>

namespace millrace::devmodel::igb {

class PlainRegisters;

/// What RSS makes of a frame (datasheet 7.1.1.7). Type 0: no hash.
struct RssResult {
  std::uint32_t type = 0;
  std::uint32_t hash = 0;
  unsigned queue = 0;
};

/// MRQC, RSSRK and RETA are asked of `registers`.
[[nodiscard]] RssResult rss(Bytes frame, const Headers& headers, const PlainRegisters& registers);

}  // namespace millrace::devmodel::igb
