// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>
#include <millrace/wire/dhcp.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace millrace::dhcp {

/// Of a lease that does not end.
inline constexpr Duration for_ever = Duration::max();
[[nodiscard]] constexpr Instant after(Instant begin, Duration time) { return time == for_ever ? never : begin + time; }

/// What a server gives a host with an address: an offer or an acknowledgement whose values fit together.
struct Lease {
  IpPrefix address{};
  IpAddress server{};                             ///< server identifier
  IpAddress broadcast{};                          ///< unspecified: the prefix's
  std::uint32_t mtu = 0;                          ///< 576 or more; 0: not told
  std::vector<wire::ClasslessRoute> routes{};     ///< RFC 3442's or, without these, the default route by the first router
  std::vector<IpAddress> name_servers{};
  // From the request on; t1 < t2 < lasts, but for those that are for_ever.
  Duration t1{};                                  ///< the server is asked for more time
  Duration t2{};                                  ///< any server is
  Duration lasts{};
};

/// Null: it names no server or no time, or the address is none that a host can have.
[[nodiscard]] std::optional<Lease> lease_of(const wire::DhcpMessage& message);

}  // namespace millrace::dhcp
