// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/unit/gro/frame.hpp"

#include <deque>
#include <map>
#include <string>
#include <tuple>

namespace millrace::test {

/// Holds GRO to its promise (receive_path X18): what came in comes out, split again, bit by bit and in order within
/// every flow; and what belongs to no readable flow in order with every flow of its addresses. It finds flows by
/// itself, from the bytes.
class OrderCheck {
 public:
  /// To be called with every packet on its way in.
  void in(const pkt::Packet& packet) {
    const Key key = key_of(packet);
    pending_[key].push_back({serial_++, bytes_of(packet)});
    if (key.is_tcp) flows_[key.pair].insert({key, 0});
  }

  /// To be called with every packet that comes out; says what is wrong, or nothing.
  std::string out(const pkt::Packet& packet) {
    const Bytes bytes = bytes_of(packet);
    const Key key = key_of(packet);
    if (packet.meta().gso_segs > 1) {
      ++merged_packets;
      if (const char* fault = fault_of_merged(bytes, packet.meta())) return std::string("merged packet: wrong ") + fault;
    }
    for (const Bytes& frame : split(bytes, packet.meta())) {
      auto& queue = pending_[key];
      if (queue.empty()) return "a packet that never came in, or out of its flow";
      if (!same(frame, queue.front().bytes, packet.meta())) return "other bytes than came in, or reordered";
      if (key.is_tcp && overtakes(key, queue.front().serial)) return "overtook a packet between its addresses";
      queue.pop_front();
    }
    return {};
  }

  [[nodiscard]] bool all_out() const {
    for (const auto& [key, queue] : pending_) {
      if (!queue.empty()) return false;
    }
    return true;
  }

  std::uint64_t merged_packets = 0;

 private:
  using Pair = std::tuple<std::uint16_t, std::uint32_t, Bytes>;  // interface, VLAN, addresses
  struct Key {
    Pair pair;
    std::uint8_t proto = 0;
    std::uint32_t ports = 0;
    bool is_tcp = false;
    bool is_readable = false;
    auto operator<=>(const Key&) const = default;
  };
  struct Pending {
    std::uint64_t serial;
    Bytes bytes;
  };

  static Bytes bytes_of(const pkt::Packet& packet) {
    Bytes bytes(packet.length());
    packet.copy_out(0, bytes);
    return bytes;
  }

  static Key key_of(const pkt::Packet& packet) {
    const auto frame = packet.data();
    const wire::Layers layers = wire::dissect(frame);
    const pkt::Mbuf& m = packet.mbuf();
    Key key;
    std::uint32_t vlan = layers.vlan_tags > 0 ? 0x10000u | (layers.vlan_tci & 0xfffu) : 0;
    if ((m.ol_flags & pkt::flag::rx_vlan) != 0) vlan = 0x10000u | (m.vlan_tci & 0xfffu);
    key.pair = {m.meta.ifindex, vlan, addresses_of(frame, layers)};
    key.proto = layers.l4_proto;
    key.is_readable = layers.l4_offset != 0;
    key.is_tcp = is_tcp(layers);
    key.ports = layers.payload_offset != 0 ? load_be32(&frame[layers.l4_offset]) : 0;
    return key;
  }

  static Bytes addresses_of(std::span<const std::uint8_t> frame, const wire::Layers& layers) {
    const bool v4 = layers.ethertype == wire::ethertype::ipv4;
    if (!v4 && layers.ethertype != wire::ethertype::ipv6) return {};
    const std::size_t at = layers.l3_offset + (v4 ? 12u : 8u);
    const std::size_t end = at + (v4 ? 8 : 32);
    return end <= frame.size() ? Bytes(frame.begin() + static_cast<std::ptrdiff_t>(at), frame.begin() + static_cast<std::ptrdiff_t>(end)) : Bytes{};
  }

  // TCP, or an IPv6 packet whose chain of headers breaks off before it can be told.
  static bool is_tcp(const wire::Layers& layers) {
    using namespace wire::ip_proto;
    const std::uint8_t p = layers.l4_proto;
    if (p == tcp) return true;
    return layers.ethertype == wire::ethertype::ipv6 && (p == hop_by_hop || p == routing || p == fragment || p == destination_options);
  }

  // Whether something between these addresses that came before `serial` is still inside, and must not be.
  [[nodiscard]] bool overtakes(const Key& key, std::uint64_t serial) {
    for (const auto& [other, ignored] : flows_[key.pair]) {
      const auto& queue = pending_[other];
      if (other == key || queue.empty() || (key.is_readable && other.is_readable)) continue;
      if (queue.front().serial < serial) return true;
    }
    return false;
  }

  // A sum of one's complement has two zeros; a split cannot know which of them a sender wrote.
  static bool same(Bytes a, Bytes b, const pkt::Meta& meta) {
    if (meta.gso_segs > 1 && a.size() == b.size()) {
      for (Bytes* frame : {&a, &b}) {
        for (const std::size_t at : {meta.l3_offset + (meta.ethertype == wire::ethertype::ipv4 ? 10u : 4u), meta.l4_offset + 16u}) {
          if (load_be16(&(*frame)[at]) == 0xffff) store_be16(&(*frame)[at], 0);
        }
      }
    }
    return a == b;
  }

  std::map<Key, std::deque<Pending>> pending_;
  std::map<Pair, std::map<Key, int>> flows_;
  std::uint64_t serial_ = 0;
};

}  // namespace millrace::test
