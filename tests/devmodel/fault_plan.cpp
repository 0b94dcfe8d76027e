// SPDX-License-Identifier: BSD-3-Clause
// Faults by plan: the nth event of a kind is lost, late or altered. Asked by models and slots, armed by tests.
#include "tests/devmodel/fault_plan.hpp"

#include <algorithm>
#include <utility>

namespace millrace::devmodel {

void FaultPlan::clear() {
  armed_.clear();
  late_.clear();
  log_.clear();
}

void FaultPlan::release_late() {
  for (const Late& late : std::exchange(late_, {}))
    if (late.then) late.then();
}

// What is due happens before the event that it waited for, and outside the list: it may reset the device.
void FaultPlan::pass_time(Event event) {
  std::vector<Late> due;
  for (Late& late : late_)
    if (late.event == event && --late.left == 0) due.push_back(late);
  std::erase_if(late_, [](const Late& late) { return late.left == 0; });
  for (const Late& late : due)
    if (late.then) late.then();
}

// All faults count the event; the first one whose turn it is decides.
const Fate* FaultPlan::next_fate(Event event, std::uint64_t at) {
  const Fate* fate = nullptr;
  for (Armed& armed : armed_) {
    if (armed.fault.event != event || (armed.fault.at && *armed.fault.at != at)) continue;
    const std::uint64_t number = ++armed.seen;
    if (fate == nullptr && number >= armed.fault.nth && number - armed.fault.nth < armed.fault.times) fate = &armed.fault.fate;
  }
  return fate;
}

bool FaultPlan::allows(Event event, std::uint64_t at, std::span<std::uint8_t> bytes, std::function<void()> then) {
  if (armed_.empty() && late_.empty()) return true;
  pass_time(event);
  const Fate* const fate = next_fate(event, at);
  if (fate == nullptr) return true;
  log_.push_back({event, at, fate->kind});
  if (fate->kind == Fate::Kind::altered) fate->change(bytes);
  if (fate->kind == Fate::Kind::late) late_.push_back({event, fate->by, std::move(then)});
  return fate->kind == Fate::Kind::altered;
}

}  // namespace millrace::devmodel
