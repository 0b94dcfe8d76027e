// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>
#include <millrace/stats/lcore_stats.hpp>

#include <cstdint>

namespace millrace {

/// Where on its way a packet can be seen.
enum class TapPoint : std::uint8_t {
  driver,   ///< as the port brought it, before GRO and any hook
  gro,      ///< after GRO, before steering
  steered,  ///< on the lcore that processes it: where Linux's packet taps are
  socket,   ///< queued for a socket
  out,      ///< when it leaves the tx queue
  drop,     ///< dropped, with a reason
};
inline constexpr std::size_t tap_points = 6;

/// Who watches the packets of one lcore; on that lcore only.
class PacketTap {
 public:
  virtual ~PacketTap() = default;
  /// Looks at a packet, which stays as it is. `reason` says why where the point is `drop`.
  virtual void see(pkt::Packet& packet, TapPoint point, stats::DropReason reason) = 0;

  [[nodiscard]] bool wants(TapPoint point) const { return (points >> static_cast<unsigned>(point) & 1) != 0; }
  std::uint8_t points = 0;  ///< a bit for each that anybody watches
};

}  // namespace millrace
