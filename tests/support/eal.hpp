// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/pool.hpp>
#include <millrace/stats/lcore_stats.hpp>
#include <millrace/timer/wheel.hpp>

#include <memory>
#include <span>
#include <vector>

namespace millrace::test {

/// Starts EAL once per test process: no hugepages, no devices, quiet. Every test that makes a Pool calls it first.
void start_eal();

/// A pool of the calling test's own; when it goes out of scope it must be full again.
class TestPool {
 public:
  explicit TestPool(std::uint32_t packets = 1023, std::uint16_t data_room = 2048);
  ~TestPool();
  pkt::Pool& operator*() { return *pool_; }
  pkt::Pool* operator->() { return pool_.get(); }
  /// A single-buffer packet that holds `bytes`.
  [[nodiscard]] pkt::Packet packet(std::span<const std::uint8_t> bytes);
  /// A driver keeps so many at most for ever.
  void leave(std::uint32_t packets) { left_ = packets; }
  /// How many packet() has given out.
  [[nodiscard]] std::uint64_t given() const { return given_; }

 private:
  std::unique_ptr<pkt::Pool> pool_;
  std::uint64_t lost_before_;
  std::uint64_t given_ = 0;
  std::uint32_t left_ = 0;
};

/// The bytes of a packet's whole chain.
[[nodiscard]] std::vector<std::uint8_t> bytes_of(const pkt::Packet& packet);

}  // namespace millrace::test
