// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::ip {

/// Where packets can be judged on their way through IP: NF_INET_PRE_ROUTING and the others (receive_path H2).
enum class Hook : std::uint8_t {
  pre_routing,   ///< received, its header checked, not yet routed
  local_in,      ///< for this host; IPv4: whole
  forward,       ///< for another host, its TTL already one less
  local_out,     ///< sent by this host
  post_routing,  ///< about to leave, forwarded or sent; not yet cut
};
inline constexpr std::size_t hook_count = 5;

/// NF_DROP and the others.
enum class HookVerdict : std::uint8_t {
  drop,
  accept,  ///< the next one judges
  queue,   ///< it waits for a verdict that is given later
  stolen,  ///< the function has moved the packet away
};

}  // namespace millrace::ip
