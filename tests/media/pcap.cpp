// SPDX-License-Identifier: BSD-3-Clause
// net_pcap on one end of a veth pair, and with a file for what it sends.
#include "tests/media/kernel.hpp"

namespace millrace::media {

std::vector<std::unique_ptr<conformance::Subject>> make_subjects() {
  enter_namespace();
  std::vector<std::unique_ptr<conformance::Subject>> all;
  all.push_back(std::make_unique<Veth>(Traits{.name = "interface", .driver = "net_pcap", .checksums = false, .tso = false, .has_rx_interrupts = false,
                                              .lacks = {{Lack::places, "pcap_ethdev.c: open_iface_live() leaves the size of its buffer to libpcap"}}},
                                       "net_pcap0", "iface=ours", 9000));
  return all;
}

}  // namespace millrace::media
