// SPDX-License-Identifier: BSD-3-Clause
// An 82576 that attacks its driver: what it writes into descriptors. Called by fuzz_faults_test.cpp, and by tests/fuzz/igb_fuzz.cpp.
#include "tests/devmodel/igb/attack.hpp"

#include "tests/devmodel/igb/registers.hpp"
#include "tests/devmodel/igb/ring.hpp"

#include <utility>
#include <vector>

namespace millrace::devmodel::igb {
namespace {

constexpr std::size_t status_at = 8;

}  // namespace

Fate any_write_back(const Choices& choices, bool may_end) {
  std::vector<std::pair<std::size_t, std::uint8_t>> bytes;
  for (std::uint32_t n = 1 + choices.below(descriptor_bytes); n > 0; --n) {
    const std::size_t at = choices.below(descriptor_bytes);
    bytes.emplace_back(at, choices.any<std::uint8_t>());
  }
  const bool is_done = !may_end || !choices.once_in(4096);
  return {.kind = Fate::Kind::altered, .change = [bytes, is_done](std::span<std::uint8_t> descriptor) {
            for (const auto& [at, value] : bytes) descriptor[at] = value;
            if (is_done) descriptor[status_at] |= rxd::dd;
          }};
}

Fate any_status(const Choices& choices) {
  const std::uint32_t status = choices.any<std::uint32_t>() | (choices.once_in(4096) ? 0 : txd::dd);
  return altered<std::uint32_t>([status](std::uint32_t& written) { written = status; });
}

}  // namespace millrace::devmodel::igb
