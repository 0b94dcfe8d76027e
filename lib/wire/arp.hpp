// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>
#include <millrace/wire/parsed.hpp>
#include <millrace/wire/protocol.hpp>

#include <cstddef>
#include <span>

namespace millrace::wire {

inline constexpr std::size_t arp_bytes = 28;

namespace arp_op {
inline constexpr std::uint16_t request = 1;
inline constexpr std::uint16_t reply = 2;
}  // namespace arp_op

/// An ARP message for IPv4 over Ethernet (RFC 826) as plain values.
struct ArpPacket {
  std::uint16_t op = 0;
  MacAddress sender_mac;
  IpAddress sender_ip = IpAddress::v4(0, 0, 0, 0);
  MacAddress target_mac;
  IpAddress target_ip = IpAddress::v4(0, 0, 0, 0);
  bool operator==(const ArpPacket&) const = default;
};

/// The 28 bytes behind the Ethernet header; borrows the bytes.
class ArpView {
 public:
  /// Null when too short, or not IPv4 over Ethernet (hardware type 1, lengths 6 and 4).
  [[nodiscard]] static Parsed<ArpView> parse(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < arp_bytes) return std::nullopt;
    const std::uint8_t* p = bytes.data();
    if (load_be16(p) != 1 || load_be16(p + 2) != ethertype::ipv4 || p[4] != 6 || p[5] != 4) return std::nullopt;
    return ArpView(p);
  }

  [[nodiscard]] std::uint16_t op() const { return load_be16(p_ + 6); }
  [[nodiscard]] MacAddress sender_mac() const { return mac_at(8); }
  [[nodiscard]] IpAddress sender_ip() const { return IpAddress::v4_from(p_ + 14); }
  [[nodiscard]] MacAddress target_mac() const { return mac_at(18); }
  [[nodiscard]] IpAddress target_ip() const { return IpAddress::v4_from(p_ + 24); }
  [[nodiscard]] ArpPacket packet() const { return {op(), sender_mac(), sender_ip(), target_mac(), target_ip()}; }

 private:
  friend class Parsed<ArpView>;
  ArpView() = default;
  explicit ArpView(const std::uint8_t* p) : p_(p) {}
  [[nodiscard]] MacAddress mac_at(std::size_t at) const {
    MacAddress mac;
    std::memcpy(mac.bytes.data(), p_ + at, mac.bytes.size());
    return mac;
  }
  const std::uint8_t* p_ = nullptr;
};

/// Writes arp_bytes at `out`.
inline void emit(const ArpPacket& packet, std::uint8_t* out) {
  store_be16(out, 1);
  store_be16(out + 2, ethertype::ipv4);
  out[4] = 6;
  out[5] = 4;
  store_be16(out + 6, packet.op);
  std::memcpy(out + 8, packet.sender_mac.bytes.data(), 6);
  std::memcpy(out + 14, packet.sender_ip.v4_bytes(), 4);
  std::memcpy(out + 18, packet.target_mac.bytes.data(), 6);
  std::memcpy(out + 24, packet.target_ip.v4_bytes(), 4);
}

}  // namespace millrace::wire
