// SPDX-License-Identifier: BSD-3-Clause
// The admin queue: fetches what the driver rang in, has it executed, answers. Called by the register AQ_DB; calls what
// executes a command. ena_admin_aq_entry, ena_admin_acq_entry.
#include "tests/devmodel/ena/admin_queue.hpp"

#include <algorithm>
#include <utility>

namespace millrace::devmodel::ena {

Command::Command(Bytes entry) { std::copy_n(entry.begin(), entry_.size(), entry_.begin()); }

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
    const MutableBytes entry = machine_.dma(submission.here(), admin_entry_bytes);
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
  Entry answer{};
  std::copy(response.data.begin(), response.data.end(), answer.begin() + 8);
  put_le16(answer, 0, command.id());
  answer[2] = static_cast<std::uint8_t>(response.status);
  answer[3] = completion.phase() ? 1 : 0;
  put_le16(answer, 6, submission.index());  // sq_head_indx
  const Fate fate = faults_.befall(Step::admin_answer, static_cast<std::uint64_t>(command.opcode()), answer);
  if (fate == Fate::late) late_.push_back(answer);
  return fate == Fate::happens && put(answer);
}

bool AdminQueue::put(const Entry& answer) {
  const MutableBytes entry = machine_.dma(completion.here(), admin_entry_bytes);
  if (entry.empty()) return false;
  std::copy(answer.begin(), answer.begin() + 3, entry.begin());
  std::copy(answer.begin() + 4, answer.end(), entry.begin() + 4);
  entry[3] = answer[3];  // the last that the device writes: with its phase the entry is the driver's
  completion.advance();
  return true;
}

bool AdminQueue::release_late() {
  bool completed = false;
  for (Entry& answer : std::exchange(late_, {})) {
    answer[3] = completion.phase() ? 1 : 0;
    completed |= completion.exists() && put(answer);
  }
  return completed;
}

void AdminQueue::reset() {
  submission = completion = Ring();
  late_.clear();
}

}  // namespace millrace::devmodel::ena
