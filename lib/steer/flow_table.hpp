// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

namespace millrace::steer {

/// The entry of an lcore that has a socket bound to `local`: it takes what comes from anywhere to that address, or to
/// every own address of its family when it is unspecified. No packet's flow equals such a key.
[[nodiscard]] inline FlowKey bound_key(const Endpoint& local, std::uint8_t proto, std::uint16_t stack) {
  return {.local = local.address, .remote = {}, .local_port = local.port, .stack = stack, .proto = proto, .bound = 1};
}

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
  /// Any thread: begins to load the bucket in which a lookup of `key` will start.
  void prefetch(const FlowKey& key) const;

  /// Any thread.
  [[nodiscard]] std::uint32_t size() const { return size_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }

 private:
  struct Entry;
  struct Bucket;
  /// A key as the table stores and compares it, with its hash.
  struct Probe;
  struct Found {
    std::uint32_t bucket;
    std::uint32_t slot;
    Entry* entry;  ///< null when the flow is not there
  };
  [[nodiscard]] Probe probe(const FlowKey& key) const;
  [[nodiscard]] Found locate(const Probe& p) const;

  std::array<std::uint64_t, 8> hash_keys_;
  const std::uint32_t capacity_;
  const std::uint32_t bucket_mask_;
  std::unique_ptr<Bucket[]> buckets_;
  std::unique_ptr<Entry[]> entries_;
  std::uint32_t free_head_ = 0;
  std::atomic<std::uint32_t> size_{0};
};

}  // namespace millrace::steer
