// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/pkt/packet.hpp>

#include <cstdint>
#include <optional>

namespace millrace::pkt {

// When the device received a packet, by the device's own clock and in its unit, nanoseconds with most. DPDK's drivers put
// it into a field of the buffer that is registered once for the process (receive_path L7).

/// Registers the field, if nobody has; EAL is up. Control path. ENOSPC or ENOMEM: there is no room for it.
[[nodiscard]] Result<void> register_rx_stamps();
/// The bit of Mbuf::ol_flags that says that the field is set; 0: it is not registered.
[[nodiscard]] std::uint64_t rx_stamp_flag();

[[nodiscard]] std::optional<std::uint64_t> rx_stamp(const Mbuf& m);
/// Nothing when the field is not registered.
void set_rx_stamp(Mbuf& m, std::uint64_t stamp);
/// `to` has the stamp of `from`, or none if that has none.
void copy_rx_stamp(const Mbuf& from, Mbuf& to);

/// When a packet was received: by our clock, and by the device's if that stamps.
struct RxTimes {
  Instant software{};
  std::optional<std::uint64_t> hardware{};
};
[[nodiscard]] inline RxTimes rx_times(const Packet& packet) { return {packet.meta().rx_time, rx_stamp(packet.mbuf())}; }

}  // namespace millrace::pkt
