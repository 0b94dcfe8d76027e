// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/list.hpp>
#include <millrace/pkt/packet.hpp>
#include <millrace/stack/neighbor/interface.hpp>
#include <millrace/timer/wheel.hpp>

#include <array>
#include <cstdint>

namespace millrace::neighbor {

class Neighbors;

/// What is known of a neighbour: NUD_* of Linux (include/uapi/linux/neighbour.h), RFC 4861 section 7.3.2.
enum class State : std::uint8_t { none, incomplete, reachable, stale, delay, probe, failed, permanent };

/// The link address may be used: NUD_VALID.
[[nodiscard]] constexpr bool is_valid(State s) {
  return s == State::reachable || s == State::stale || s == State::delay || s == State::probe || s == State::permanent;
}
/// Known to work: NUD_CONNECTED.
[[nodiscard]] constexpr bool is_connected(State s) { return s == State::reachable || s == State::permanent; }

/// One neighbour; lives in a slot of its Neighbors for good. What the output path reads stands first.
struct Entry {
  Entry() : timer(&Entry::fire, this) {}
  static void fire(void* object, Instant now);

  IpAddress address;
  Interface* interface = nullptr;
  State state = State::none;
  std::uint8_t probes = 0;
  std::array<std::uint8_t, 14> header{};  ///< the Ethernet header of every frame to it (Linux: hh_cache)
  Instant used{};                         ///< last send
  Entry* next_in_bucket = nullptr;

  Instant confirmed{};                    ///< last proof of reachability
  Instant updated{};                      ///< last change of link address or state by news
  Duration reachable_time{};
  Neighbors* table = nullptr;
  pkt::PacketList waiting;
  std::uint32_t waiting_bytes = 0;
  ListHook lru;
  timer::Timer timer;

  [[nodiscard]] MacAddress mac() const {
    return {{header[0], header[1], header[2], header[3], header[4], header[5]}};
  }
};

}  // namespace millrace::neighbor
