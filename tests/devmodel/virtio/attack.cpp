// SPDX-License-Identifier: BSD-3-Clause
// A virtio device that attacks its driver: what it writes into rings and buffers. Called by fuzz_faults_test.cpp, and by
// tests/fuzz/virtio_fuzz.cpp.
#include "tests/devmodel/virtio/attack.hpp"

#include "tests/devmodel/virtio/queue.hpp"
#include "tests/devmodel/virtio/registers.hpp"

#include <utility>
#include <vector>

namespace millrace::devmodel::virtio {
namespace {

using Used = Queue::Used;

// Short ones as often as long ones.
Fate any_length(const Choices& choices, Trust trust) {
  const unsigned bits = trust == Trust::frames ? 16 : 32;
  const std::uint32_t length = choices.any<std::uint32_t>() >> (32 - bits) >> choices.below(bits);
  return altered<Used>([length](Used& used) { used.written = length; });
}

// With one of AVAIL and USED alone turned round, the device would take its own descriptor for one of the driver's.
Fate any_flags(const Choices& choices) {
  constexpr std::uint16_t phase = desc::used | desc::avail;
  const auto others = static_cast<std::uint16_t>(choices.any<std::uint16_t>() & ~phase);
  const std::uint16_t flags = choices.once_in(2) ? others : phase;
  return altered<Used>([flags](Used& used) { used.flags ^= flags; });
}

}  // namespace

Fate any_completion(const Choices& choices, Trust trust) {
  switch (choices.below(16)) {
    case 13: return late(1 + choices.below(40));
    case 14: return choices.once_in(64) ? lost() : late(1);
    case 15: return choices.once_in(64) ? any_flags(choices) : altered<Used>([](Used& used) { --used.index; });
    default: return any_length(choices, trust);
  }
}

Fate any_packet(const Choices& choices, Trust trust) {
  std::vector<std::pair<std::uint32_t, std::uint8_t>> bytes;
  for (std::uint32_t n = 1 + choices.below(16); n > 0; --n) {
    const std::uint32_t at = choices.once_in(2) ? choices.below(net_hdr::bytes) : choices.below(128);
    bytes.emplace_back(at, choices.any<std::uint8_t>());
  }
  return {.kind = Fate::Kind::altered, .change = [bytes, trust](std::span<std::uint8_t> packet) {
            for (const auto& [at, value] : bytes)
              if (at < packet.size()) packet[at] = value;
            if (trust == Trust::frames) packet[net_hdr::flags] &= static_cast<std::uint8_t>(~net_hdr::needs_csum);
          }};
}

}  // namespace millrace::devmodel::virtio
