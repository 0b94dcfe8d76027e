// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// What an address is good for (RFC 4862): tentative and duplicate ones are not used, with deprecated ones nothing is begun.
enum class AddressState : std::uint8_t { tentative, preferred, deprecated, duplicate };

/// One line of `ip addr`. Lifetimes by the engine's clock; `never`: for ever.
struct HostAddress {
  IpPrefix address{};
  std::string dev{};
  AddressState state = AddressState::preferred;
  Instant preferred_until = never;
  Instant valid_until = never;
};

/// A name server that a router or a DHCP server named, for as long as it holds.
struct NameServer {
  IpAddress address{};
  std::string dev{};
  Instant until = never;
};

/// One line of /proc/net/igmp or igmp6: a group that the stack is in.
struct HostGroup {
  IpAddress group{};
  std::string dev{};
  std::uint32_t users = 0;            ///< listeners, on the first lcore and, as one each, on the others
  std::uint8_t querier_version = 3;   ///< of IGMP 1 to 3, of MLD 1 or 2
};

}  // namespace millrace
