// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>
#include <millrace/wire/parsed.hpp>
#include <millrace/wire/protocol.hpp>

#include <cstddef>
#include <span>

namespace millrace::wire {

inline constexpr std::size_t ethernet_header_bytes = 14;
inline constexpr std::size_t ethernet_min_frame_bytes = 60;  ///< without the FCS
inline constexpr std::size_t vlan_tag_bytes = 4;             ///< TCI, then the next EtherType
inline constexpr std::uint16_t vlan_id_mask = 0x0fff;
/// Below this the type field is an IEEE 802.3 length.
inline constexpr std::uint16_t ethertype_min = 0x0600;

/// An Ethernet II header as plain values.
struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  std::uint16_t ethertype = 0;
  bool operator==(const EthernetHeader&) const = default;
};

/// The first 14 bytes of a frame; borrows the bytes.
class EthernetView {
 public:
  /// Null when `frame` is shorter than the header.
  [[nodiscard]] static Parsed<EthernetView> parse(std::span<const std::uint8_t> frame) {
    if (frame.size() < ethernet_header_bytes) return std::nullopt;
    return EthernetView(frame.data());
  }

  [[nodiscard]] MacAddress destination() const { return mac_at(0); }
  [[nodiscard]] MacAddress source() const { return mac_at(6); }
  /// Host order; the type of the first VLAN tag when the frame is tagged.
  [[nodiscard]] std::uint16_t ethertype() const { return load_be16(p_ + 12); }
  [[nodiscard]] EthernetHeader header() const { return {destination(), source(), ethertype()}; }

 private:
  friend class Parsed<EthernetView>;
  EthernetView() = default;
  explicit EthernetView(const std::uint8_t* p) : p_(p) {}
  [[nodiscard]] MacAddress mac_at(std::size_t at) const {
    MacAddress mac;
    std::memcpy(mac.bytes.data(), p_ + at, mac.bytes.size());
    return mac;
  }
  const std::uint8_t* p_ = nullptr;
};

/// Writes ethernet_header_bytes at `out`.
inline void emit(const EthernetHeader& header, std::uint8_t* out) {
  std::memcpy(out, header.destination.bytes.data(), 6);
  std::memcpy(out + 6, header.source.bytes.data(), 6);
  store_be16(out + 12, header.ethertype);
}

/// The id of a frame's outermost VLAN, 0 for untagged frames and those that carry only a priority (IEEE 802.1Q section 9.6).
/// `l3_offset`: behind its tags, inside the frame.
[[nodiscard]] inline std::uint16_t vlan_id(const std::uint8_t* frame, std::size_t l3_offset) {
  if (l3_offset <= ethernet_header_bytes) return 0;
  return load_be16(frame + ethernet_header_bytes) & vlan_id_mask;
}

/// The group address on Ethernet of an IP multicast address (RFC 1112 section 6.4, RFC 2464 section 7).
[[nodiscard]] inline MacAddress multicast_mac(const IpAddress& group) {
  const auto& b = group.bytes;
  if (group.is_v4()) return {{0x01, 0x00, 0x5e, static_cast<std::uint8_t>(b[13] & 0x7f), b[14], b[15]}};
  return {{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

}  // namespace millrace::wire
