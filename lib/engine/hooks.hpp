// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>
#include <millrace/stack/ip/hook.hpp>

#include <cstdint>
#include <functional>
#include <string_view>

namespace millrace {

using ip::Hook;
using ip::HookVerdict;

/// Where a packet is (receive_path H2): the hook, and the interfaces that it came in by and leaves by, as far as they are known
/// there.
struct HookPlace {
  Hook hook = Hook::pre_routing;
  std::string_view in;
  std::string_view out;
};

/// An application's struct nf_hook_ops.
struct HookFunction {
  Hook hook = Hook::pre_routing;
  int priority = 0;  ///< the lowest is asked first; the rules stand at 0, before functions of that priority that come later
  /// Called on the packet's lcore, data() at its IP header. With `stolen` it has moved the packet away, and ends it with
  /// pkt::consume().
  std::function<HookVerdict(std::uint16_t lcore, const HookPlace&, pkt::Packet&)> func;
};

/// Hears of each packet that is to wait for a verdict (HookVerdict::queue): Engine::reinject() gives it, by lcore and number.
/// Called on the packet's lcore; the packet stays where it is. At most 1024 wait on an lcore.
using HookQueue = std::function<void(std::uint16_t lcore, std::uint32_t number, const HookPlace&, const pkt::Packet&)>;

/// What a rule has fitted, on all lcores.
struct RuleCount {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

}  // namespace millrace
