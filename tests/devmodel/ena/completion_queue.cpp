// SPDX-License-Identifier: BSD-3-Clause
// Completion write-back and the interrupts of I/O queues. Called by Ena for each packet and by the unmask registers; calls the
// machine's memory and its interrupts.
#include "tests/devmodel/ena/completion_queue.hpp"

#include <algorithm>
#include <utility>

namespace millrace::devmodel::ena {
namespace {

constexpr unsigned intr_unmask_bit = 30;
constexpr std::size_t tx_completion_bytes = 8;

}  // namespace

void CompletionQueue::mark(MutableBytes completion) const { completion[3] = static_cast<std::uint8_t>((completion[3] & ~1U) | (ring_.phase() ? 1U : 0U)); }

void CompletionQueue::post(MutableBytes completion) {
  mark(completion);
  const Fate fate = faults_.befall(ring_.entry_bytes() == tx_completion_bytes ? Step::tx_completion : Step::rx_completion, 0, completion);
  if (fate == Fate::late) late_.emplace_back(completion.begin(), completion.end());
  if (fate == Fate::happens) put(completion);
}

void CompletionQueue::release_late() {
  for (auto& completion : std::exchange(late_, {})) {
    mark(completion);
    put(completion);
  }
}

void CompletionQueue::put(Bytes completion) {
  const MutableBytes entry = machine_.dma(ring_.here(), ring_.entry_bytes());
  if (entry.empty()) return;
  std::copy(completion.begin(), completion.end(), entry.begin());
  ring_.advance();
  unannounced_ = true;
  if (masked_ || !vector_) return;
  masked_ = true;
  unannounced_ = false;
  machine_.interrupt(*vector_);
}

void CompletionQueue::write_interrupt_control(std::uint32_t control) {
  masked_ = !bit(control, intr_unmask_bit);
  // What came between the driver's last look and this write must not wait for the next packet.
  if (masked_ || !unannounced_ || !vector_) return;
  masked_ = true;
  unannounced_ = false;
  machine_.interrupt(*vector_);
}

}  // namespace millrace::devmodel::ena
