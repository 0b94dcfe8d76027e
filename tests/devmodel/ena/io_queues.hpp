// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/ena/completion_queue.hpp"
#include "tests/devmodel/ena/rx_queue.hpp"
#include "tests/devmodel/ena/tx_queue.hpp"

#include <optional>
#include <vector>

namespace millrace::devmodel::ena {

/// The I/O queues that there are, and the admin commands that make and end them. Submission queues are numbered by direction:
/// that DESTROY_SQ names the direction beside the index says so.
class IoQueues {
 public:
  IoQueues(Machine& machine, FaultPlan& faults, const Profile& profile);

  Response create_cq(const Command& command);
  Response destroy_cq(const Command& command);
  Response create_sq(const Command& command, const LlqConfig& llq);
  Response destroy_sq(const Command& command);
  void destroy_all();
  void release_late();

  /// Null: there is none of that number.
  CompletionQueue* completions(std::size_t index) { return of(completions_, index); }
  RxQueue* receive(std::size_t index) { return of(receive_, index); }
  TxQueue* transmit(std::size_t index) { return of(transmit_, index); }

 private:
  template <typename Queue>
  static Queue* of(std::vector<std::optional<Queue>>& queues, std::size_t index) {
    return index < queues.size() && queues[index] ? &*queues[index] : nullptr;
  }

  Response create_rx(const Command& command);
  Response create_tx(const Command& command, const LlqConfig& llq);
  [[nodiscard]] bool in_use(std::uint16_t cq) const;

  Machine& machine_;
  FaultPlan& faults_;
  const Profile& profile_;
  std::vector<std::optional<CompletionQueue>> completions_;
  std::vector<std::optional<RxQueue>> receive_;
  std::vector<std::optional<TxQueue>> transmit_;
};

}  // namespace millrace::devmodel::ena
