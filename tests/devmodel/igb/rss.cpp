// SPDX-License-Identifier: BSD-3-Clause
// Receive side scaling: which hash, the hash, and the queue. Called by the receive path.
#include "tests/devmodel/igb/rss.hpp"

#include "tests/devmodel/igb/plain_registers.hpp"
#include "tests/devmodel/igb/registers.hpp"
#include "tests/devmodel/sums.hpp"

#include <array>
#include <vector>

namespace millrace::devmodel::igb {
namespace {

using protocol::tcp, protocol::udp;

/// A hash type that MRQC may enable, and its number in the descriptor.
struct Choice {
  bool fits;
  std::uint32_t enabled_by;
  std::uint32_t type;
  bool with_ports;
};

// The first that fits and is enabled. Those named Ex hash a home address or a final destination from the extension headers; without
// such, as here, the header's own addresses, and then they differ from the plain ones in their number only.
const Choice* choose(const std::array<Choice, 9>& choices, std::uint32_t enabled) {
  for (const Choice& c : choices)
    if (c.fits && (enabled & c.enabled_by) != 0) return &c;
  return nullptr;
}

std::array<Choice, 9> choices_for(const Headers& h) {
  const bool v4 = h.network == Headers::Network::ipv4, v6 = h.network == Headers::Network::ipv6, plain6 = v6 && !h.has_options;
  return {{
      {v4 && h.transport == tcp, mrqc::tcp_ipv4, 1, true},
      {v4 && h.transport == udp, mrqc::udp_ipv4, 7, true},
      {v4, mrqc::ipv4, 2, false},
      {plain6 && h.transport == tcp, mrqc::tcp_ipv6, 3, true},
      {v6 && h.transport == tcp, mrqc::tcp_ipv6_ex, 6, true},
      {plain6 && h.transport == udp, mrqc::udp_ipv6, 8, true},
      {v6 && h.transport == udp, mrqc::udp_ipv6_ex, 9, true},
      {plain6, mrqc::ipv6, 5, false},
      {v6, mrqc::ipv6_ex, 4, false},
  }};
}

std::array<std::uint8_t, 40> key_of(const PlainRegisters& registers) {
  std::array<std::uint8_t, 40> key{};
  for (std::uint32_t i = 0; i < 10; ++i) put_le32(key, 4 * i, registers[reg::rssrk + 4 * i]);
  return key;
}

unsigned redirect(std::uint32_t hash, const PlainRegisters& registers) {
  const std::uint32_t entry = hash & 0x7f;
  return registers[reg::reta + (entry & ~3u)] >> 8 * (entry & 3) & 0xf;
}

}  // namespace

RssResult rss(Bytes frame, const Headers& h, const PlainRegisters& registers) {
  const std::array<Choice, 9> choices = choices_for(h);
  const Choice* const chosen = choose(choices, registers[reg::mrqc]);
  if (chosen == nullptr) return {};
  const bool v4 = h.network == Headers::Network::ipv4;
  const Bytes addresses = v4 ? frame.subspan(h.network_at + 12, 8) : frame.subspan(h.network_at + 8, 32);
  std::vector<std::uint8_t> input(addresses.begin(), addresses.end());
  if (chosen->with_ports) {
    const Bytes ports = frame.subspan(h.transport_at, 4);
    input.insert(input.end(), ports.begin(), ports.end());
  }
  const std::uint32_t hash = toeplitz(key_of(registers), input);
  return {chosen->type, hash, redirect(hash, registers)};
}

}  // namespace millrace::devmodel::igb
