// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/mbuf.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace::ethdev {

/// What the frames of a burst have together, found with an instruction or two a frame for 32 bytes of its head, instead of some
/// for each field.
class BurstLook {
 public:
  static const bool has_avx2;
  /// Up to 64 frames' pkt_len.
  [[nodiscard]] std::uint64_t bytes() const { return field<std::uint32_t>(sums_, offsetof(pkt::Mbuf, pkt_len)); }
  /// Of all frames, one or the other.
  [[nodiscard]] std::uint64_t any_flags() const { return field<std::uint64_t>(any_, offsetof(pkt::Mbuf, ol_flags)); }
  /// One more than 1: some frame has several buffers.
  [[nodiscard]] bool are_single() const { return field<std::uint16_t>(any_, offsetof(pkt::Mbuf, nb_segs)) == 1; }

 protected:
  static constexpr std::size_t head_at = offsetof(pkt::Mbuf, data_off);
  using Lanes = std::array<std::uint32_t, 8>;  ///< data_off to hash

  template <class T>
  [[nodiscard]] static T field(const Lanes& lanes, std::size_t offset) {
    T value;
    std::memcpy(&value, reinterpret_cast<const char*>(lanes.data()) + offset - head_at, sizeof value);
    return value;
  }

  Lanes any_;
  Lanes sums_;
};

/// Of received frames: whether each is what its device says, and what the devices' flags have in common.
class RxLook : public BurstLook {
 public:
  /// Writes `stamp` over the Meta of each on the way.
  RxLook(pkt::Mbuf* const* frames, std::size_t count, const pkt::Meta& stamp, bool with_avx2 = has_avx2) { with_avx2 ? take_avx2(frames, count, stamp) : take_baseline(frames, count, stamp); }
  [[nodiscard]] std::uint64_t shared_flags() const { return field<std::uint64_t>(shared_, offsetof(pkt::Mbuf, ol_flags)); }
  /// Whether every frame lies in one buffer of that many bytes, and not beyond its end. A false "no" is possible for frames of more
  /// than the largest power of two that fits.
  [[nodiscard]] bool are_plain(std::uint32_t buffer) const {
    const std::uint32_t begin = field<std::uint16_t>(any_, offsetof(pkt::Mbuf, data_off));
    const auto length = field<std::uint32_t>(any_, offsetof(pkt::Mbuf, pkt_len));
    return are_single() && field<std::uint16_t>(unlike_, offsetof(pkt::Mbuf, pkt_len)) == 0 && std::uint64_t{begin} + length <= buffer;
  }

 private:
  Lanes shared_;
  Lanes unlike_;  ///< where pkt_len is: its bits that differ from data_len's, in any frame

  void take(pkt::Mbuf* const* frames, std::size_t count, const pkt::Meta& stamp);
  void take_avx2(pkt::Mbuf* const* frames, std::size_t count, const pkt::Meta& stamp);
  void take_baseline(pkt::Mbuf* const* frames, std::size_t count, const pkt::Meta& stamp);
};

/// Of frames to be sent: what they ask for, and the longest of them.
class TxLook : public BurstLook {
 public:
  TxLook(pkt::Mbuf* const* frames, std::size_t count, bool with_avx2 = has_avx2) { with_avx2 ? take_avx2(frames, count) : take_baseline(frames, count); }
  /// Bytes behind the Ethernet header; very many when one is shorter than that.
  [[nodiscard]] std::uint32_t most() const { return field<std::uint32_t>(most_, offsetof(pkt::Mbuf, pkt_len)); }
  [[nodiscard]] bool wants_checksum() const { return meta<pkt::ChecksumRequest>(offsetof(pkt::Meta, tx_checksum)) != pkt::ChecksumRequest::none; }
  [[nodiscard]] bool wants_cutting() const { return meta<std::uint16_t>(offsetof(pkt::Meta, gso_size)) != 0; }

 private:
  void take(pkt::Mbuf* const* frames, std::size_t count);
  void take_avx2(pkt::Mbuf* const* frames, std::size_t count);
  void take_baseline(pkt::Mbuf* const* frames, std::size_t count);
  template <class T>
  [[nodiscard]] T meta(std::size_t offset) const { return field<T>(any_meta_, head_at + offset); }

  Lanes most_;
  Lanes any_meta_;  ///< the first half
};

}  // namespace millrace::ethdev
