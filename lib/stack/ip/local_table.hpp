// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/words.hpp>
#include <millrace/stack/neighbor/interface.hpp>

#include <span>
#include <vector>

namespace millrace::ip {

/// `ip route list table local`: the host's own addresses and the broadcast addresses of its links, each found at the first
/// look or the next. Made anew when addresses come or go. One thread.
class LocalTable {
 public:
  enum class Kind : std::uint8_t { none, local, broadcast };

  void rebuild(std::span<neighbor::Interface* const> interfaces);
  /// What the address is to this host. All of 127.0.0.0/8 is lo's own.
  [[nodiscard]] Kind find(const IpAddress& address) const {
    for (std::size_t at = hash(address); slots_[at & mask_].kind != Kind::none; ++at)
      if (slots_[at & mask_].address == address) return slots_[at & mask_].kind;
    return has_loopback_ && address.is_v4() && address.is_loopback() ? Kind::local : Kind::none;
  }

 private:
  struct Slot {
    IpAddress address;
    Kind kind = Kind::none;
  };
  // Only the host's own addresses are in it: nobody else can make them collide.
  [[nodiscard]] static std::size_t hash(const IpAddress& address) {
    const std::uint64_t folded = load64(&address.bytes[0]) * 0x9e3779b97f4a7c15 ^ load64(&address.bytes[8]);
    return static_cast<std::size_t>((folded * 0xd6e8feb86659fd93) >> 32);
  }
  void add(const IpAddress& address, Kind kind);

  std::vector<Slot> slots_{1};  ///< a power of two, at most a quarter full
  std::size_t mask_ = 0;
  bool has_loopback_ = false;
};

}  // namespace millrace::ip
