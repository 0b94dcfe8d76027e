// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/grace.hpp>

#include <cstdint>
#include <memory>

struct rte_rcu_qsbr;

namespace millrace::runtime {

/// Read-copy-update by quiescent states (receive_path O6; DPDK's rte_rcu_qsbr). A reader holds nothing from before its
/// last quiescent state: an lcore says so once a pass, and is offline while it sleeps. Readers never wait.
class Rcu final : public GracePeriods {
 public:
  /// Readers are 0..readers-1, all offline.
  explicit Rcu(std::uint16_t readers);
  ~Rcu() override;
  Rcu(const Rcu&) = delete;
  Rcu& operator=(const Rcu&) = delete;

  // The reader, by its own thread.

  /// Begins to read.
  void online(std::uint16_t reader);
  /// Reads no more, until online().
  void offline(std::uint16_t reader);
  /// Has let go of everything that it has read. One load when nobody waits for that.
  void quiescent(std::uint16_t reader);

  // Who replaces something, a control thread.

  /// Begins a grace period: it is over when each reader that is online now has been quiescent or offline since.
  [[nodiscard]] std::uint64_t start() override;
  [[nodiscard]] bool is_over(std::uint64_t grace_period) const override;
  /// synchronize_rcu(): waits for a grace period. Not from a reader that is online: it would wait for itself.
  void synchronize();

 private:
  struct Free {
    void operator()(rte_rcu_qsbr* qsbr) const;
  };
  std::unique_ptr<rte_rcu_qsbr, Free> qsbr_;
};

/// One reader's part of it; made without an Rcu it does nothing.
class RcuReader {
 public:
  RcuReader() = default;
  RcuReader(Rcu& rcu, std::uint16_t id) : rcu_(&rcu), id_(id) {}
  void online() { if (rcu_ != nullptr) rcu_->online(id_); }
  void offline() { if (rcu_ != nullptr) rcu_->offline(id_); }
  void quiescent() { if (rcu_ != nullptr) rcu_->quiescent(id_); }

 private:
  Rcu* rcu_ = nullptr;
  std::uint16_t id_ = 0;
};

}  // namespace millrace::runtime
