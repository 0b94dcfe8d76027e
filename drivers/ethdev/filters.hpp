// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/ethdev/profile.hpp"

#include <millrace/base/result.hpp>
#include <millrace/wire/address.hpp>

#include <bitset>
#include <cstdint>
#include <optional>
#include <vector>

namespace millrace::ethdev {

using VlanTable = std::bitset<4096>;

/// What a port lets in beyond frames to its address and to all; as it stands here, what it lets in at first.
struct Filters {
  bool promiscuous = false;
  bool allmulticast = true;
  std::vector<MacAddress> groups{};
  std::optional<VlanTable> vlans{};  ///< null: none was asked for; all come in, but where a device begins without any
};

/// Has a device that has just been started let in what it lets in at first. Returns DPDK's code.
[[nodiscard]] int open_filters(std::uint16_t port_id, const Profile& profile);

/// Has a device that lets in `now` let in `wanted`. EOPNOTSUPP: it cannot choose; ENOSPC: it cannot keep so many groups; or what else the
/// driver says. After an error it may have done a part of it: writing from `wanted` back to `now` undoes that.
[[nodiscard]] Result<void> write_filters(std::uint16_t port_id, const Profile& profile, const Filters& now, const Filters& wanted);

}  // namespace millrace::ethdev
