// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <cstdint>

namespace millrace::wire {

/// ethtool -N flow-type udp4 ... action N: a NIC brings the packets of one flow to one rx queue, whatever RSS says.
struct FlowRule {
  FlowKey flow;  ///< of TCP or UDP, as the receiver sees it: local is the destination. FlowKey::stack does not count
  std::uint16_t queue = 0;
  bool operator==(const FlowRule&) const = default;
};

}  // namespace millrace::wire
