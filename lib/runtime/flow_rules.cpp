// SPDX-License-Identifier: BSD-3-Clause
// An lcore's requests for flow rules. Called by Steer (ask), by the control path and by the timing wheel; calls
// Steer::expire_rules(). receive_path F9.
#include <millrace/runtime/flow_rules.hpp>

namespace millrace::runtime {

bool FlowRules::ask(const steer::RuleRequest& request) {
  if (!requests_.enqueue(request)) return false;
  tell_();
  return true;
}

void FlowRules::watch() {
  if (!timer_.is_armed()) env_.wheel->arm(timer_, env_.now + period);
}

void FlowRules::look(void* self, Instant) {
  auto& rules = *static_cast<FlowRules*>(self);
  if (rules.steer_.expire_rules()) rules.watch();
}

}  // namespace millrace::runtime
