// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/steer/arfs.hpp>
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

/// How many packets an lcore has ever queued for each lcore, and how many of those have been delivered: both wrap. Of the
/// lcore itself, what it passed up without a queue is in both.
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
  std::uint16_t filter = no_filter;  ///< the port's rule that brings the flow to this queue (receive_path F9)
  bool asked = false;                ///< a rule towards `lcore` was asked for: once, while the flow stays there

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
  [[nodiscard]] DevFlow& at(std::uint32_t hash) { return flows_[slot(hash)]; }
  [[nodiscard]] const DevFlow& at(std::uint32_t hash) const { return flows_[slot(hash)]; }
  /// Whether the flow has its entry or may take it over: no packet of another one's is under way, nor a rule of its in use.
  [[nodiscard]] bool may_have(std::uint32_t hash, const HandOver& hand_over) const;

  // The flow rules that lead to this queue.

  /// A rule brings the flow here, of which nothing is under way. Where another flow keeps the entry the rule expires soon.
  void take_rule(const Filter& filter, LcoreId here, const HandOver& hand_over);
  /// The rule is no more.
  void lose_rule(std::uint16_t id);
  /// rps_may_expire_flow(): the entry has gone to another flow, or 10 tables' worth of packets have gone by since the
  /// flow's last one.
  [[nodiscard]] bool may_expire(const Filter& filter, const HandOver& hand_over) const {
    const DevFlow& entry = at(filter.hash);
    return entry.hash != filter.hash || entry.filter != filter.id || is_idle(entry, hand_over);
  }
  [[nodiscard]] std::vector<Filter>& rules() { return rules_; }

 private:
  /// rfs_slot(): hash_32(), for RSS has chosen the queue by the low bits, which all of its flows have in common.
  [[nodiscard]] std::size_t slot(std::uint32_t hash) const { return std::uint64_t{hash * 0x61c88647u} >> shift_; }
  [[nodiscard]] std::uint32_t mask() const { return static_cast<std::uint32_t>(flows_.size()) - 1; }
  [[nodiscard]] bool is_idle(const DevFlow& entry, const HandOver& hand_over) const {
    return static_cast<std::int32_t>(hand_over.delivered(entry.lcore) - entry.last_qtail) >= static_cast<std::int32_t>(10 * mask());
  }

  std::vector<DevFlow> flows_;
  unsigned shift_ = 32;
  std::vector<Filter> rules_;
};

}  // namespace millrace::steer
