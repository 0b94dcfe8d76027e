// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/neighbor/interface.hpp>

#include <optional>

namespace millrace::neighbor {

inline constexpr MacAddress broadcast_mac{{255, 255, 255, 255, 255, 255}};

/// 255.255.255.255 or the broadcast address of one of the interface's IPv4 prefixes (RFC 919; none below /31, RFC
/// 3021).
[[nodiscard]] bool is_broadcast(const Interface& interface, const IpAddress& address);

/// The MAC that frames for a multicast (RFC 1112 section 6.4, RFC 2464 section 7) or broadcast address go to; null
/// for a unicast one, which has to be resolved.
[[nodiscard]] std::optional<MacAddress> group_mac(const Interface& interface, const IpAddress& address);

/// The interface's own address to talk to `destination` with: of its family and, for IPv6, its scope (RFC 6724
/// section 5, rule 2), on its prefix if there is one; null when it has none.
[[nodiscard]] std::optional<IpAddress> own_address_towards(const Interface& interface, const IpAddress& destination);

}  // namespace millrace::neighbor
