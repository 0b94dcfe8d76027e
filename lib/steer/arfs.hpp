// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/steer/rps_map.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>

// Accelerated RFS (receive_path F9): the NIC brings a flow to the queue of the lcore that reads it. What an lcore and the
// control path, which alone changes a port's flow rules, tell each other.
namespace millrace::steer {

/// RPS_NO_FILTER: no flow rule has this id.
inline constexpr std::uint16_t no_filter = 0xffff;

/// What an lcore asks for: ndo_rx_flow_steer() or, `expired`, the end of a rule.
struct RuleRequest {
  FlowKey flow{};
  std::uint32_t hash = 0;
  std::uint16_t ifindex = 0;
  std::uint16_t rx_queue = 0;  ///< where the flow's packets arrive now
  LcoreId lcore = 0;           ///< who should receive them; of no meaning when expired
  bool expired = false;
};

/// Where an lcore asks. Never waits.
class RuleRequests {
 public:
  virtual ~RuleRequests() = default;
  /// False: there is no room for it now, and it may be asked again.
  [[nodiscard]] virtual bool ask(const RuleRequest& request) = 0;
};

/// A flow rule, as the rx queue knows it to which it brings a flow.
struct Filter {
  FlowKey flow{};
  std::uint32_t hash = 0;
  std::uint16_t id = no_filter;
  bool leaving = false;  ///< its end was asked for
};

/// A flow that changes its rx queue: where it arrives behind the change, its packets wait for those that arrived before.
struct Switch {
  FlowKey flow{};
  std::uint16_t ifindex = 0;
  std::uint16_t rx_queue = 0;  ///< the rule's
  bool comes = false;          ///< to that queue, and waits there; else it goes from there, and waits elsewhere
};

}  // namespace millrace::steer
