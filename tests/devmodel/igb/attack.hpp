// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/choices.hpp"
#include "tests/devmodel/fault_plan.hpp"

namespace millrace::devmodel::igb {

/// A receive descriptor written back with anything in it. One that is not done, at which its queue ends, is rare; without `may_end`
/// there is none.
[[nodiscard]] Fate any_write_back(const Choices& choices, bool may_end = true);

/// The same of a transmit descriptor.
[[nodiscard]] Fate any_status(const Choices& choices);

}  // namespace millrace::devmodel::igb
