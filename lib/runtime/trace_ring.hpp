// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>
#include <millrace/env/trace.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace millrace::runtime {

struct TraceRecord {
  Instant when{};
  TracePoint point{};
  std::uint8_t vec = 0;  ///< the softirq's vector, where the point is one of softirqs
};

/// The newest records of one lcore; an older one makes room (receive_path C12). Written by its lcore; read there, or when
/// the lcore does not write to it.
class TraceRing {
 public:
  /// Room for `capacity` records, a power of two.
  explicit TraceRing(std::uint32_t capacity) : records_(std::bit_ceil(capacity)) {}

  void record(const TraceRecord& record) { records_[written_++ & (records_.size() - 1)] = record; }
  /// Records ever written, those included that were overwritten.
  [[nodiscard]] std::uint64_t written() const { return written_; }
  [[nodiscard]] std::size_t capacity() const { return records_.size(); }
  /// What is there, oldest first.
  [[nodiscard]] std::vector<TraceRecord> newest() const {
    std::vector<TraceRecord> all;
    const std::uint64_t kept = std::min<std::uint64_t>(written_, records_.size());
    for (std::uint64_t i = written_ - kept; i < written_; ++i) all.push_back(records_[i & (records_.size() - 1)]);
    return all;
  }

 private:
  std::vector<TraceRecord> records_;
  std::uint64_t written_ = 0;
};

}  // namespace millrace::runtime
