// SPDX-License-Identifier: BSD-3-Clause
// net_af_xdp on one end of a veth pair.
#include "tests/media/kernel.hpp"

namespace millrace::media {

namespace {

constexpr const char* never_freed = "rte_eth_af_xdp.c: eth_dev_close() takes 1 from the count of its umem's users twice, and so never frees it";

/// On an interface of its own each time: the socket of a port that was closed holds the queue for ever.
class Xdp final : public Veth {
 public:
  using Veth::Veth;
  Result<void> attach(ethdev::Options options, const MakePort& make_port) override {
    lose();
    give_back();
    return Veth::attach(std::move(options), make_port);
  }
};

}  // namespace

std::vector<std::unique_ptr<conformance::Subject>> make_subjects() {
  enter_namespace();
  // Its fill queue has 2048 places, whatever ring is asked for (ETH_AF_XDP_DFLT_NUM_DESCS).
  const Traits xdp{.name = "one queue", .driver = "net_af_xdp", .ring = 2048, .usable = 2048, .checksums = false, .tso = false, .has_rx_interrupts = false,
                   .lacks = {{Lack::buffers_back, never_freed}, {Lack::reset, never_freed}}};
  std::vector<std::unique_ptr<conformance::Subject>> all;
  all.push_back(std::make_unique<Xdp>(xdp, "net_af_xdp0", "iface=ours"));
  return all;
}

}  // namespace millrace::media
