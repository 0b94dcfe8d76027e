// SPDX-License-Identifier: BSD-3-Clause
// The admin queue: fetches what the driver rang in, has it executed, answers. Called by the register AQ_DB; calls what
// executes a command. ena_admin_aq_entry, ena_admin_acq_entry.
#include "tests/devmodel/ena/admin_queue.hpp"

#include <algorithm>

namespace millrace::devmodel::ena {

Command::Command(ConstBytes entry) { std::copy_n(entry.begin(), entry_.size(), entry_.begin()); }

bool AdminQueue::doorbell(std::uint16_t tail) {
  if (!submission.exists() || !completion.exists()) {
    machine_.violation("ena: AQ_DB without admin queues");
    return false;
  }
  std::uint16_t waiting = submission.until(tail);
  if (waiting > submission.depth()) {
    machine_.violation("ena: AQ_DB beyond the queue's depth");
    return false;
  }
  bool completed = false;
  for (; waiting > 0; --waiting) {
    const Bytes entry = machine_.dma(submission.here(), admin_entry_bytes);
    if (entry.empty()) return completed;
    const Command command(entry);
    if (command.phase() != submission.phase()) {
      machine_.violation("ena: an admin command with the wrong phase");
      return completed;
    }
    submission.advance();
    if (!deaf) completed |= complete(command, execute_(command));
  }
  return completed;
}

bool AdminQueue::complete(const Command& command, const Response& response) {
  const Bytes entry = machine_.dma(completion.here(), admin_entry_bytes);
  if (entry.empty()) return false;
  std::copy(response.data.begin(), response.data.end(), entry.begin() + 8);
  put_le16(entry, 0, command.id());
  entry[2] = static_cast<std::uint8_t>(response.status);
  put_le16(entry, 4, 0);                   // extended_status
  put_le16(entry, 6, submission.index());  // sq_head_indx
  entry[3] = completion.phase() ? 1 : 0;   // the last that the device writes: with it the entry is the driver's
  completion.advance();
  return true;
}

}  // namespace millrace::devmodel::ena
