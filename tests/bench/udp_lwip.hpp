// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/udp_load.hpp"

struct rte_mbuf;

namespace millrace::bench {
/// lwIP forms its checksums as Debian's build of it does, and not by rte_raw_cksum.
extern bool lwip_sums_itself;
}  // namespace millrace::bench

namespace millrace::bench::peer {

/// lwIP with the same address, port and work, through its raw API: the buffers of a burst are given to its input as custom
/// pbufs, without a copy. As Debian builds it, but for what a port may choose: it takes no locks, for one thread is all
/// there is, and sums with rte_raw_cksum. There is one in a process.
class Lwip {
 public:
  using Buffer = rte_mbuf;
  /// Compiled in: its headers were there.
  [[nodiscard]] static bool is_there();
  explicit Lwip(UdpWork work);
  ~Lwip();
  Lwip(const Lwip&) = delete;
  Lwip& operator=(const Lwip&) = delete;

  void receive(std::span<rte_mbuf* const> packets);
  /// Sends that much `times`, to whom the last datagram came from.
  void send(std::span<const std::uint8_t> bytes, unsigned times);
  [[nodiscard]] const UdpTotals& totals() const;
  void verify(std::vector<FrameBytes>* sent);
};

}  // namespace millrace::bench::peer
