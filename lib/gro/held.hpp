// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>
#include <millrace/gro/segment.hpp>
#include <millrace/pkt/packet.hpp>

#include <array>
#include <cstdint>

namespace millrace::gro {

/// A bit of Held::link that no Segment::link has: tags, CWR, or less than HeaderMask::bytes to read.
inline constexpr std::uint32_t narrow = 0x8000;

/// A packet that GRO holds, and what the next segment of its flow must look like. One cache line.
struct alignas(64) Held {
  pkt::Packet packet;
  pkt::Mbuf* last = nullptr;            ///< its last buffer, where the next segment is chained
  const std::uint8_t* frame = nullptr;  ///< its headers: those of its first segment
  Instant active{};                     ///< when its flow last gave it a segment
  std::uint32_t next_seq = 0;
  std::uint32_t length = 0;             ///< bytes from the IP header on
  std::uint32_t link = 0;               ///< the segment's; with `narrow` when the burst path may not join to it
  Layout layout;
  std::uint16_t tick = 0;               ///< when it began (receive_path E12); it is never held for 65,536 of them
  std::uint16_t buffers = 0;            ///< of its chain; the head's count and length are brought up to date by finish()
  std::uint16_t count = 0;              ///< segments in it
  std::uint16_t mss = 0;                ///< payload of its first segment
  std::uint16_t next_id = 0;            ///< IPv4 identification that the next segment must have
  std::uint16_t older = 0;              ///< its neighbours in the order of beginning
  std::uint16_t newer = 0;
  std::uint8_t family = 0;
  std::uint8_t id_step = 1;             ///< 0 once its second segment has repeated the identification of the first

  [[nodiscard]] const std::uint8_t* ip() const { return frame + layout.l3_offset; }
  [[nodiscard]] const std::uint8_t* l4() const { return frame + layout.l4_offset; }
  [[nodiscard]] const std::uint8_t* addresses() const { return ip() + (family == 4 ? 12 : 8); }
};
static_assert(sizeof(Held) == 64);

/// The packets that one Gro holds: sets of a few ways, and a list in the order of beginning. At most one of a flow.
/// Nothing is allocated and nothing cleared in bulk: a zero tag is a free way.
class HeldTable {
 public:
  static constexpr std::uint16_t capacity = 256;

  /// `sets` and `ways` powers of two, sets * ways <= capacity.
  HeldTable(std::uint16_t sets, std::uint16_t ways) { reshape(sets, ways); }
  /// For an empty table only.
  void reshape(std::uint16_t sets, std::uint16_t ways);

  [[nodiscard]] bool empty() const { return oldest_ == none; }
  [[nodiscard]] std::uint16_t size() const { return size_; }

  /// The held packet of the segment's flow, or null.
  [[nodiscard]] Held* find(std::uint64_t hash, const Segment& segment);
  /// A free entry in the hash's set, now the newest of all; null when the set is full.
  [[nodiscard]] Held* insert(std::uint64_t hash);
  /// The hash's set as the burst path looks at it: ways() tags, of which 0 is free, and the index of the first.
  [[nodiscard]] std::size_t first_way(std::uint64_t hash) const { return hash & first_mask_; }
  [[nodiscard]] const std::uint32_t* tags(std::size_t first) const { return &tags_[first]; }
  [[nodiscard]] std::uint16_t ways() const { return ways_; }
  [[nodiscard]] Held& entry(std::size_t index) { return entries_[index]; }
  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32) | 1; }
  /// The same as insert() for a caller who has found a free way.
  Held& insert_at(std::size_t index, std::uint64_t hash) {
    tags_[index] = tag_of(hash);
    serials_[index] = serial_++;
    Held& held = entries_[index];
    held.older = newest_;
    held.newer = none;
    (newest_ == none ? oldest_ : entries_[newest_].newer) = static_cast<std::uint16_t>(index);
    newest_ = static_cast<std::uint16_t>(index);
    ++size_;
    return held;
  }
  /// The index of the packet that began first in the set whose first index this is; the set must be full.
  [[nodiscard]] std::size_t oldest_way(std::size_t first) const {
    std::size_t found = first;
    for (std::size_t i = first + 1; i < first + ways_; ++i) {
      if (serial_ - serials_[i] > serial_ - serials_[found]) found = i;
    }
    return found;
  }
  void erase(Held& held) {
    (held.older == none ? oldest_ : entries_[held.older].newer) = held.newer;
    (held.newer == none ? newest_ : entries_[held.newer].older) = held.older;
    tags_[static_cast<std::size_t>(&held - entries_.data())] = 0;
    --size_;
  }

  /// Hands every entry, in the order of beginning, to f(Held&) and leaves the table empty.
  template <class F>
  void take_all(F&& f) {
    for (std::uint16_t index = oldest_; index != none; index = entries_[index].newer) {
      tags_[index] = 0;
      f(entries_[index]);
    }
    oldest_ = newest_ = none;
    size_ = 0;
  }

  /// All, in the order of beginning: null at the end. Erasing the one that next() was asked for before is allowed.
  [[nodiscard]] Held* oldest() { return at(oldest_); }
  [[nodiscard]] Held* next(const Held& held) { return at(held.newer); }

 private:
  static constexpr std::uint16_t none = 0xffff;

  [[nodiscard]] Held* at(std::uint16_t index) { return index == none ? nullptr : &entries_[index]; }

  std::uint16_t first_mask_ = 0;  ///< a multiple of ways_
  std::uint16_t ways_ = 0;
  std::uint16_t size_ = 0;
  std::uint16_t oldest_ = none;
  std::uint16_t newest_ = none;
  std::uint32_t serial_ = 0;  ///< of the next to begin; may wrap, no packet is held for 2^32 others
  alignas(64) std::array<std::uint32_t, capacity> tags_{};
  std::array<std::uint32_t, capacity> serials_{};
  std::array<Held, capacity> entries_;
};

/// Whether the segment's flow is the held packet's: link, addresses and ports (receive_path X18).
[[nodiscard]] bool same_flow(const Held& held, const Segment& segment);
/// Link and addresses alone, for packets whose ports cannot be read.
[[nodiscard]] bool same_addresses(const Held& held, const Segment& segment);

}  // namespace millrace::gro
