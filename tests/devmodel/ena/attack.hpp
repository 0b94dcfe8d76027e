// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/choices.hpp"
#include "tests/devmodel/ena/fault_plan.hpp"

namespace millrace::devmodel::ena {

/// Changes bytes from `from` on: one bit, or up to eight bytes.
[[nodiscard]] std::function<void(MutableBytes)> any_bytes(const Choices& choices, std::size_t from = 0);

/// A completion, an event or an answer with anything in it, later than its time or never. Of a receive completion an id of the ring
/// stays what it is: net_ena does not survive one whose buffer it has not ("ends the process"), nor a length of nothing in the middle
/// of a frame, after which it gives an id twice.
[[nodiscard]] Fault any_fault(const Choices& choices);

}  // namespace millrace::devmodel::ena
