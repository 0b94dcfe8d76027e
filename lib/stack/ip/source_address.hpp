// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/neighbor/interface.hpp>

#include <optional>
#include <span>

namespace millrace::ip {

/// The host's own address to send to `destination` from, which leaves by `out` to `next_hop`. IPv6: RFC 6724 section 5, of
/// the addresses of all interfaces, or of `out` alone for destinations on its link and for groups. IPv4: the first of
/// `out` on the next hop's prefix, else the first of `out`, else the first of any (inet_select_addr). Null: there is none.
[[nodiscard]] std::optional<IpAddress> choose_source(std::span<neighbor::Interface* const> interfaces, const neighbor::Interface& out,
                                                     const IpAddress& destination, const IpAddress& next_hop);

}  // namespace millrace::ip
