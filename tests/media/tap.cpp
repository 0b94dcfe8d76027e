// SPDX-License-Identifier: BSD-3-Clause
// net_tap, with its interface as the far end.
#include "tests/media/kernel.hpp"

namespace millrace::media {
namespace {

class Tap final : public KernelMedium {
 public:
  using KernelMedium::KernelMedium;

  Result<void> attach(ethdev::Options options, const MakePort& make_port) override {
    options.name = "net_tap0";
    options.args = "iface=" + interface_.name();
    return make_port(options).map([this] { far_end_.emplace(interface_); });
  }
  void detach(const std::function<void()>& end_port) override {
    far_end_.reset();
    end_port();
  }
  void set_cable(bool up) override { interface_.set_up(up); }
  void lose() override {
    far_end_.reset();
    interface_.remove();
  }
  Return returns() const override { return Return::opened_anew; }

 private:
  test::KernelInterface interface_{"mr0"};
};

}  // namespace

std::vector<std::unique_ptr<conformance::Subject>> make_subjects() {
  enter_namespace();
  // What waits does so in the kernel, whose queue of a TAP has a thousand places.
  const Traits tap{.name = "four queues", .driver = "net_tap", .queues = 4, .usable = 1000, .checksums = false, .tso = false,
             .lacks = {{Lack::segments, "rte_eth_tap.c: tap_write_mbufs() sums a chain with an odd buffer wrongly, so its checksums and TSO are not used (profile.cpp)"}}};
  std::vector<std::unique_ptr<conformance::Subject>> all;
  all.push_back(std::make_unique<Tap>(tap));
  return all;
}

}  // namespace millrace::media
