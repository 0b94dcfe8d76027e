// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/ena/packet.hpp"

#include <array>

namespace millrace::devmodel::ena {

/// ena_admin_flow_hash_proto: for each of them it is chosen what is hashed.
enum class HashProtocol : std::uint8_t {
  tcp4 = 0, udp4 = 1, tcp6 = 2, udp6 = 3, ip4 = 4, ip6 = 5, ip4_fragment = 6, not_ip = 7, tcp6_extended = 8, ip6_extended = 9
};
inline constexpr std::size_t hash_protocols = 16;

/// ena_admin_flow_hash_fields.
namespace hash_field {
inline constexpr std::uint16_t l2_destination = 1 << 0, l2_source = 1 << 1, l3_destination = 1 << 2, l3_source = 1 << 3,
                               l4_destination = 1 << 4, l4_source = 1 << 5;
inline constexpr std::uint16_t l2 = l2_destination | l2_source;
inline constexpr std::uint16_t l3 = l3_destination | l3_source;
inline constexpr std::uint16_t l3_and_l4 = l3 | l4_destination | l4_source;
}  // namespace hash_field

using HashFields = std::array<std::uint16_t, hash_protocols>;

/// Receive side scaling: the hash of a packet and the receive queue that follows from it.
class Rss {
 public:
  static constexpr std::size_t log_table_entries = 7;
  static constexpr std::size_t table_entries = 1U << log_table_entries;
  static constexpr std::size_t key_bytes = 40;  ///< ENA_ADMIN_RSS_KEY_PARTS words

  static const HashFields supported_fields;

  /// As the driver hands it over: the device reads it from the last byte to the first.
  std::array<std::uint8_t, key_bytes> key{};
  bool key_was_set = false;
  std::uint32_t initial_value = 0;
  HashFields fields = supported_fields;
  /// The indices of receive queues. The interface calls them cq_idx; its drivers write the index of the submission queue.
  std::array<std::uint16_t, table_entries> table{};

  Rss();
  [[nodiscard]] std::uint32_t hash(const Packet& packet, Bytes frame) const;
  [[nodiscard]] std::uint16_t queue_of(std::uint32_t hash) const { return table[hash % table_entries]; }
};

}  // namespace millrace::devmodel::ena
