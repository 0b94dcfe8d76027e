// SPDX-License-Identifier: BSD-3-Clause
// Writes asynchronous events. Called by Ena when something happens; calls the machine's memory. ena_admin_aenq_entry.
#include "tests/devmodel/ena/event_queue.hpp"

#include <algorithm>

namespace millrace::devmodel::ena {

bool EventQueue::post(const Event& event) {
  if (!wants(event.group) || !ring.exists() || ring.until(free_until_) == 0) return false;
  std::array<std::uint8_t, entry_bytes> told{};
  const std::uint64_t microseconds = machine_.now_ns() / 1000;
  put_le16(told, 0, static_cast<std::uint16_t>(event.group));
  put_le16(told, 2, event.syndrome);
  told[4] = ring.phase() ? 1 : 0;
  put_le64(told, 8, microseconds);
  std::copy(event.data.begin(), event.data.end(), told.begin() + 16);
  if (faults_.befall(Step::event, static_cast<std::uint64_t>(event.group), told) != Fate::happens) return true;
  const MutableBytes entry = machine_.dma(ring.here(), entry_bytes);
  if (entry.empty()) return false;
  std::copy(told.begin(), told.end(), entry.begin());
  ring.advance();
  return true;
}

void EventQueue::reset() {
  ring = Ring();
  enabled_groups = 0;
  free_until_ = 0;
}

}  // namespace millrace::devmodel::ena
