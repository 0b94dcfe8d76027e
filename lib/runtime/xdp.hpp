// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/pkt/burst.hpp>

#include <cstdint>
#include <functional>

namespace millrace::runtime {

class Receive;

/// What becomes of a frame that an early hook has seen (receive_path G11).
enum class XdpAction : std::uint8_t { pass, drop, tx, redirect };
/// Sees a frame as the port brought it, before GRO; may rewrite it, and has set Meta::ifindex where it answers redirect.
using XdpHook = std::function<XdpAction(Env&, pkt::Packet&)>;

/// Shows each frame of the burst to the hook and leaves there what passes, in order.
void run_xdp(Env& env, const XdpHook& hook, pkt::Burst& burst, Receive& receive);

}  // namespace millrace::runtime
