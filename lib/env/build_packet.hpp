// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>

#include <algorithm>
#include <cstdint>
#include <span>

namespace millrace {

/// A packet of `length` bytes, over as many buffers as it needs, with pkt::headroom in front; fill(at, room) writes the bytes
/// from `at` on. Null: the pool is empty, and what there was of it was dropped.
template <class Fill>
[[nodiscard]] pkt::Packet build_packet(Env& env, std::size_t length, Fill&& fill) {
  pkt::Packet whole = make_packet(env);
  if (!whole) return whole;
  std::size_t done = std::min<std::size_t>(length, whole.tailroom());
  if (done != 0) fill(std::size_t{0}, std::span<std::uint8_t>(whole.append(static_cast<std::uint16_t>(done)), done));
  while (done < length) {
    pkt::Packet part = make_packet(env);
    if (!part) {
      drop(env, std::move(whole), stats::DropReason::no_buffer);
      return {};
    }
    const auto n = static_cast<std::uint16_t>(std::min<std::size_t>(length - done, part.tailroom()));
    fill(done, std::span<std::uint8_t>(part.append(n), n));
    join(env, whole, std::move(part));
    done += n;
  }
  return whole;
}

/// One of the same bytes, without its Meta.
[[nodiscard]] inline pkt::Packet copy_packet(Env& env, const pkt::Packet& packet) {
  return build_packet(env, packet.length(), [&](std::size_t at, std::span<std::uint8_t> room) { packet.copy_out(static_cast<std::uint32_t>(at), room); });
}
/// One of those bytes.
[[nodiscard]] inline pkt::Packet packet_of(Env& env, std::span<const std::uint8_t> bytes) {
  return build_packet(env, bytes.size(), [&](std::size_t at, std::span<std::uint8_t> room) { std::copy_n(bytes.data() + at, room.size(), room.data()); });
}

/// skb_cow(): the packet itself when nobody else reads its bytes, else one whose headers are its own to write. Null: no buffer,
/// and it was dropped.
[[nodiscard]] inline pkt::Packet with_own_headers(Env& env, pkt::Packet packet) {
  constexpr std::uint32_t all_headers = 256;
  if (packet.mbuf().refcnt <= 1) return packet;
  pkt::Packet own = make_packet(env);
  const auto copied = static_cast<std::uint16_t>(std::min<std::size_t>({packet.data().size(), all_headers, own ? own.tailroom() : 0u}));
  pkt::Packet rest;
  if (own && copied < packet.length()) rest = make_reference(env, packet, copied, packet.length() - copied);
  if (!own || (copied < packet.length() && !rest)) {
    if (own) drop(env, std::move(own), stats::DropReason::no_buffer);
    drop(env, std::move(packet), stats::DropReason::no_buffer);
    return {};
  }
  std::copy_n(packet.data().data(), copied, own.append(copied));
  if (rest) join(env, own, std::move(rest));
  own.meta() = packet.meta();
  consume(env, std::move(packet), stats::Ledger::used);
  return own;
}

}  // namespace millrace
