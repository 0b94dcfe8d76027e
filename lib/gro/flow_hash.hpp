// SPDX-License-Identifier: BSD-3-Clause
#pragma once


#include <millrace/base/words.hpp>

#include <array>
#include <cstdint>

namespace millrace::gro {

/// The keyed hash of what the socket lookup sees of a packet (receive_path X18): link, addresses, ports. Multiplied,
/// not a CRC: whoever sends frames could make a CRC's collisions without the key.
class FlowHash {
 public:
  explicit FlowHash(const std::array<std::uint64_t, 2>& secret) : k0_(secret[0] ^ odd_0), k1_(secret[1] ^ odd_1), k2_(secret[0] ^ odd_2) {}

  /// `addresses`: source, destination; `ports` as in the packet's bytes, but the link above them.
  [[nodiscard]] std::uint64_t v4(const std::uint8_t* addresses, std::uint64_t link_and_ports) const {
    return last(mix(load64(addresses) ^ k0_, link_and_ports ^ k1_));
  }
  [[nodiscard]] std::uint64_t v6(const std::uint8_t* addresses, std::uint64_t link_and_ports) const {
    const std::uint64_t source = mix(load64(addresses) ^ k0_, load64(addresses + 8) ^ k1_);
    const std::uint64_t destination = mix(load64(addresses + 16) ^ k2_, load64(addresses + 24) ^ k0_);
    return last(mix(source ^ destination ^ k2_, link_and_ports ^ k1_));
  }

 private:
  static constexpr std::uint64_t odd_0 = 0x9e3779b97f4a7c15;
  static constexpr std::uint64_t odd_1 = 0xbf58476d1ce4e5b9;
  static constexpr std::uint64_t odd_2 = 0x94d049bb133111eb;

  // Both halves of the 128-bit product: every bit of either factor reaches the result.
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  // One product leaves neighbouring ports few values of the low bits under some secrets, and those choose the set.
  [[nodiscard]] std::uint64_t last(std::uint64_t flow) const { return mix(flow ^ k2_, odd_1); }

  std::uint64_t k0_;
  std::uint64_t k1_;
  std::uint64_t k2_;
};

}  // namespace millrace::gro
