// SPDX-License-Identifier: BSD-3-Clause
// net_af_packet on one end of a veth pair.
#include "tests/media/kernel.hpp"

namespace millrace::media {

std::vector<std::unique_ptr<conformance::Subject>> make_subjects() {
  enter_namespace();
  // 512 frames, whatever ring is asked for (DFLT_FRAME_COUNT).
  Traits one{.name = "one queue", .driver = "net_af_packet", .usable = 512, .checksums = false, .tso = false, .has_rx_interrupts = false};
  Traits two = one;
  two.name = "two queues";
  two.queues = 2;
  // The kernel spreads over all of a device's queues, used or not: it has as many as the port asks for.
  std::vector<std::unique_ptr<conformance::Subject>> all;
  all.push_back(std::make_unique<Veth>(one, "net_af_packet0", "iface=ours,qdisc_bypass=1"));
  all.push_back(std::make_unique<Veth>(two, "net_af_packet0", "iface=ours,qdisc_bypass=1"));
  return all;
}

}  // namespace millrace::media
