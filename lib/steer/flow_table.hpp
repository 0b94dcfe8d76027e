// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>

namespace millrace::steer {

/// The entry of an lcore that has a socket bound to `local`: it takes what comes from anywhere to that address, or to
/// every own address of its family when it is unspecified. No packet's flow equals such a key.
[[nodiscard]] inline FlowKey bound_key(const Endpoint& local, std::uint8_t proto, std::uint16_t stack) {
  return {.local = local.address, .remote = {}, .local_port = local.port, .stack = stack, .proto = proto, .bound = 1};
}

/// A FlowKey as the words that tables compare.
using FlowWords = std::array<std::uint64_t, sizeof(FlowKey) / sizeof(std::uint64_t)>;

/// What stands before the address in the second word of an IPv4-mapped one (::ffff:a.b.c.d); its first word is 0.
static_assert(std::endian::native == std::endian::little, "the words of a key are put together from halves");
inline constexpr std::uint32_t v4_mapped = 0xffff0000;

/// A flow with the hash under which every table of one seed keeps it.
struct alignas(64) FlowProbe {
  FlowWords words;
  std::uint64_t hash;
};

/// The keyed hash of owner tables.
class OwnerHash {
 public:
  explicit OwnerHash(std::uint64_t seed);

  // Every word meets a secret of its own before it is multiplied (as in the NH family of UMAC, RFC 4418), so which
  // keys collide depends on the seed.
  [[nodiscard]] std::uint64_t operator()(const FlowWords& words) const {
    if (is_v4(words)) return of_v4(words[3] >> 32 | (words[1] & ~std::uint64_t{0xffffffff}), words[4]);
    return last(fold(words[0] + keys_[0], words[1] + keys_[1]) + fold(words[2] + keys_[2], words[3] + keys_[3]) + fold(words[4] + keys_[4], keys_[5]));
  }
  /// The same of a flow between IPv4 addresses, which are given as they stand in a received packet: source, destination.
  [[nodiscard]] std::uint64_t of_v4(std::uint64_t addresses, std::uint64_t ends) const { return last(fold(addresses + keys_[0], ends + keys_[1])); }
  bool operator==(const OwnerHash&) const = default;

 private:
  static bool is_v4(const FlowWords& words) {
    return (words[0] | words[2]) == 0 && static_cast<std::uint32_t>(words[1]) == v4_mapped && static_cast<std::uint32_t>(words[3]) == v4_mapped;
  }
  [[nodiscard]] std::uint64_t last(std::uint64_t sum) const { return fold(sum ^ keys_[6], keys_[7] | 1); }
  static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  std::array<std::uint64_t, 8> keys_;
};

/// The exact-match table of the flows that one lcore owns (receive_path F22): that lcore's connection lookup, and at
/// the same time what other lcores ask before they steer a packet by hash. The owner alone writes; any thread may
/// call contains(), which never waits and never sees half an entry: an entry keeps its place for as long as it is in
/// the table, and a sequence count tells a reader that it was replaced while being compared. Memory is fixed at
/// construction: about 80 to 96 bytes a flow. A hit touches two lines, one of a bucket and one of an entry.
class FlowTable {
 public:
  /// `capacity` flows at most (> 0); `seed` keys the bucket hash, so that nobody outside can aim at one bucket.
  FlowTable(std::uint32_t capacity, std::uint64_t seed);
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  /// Owner only. False when the flow is already there or the table is full (capacity reached).
  bool insert(const FlowKey& key, void* object);
  /// Owner only. False when the flow is not there.
  bool erase(const FlowKey& key);
  /// Owner only: the object given to insert(), or null.
  [[nodiscard]] void* find(const FlowKey& key) const;
  /// Any thread: true if the flow was there during the whole call, false if it was not there at any moment of it,
  /// either when it came or went meanwhile.
  [[nodiscard]] bool contains(const FlowKey& key) const;
  /// Any thread: contains() of the flows whose bits are set in `which`, as bits; `probes` made with hash(). What one lookup
  /// waits for overlaps with what the others do.
  [[nodiscard]] std::uint32_t contains(std::span<const FlowProbe> probes, std::uint32_t which) const;
  static constexpr std::size_t most_probes = 32;
  [[nodiscard]] const OwnerHash& hash() const { return hash_; }

  /// Any thread.
  [[nodiscard]] std::uint32_t size() const { return size_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }

 private:
  struct Entry;
  struct Bucket;
  struct Found {
    std::uint32_t bucket;
    std::uint32_t slot;
    Entry* entry;  ///< null when the flow is not there
  };
  [[nodiscard]] FlowProbe probe(const FlowKey& key) const;
  [[nodiscard]] std::uint32_t first_bucket(const FlowProbe& probe) const { return static_cast<std::uint32_t>(probe.hash) & bucket_mask_; }
  [[nodiscard]] Found locate(const FlowProbe& p) const;

  const OwnerHash hash_;
  const std::uint32_t capacity_;
  const std::uint32_t bucket_mask_;
  std::unique_ptr<Bucket[]> buckets_;
  std::unique_ptr<Entry[]> entries_;
  std::uint32_t free_head_ = 0;
  std::atomic<std::uint32_t> size_{0};
};

}  // namespace millrace::steer
