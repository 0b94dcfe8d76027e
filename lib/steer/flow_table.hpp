// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

namespace millrace::steer {

/// The exact-match table of the flows that one lcore owns (receive_path F22): that lcore's connection lookup, and at
/// the same time what other lcores ask before they steer a packet by hash. The owner alone writes; any thread may
/// call contains(). Buckets are chains guarded by a sequence count each, so a reader never blocks and never sees
/// half an entry. Memory is fixed at construction.
class FlowTable {
 public:
  /// `capacity` flows at most; `seed` keys the bucket hash, so that nobody outside can aim at one chain.
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
  /// Any thread: whether the flow was there at some moment during the call.
  [[nodiscard]] bool contains(const FlowKey& key) const;

  [[nodiscard]] std::uint32_t size() const { return size_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }

 private:
  struct Entry;
  struct Bucket;
  const std::uint32_t capacity_;
  const std::uint64_t seed_;
  std::atomic<std::uint32_t> size_{0};
  std::uint32_t bucket_mask_;
  std::unique_ptr<Bucket[]> buckets_;
  std::unique_ptr<Entry[]> entries_;
  std::uint32_t free_head_;
};

}  // namespace millrace::steer
