// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>
#include <millrace/pkt/packet.hpp>
#include <millrace/wire/packet_offload.hpp>

#include <cstddef>
#include <cstdint>

namespace millrace::gro {

/// A packet of an application's protocol that GRO holds (receive_path E15).
struct UserTrain {
  pkt::Packet packet;
  pkt::Mbuf* last = nullptr;                     ///< its last buffer
  const wire::PacketOffload* offload = nullptr;  ///< the engine's, for its life
  std::uint64_t flow = 0;                        ///< as the protocol numbers it
  Instant active{};                              ///< when its flow last gave it a packet
  std::uint32_t payload = 0;
  std::uint16_t start = 0;                       ///< where the protocol's header begins,
  std::uint16_t header = 0;                      ///< and how long it is
  std::uint16_t size = 0;                        ///< payload of the first packet
  std::uint16_t count = 0;
  std::uint16_t buffers = 0;
  std::uint16_t tick = 0;
  std::uint16_t next_id = 0;                     ///< IPv4 identification that the next packet must have
  std::uint8_t family = 0;                       ///< 4 or 6; 0: not over IP
  std::uint8_t id_step = 1;

  [[nodiscard]] const std::uint8_t* frame() const { return packet.data().data(); }
  [[nodiscard]] const std::uint8_t* ip() const { return frame() + packet.meta().l3_offset; }
  [[nodiscard]] wire::GroTrain seen() { return {packet.data().subspan(start, header), count, size, payload}; }
};

/// MAX_GRO_SKBS: how many one Gro holds of them.
inline constexpr std::size_t most_user_trains = 8;

}  // namespace millrace::gro
