// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/steer/rps_map.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace millrace::steer {

/// Where the application reads each flow: struct rps_sock_flow_table (receive_path F7). Sockets record their lcore when
/// the application calls them, steering looks it up; any lcore, any time, without a lock. A later record of another
/// flow may take an entry over: then nobody knows where that flow is read.
class SockFlows {
 public:
  /// `entries` is rounded up to a power of two; 4 bytes each. ENOMEM.
  [[nodiscard]] static Result<std::unique_ptr<SockFlows>> create(std::uint32_t entries);

  /// rps_record_sock_flow(). `hash` 0 is no flow.
  void record(std::uint32_t hash, LcoreId lcore);
  [[nodiscard]] std::optional<LcoreId> desired(std::uint32_t hash) const;
  [[nodiscard]] std::uint32_t entries() const { return mask_ + 1; }

 private:
  using Entry = std::atomic<std::uint32_t>;  ///< the hash without its lowest byte, there the lcore + 1; 0: none
  static constexpr std::uint32_t lcore_bits = 0xff;
  struct Free {
    void operator()(Entry* entries) const;
  };
  SockFlows(Entry* entries, std::uint32_t mask) : entries_(entries), mask_(mask) {}

  std::unique_ptr<Entry[], Free> entries_;
  std::uint32_t mask_;
};

/// How many packets an lcore has ever queued for each lcore, and how many of those have been delivered: both wrap.
class HandOver {
 public:
  virtual ~HandOver() = default;
  [[nodiscard]] virtual std::uint32_t queued(LcoreId target) const = 0;
  [[nodiscard]] virtual std::uint32_t delivered(LcoreId target) const = 0;
};

/// Where a flow of an rx queue goes: struct rps_dev_flow.
struct DevFlow {
  std::uint32_t hash = 0;        ///< of the flow that has the entry; 0: none
  std::uint32_t last_qtail = 0;  ///< HandOver::queued() of the lcore when its last packet was queued
  LcoreId lcore = 0;

  /// All of the flow's packets have been delivered (receive_path F8): the difference of two counts that wrap.
  [[nodiscard]] bool is_drained(const HandOver& hand_over) const {
    return hash == 0 || static_cast<std::int32_t>(hand_over.delivered(lcore) - last_qtail) >= 0;
  }
};

/// struct rps_dev_flow_table, of one rx queue; touched by that queue's lcore only. It is made anew when the queue moves to
/// another lcore, for its entries count packets of rings that begin at this one.
class DevFlows {
 public:
  DevFlows() = default;
  /// rps_flow_cnt: rounded up to a power of two; 0: RFS is off for this queue.
  explicit DevFlows(std::uint32_t entries);

  [[nodiscard]] bool is_on() const { return !flows_.empty(); }
  [[nodiscard]] DevFlow& at(std::uint32_t hash) { return flows_[hash & (flows_.size() - 1)]; }

 private:
  std::vector<DevFlow> flows_;
};

}  // namespace millrace::steer
