// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/udp/socket.hpp>

namespace millrace::udp {

/// How well a socket fits a datagram to `local` from `remote`: 0 not at all, else more for a socket that is connected,
/// then for one bound to this very address, then for one of the same family (compute_score() of net/ipv4/udp.c).
[[nodiscard]] int match(const Socket& socket, const Endpoint& local, const Endpoint& remote);

/// Whether the socket's binding lets it send to this address at all: the family must fit.
[[nodiscard]] bool may_talk_to(const Socket& socket, const IpAddress& address);

/// ip_mc_sf_allow(): whether the socket hears what that source sent to the group by that interface.
[[nodiscard]] bool hears_group(const Socket& socket, const IpAddress& group, const IpAddress& source, std::uint16_t ifindex);

}  // namespace millrace::udp
