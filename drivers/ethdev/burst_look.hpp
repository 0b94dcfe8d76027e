// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/mbuf.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace::ethdev {

/// What the frames of a burst have together, found with an instruction or two a frame for each 16 bytes of them instead of some for
/// each field. The frames are looked at in pairs, and the last of an odd number by itself.
class BurstLook {
 public:
  [[nodiscard]] std::uint64_t bytes() const { return std::uint64_t{sums_[0]} + sums_[2]; }
  /// Of all frames, one or the other.
  [[nodiscard]] std::uint64_t any_flags() const { return field<std::uint64_t>(any_head_, offsetof(pkt::Mbuf, ol_flags) - head_at); }
  /// One more than 1: some frame has several buffers.
  [[nodiscard]] bool are_single() const { return field<std::uint16_t>(any_head_, offsetof(pkt::Mbuf, nb_segs) - head_at) == 1; }

 protected:
  using Bits [[gnu::vector_size(16), gnu::may_alias]] = std::uint64_t;
  using Lengths [[gnu::vector_size(16)]] = std::uint32_t;
  static constexpr std::size_t head_at = offsetof(pkt::Mbuf, data_off);

  /// Sixteen bytes of a buffer's head, at an offset that is a multiple of that.
  [[nodiscard]] static Bits load(const pkt::Mbuf& m, std::size_t offset) { return *reinterpret_cast<const Bits*>(reinterpret_cast<const char*>(&m) + offset); }
  template <class T>
  [[nodiscard]] static T field(const Bits& bits, std::size_t offset) {
    T value;
    std::memcpy(&value, reinterpret_cast<const char*>(&bits) + offset, sizeof value);
    return value;
  }
  /// Each frame's pkt_len, and its data_len with the VLAN above it.
  [[nodiscard]] static Lengths lengths(std::uint64_t first, std::uint64_t second) { return reinterpret_cast<Lengths>(Bits{first, second}); }
  [[nodiscard]] static std::uint64_t lengths_of(const pkt::Mbuf& m) {
    std::uint64_t both;
    std::memcpy(&both, &m.pkt_len, sizeof both);
    return both;
  }
  [[nodiscard]] static Lengths max(const Lengths& a, const Lengths& b) { return a > b ? a : b; }

  Bits any_head_{};  ///< data_off, refcnt, nb_segs, port and ol_flags
  Lengths sums_{};
};

/// Of received frames: whether each is what its device says, and what the devices' flags have in common.
class RxLook : public BurstLook {
 public:
  void take(const pkt::Mbuf& first, const pkt::Mbuf& second) {
    take_head(first);
    take_head(second);
    take_lengths(lengths(lengths_of(first), lengths_of(second)));
  }
  void take(const pkt::Mbuf& last) {
    take_head(last);
    take_lengths(lengths(lengths_of(last), 0));
  }
  [[nodiscard]] std::uint64_t shared_flags() const { return field<std::uint64_t>(shared_head_, offsetof(pkt::Mbuf, ol_flags) - head_at); }
  /// Whether every frame lies in one buffer, and not beyond its end. A false "no" is possible where buffers differ.
  [[nodiscard]] bool are_plain() const {
    const int begin = field<std::uint16_t>(any_head_, offsetof(pkt::Mbuf, data_off) - head_at);
    const int end = field<std::uint16_t>(shared_tail_, offsetof(pkt::Mbuf, buf_len) - tail_at);
    const auto same_length = static_cast<std::uint16_t>(unlike_[0] | unlike_[2]) == 0;
    return are_single() && same_length && std::int64_t{std::max(most_[0], most_[2])} <= end - begin;
  }

 private:
  static constexpr std::size_t tail_at = offsetof(pkt::Mbuf, hash_high);

  void take_head(const pkt::Mbuf& m) {
    const Bits head = load(m, head_at);
    any_head_ |= head;
    shared_head_ &= head;
    shared_tail_ &= load(m, tail_at);
  }
  void take_lengths(const Lengths& both) {
    sums_ += both;
    most_ = max(most_, both);
    unlike_ |= both ^ __builtin_shufflevector(both, both, 1, 0, 3, 2);
  }

  Bits shared_head_ = ~Bits{};
  Bits shared_tail_ = ~Bits{};  ///< with buf_len
  Lengths most_{};
  Lengths unlike_{};
};

/// Of frames to be sent: what they ask for, and the longest of them.
class TxLook : public BurstLook {
 public:
  explicit TxLook(std::uint32_t header) : header_{header, header, header, header} {}
  void take(const pkt::Mbuf& first, const pkt::Mbuf& second) {
    take_head(first);
    take_head(second);
    const Lengths both = lengths(lengths_of(first), lengths_of(second));
    sums_ += both;
    most_ = max(most_, both - header_);
  }
  void take(const pkt::Mbuf& last) {
    take_head(last);
    const std::uint64_t lone = lengths_of(last);
    sums_ += lengths(lone, 0);
    most_ = max(most_, lengths(lone, lone) - header_);
  }
  /// Bytes behind the header; very many when one is shorter than that.
  [[nodiscard]] std::uint32_t most() const { return std::max(most_[0], most_[2]); }
  [[nodiscard]] bool wants_checksum() const { return field<pkt::ChecksumRequest>(any_meta_, offsetof(pkt::Meta, tx_checksum) - meta_at) != pkt::ChecksumRequest::none; }
  [[nodiscard]] bool wants_cutting() const { return field<std::uint16_t>(any_meta_, offsetof(pkt::Meta, gso_size) - meta_at) != 0; }

 private:
  static constexpr std::size_t meta_at = offsetof(pkt::Meta, l3_offset);

  void take_head(const pkt::Mbuf& m) {
    any_head_ |= load(m, head_at);
    any_meta_ |= load(m, offsetof(pkt::Mbuf, meta) + meta_at);
  }

  const Lengths header_;
  Bits any_meta_{};
  Lengths most_{};
};

static_assert(offsetof(pkt::Mbuf, data_off) == 16 && offsetof(pkt::Mbuf, ol_flags) == 24 && offsetof(pkt::Mbuf, hash_high) == 48 && offsetof(pkt::Mbuf, buf_len) == 54);
static_assert(offsetof(pkt::Mbuf, data_len) == offsetof(pkt::Mbuf, pkt_len) + 4 && offsetof(pkt::Meta, l3_offset) == 16 && offsetof(pkt::Meta, gso_size) == 28);

}  // namespace millrace::ethdev
