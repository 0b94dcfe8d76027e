// SPDX-License-Identifier: BSD-3-Clause
// A virtio-net device that attacks DPDK's net_virtio and our port on it, on split and packed rings. Called by device_session.cpp. What the
// driver cannot but believe stays true, as attack.hpp says: ids; with checksum offload, that no received sum is to be finished, and no
// length is beyond 64 KiB. Where received frames lie in several buffers there is no such offload: any of them may be taken for a frame's
// first, and its bytes for a header. The control queue answers, for it is waited for without end.
#include "tests/devmodel/virtio/attack.hpp"
#include "tests/devmodel/virtio/net.hpp"
#include "tests/fuzz/device_attacker.hpp"

using namespace millrace;
using namespace millrace::devmodel;
using virtio::Net;
using virtio::Trust;

std::vector<std::unique_ptr<Subject>> devmodel::make_subjects() {
  std::vector<std::unique_ptr<Subject>> all;
  all.push_back(make_subject<Net>({.name = "split ring"}, Net::Options{.queue_size = 64}));
  all.push_back(make_subject<Net>({.name = "packed ring"}, Net::Options{.queue_size = 128, .packed = true}));
  all.push_back(make_subject<Net>({.name = "split ring, jumbo frames, without offloads"}, Net::Options{.queue_size = 64, .mtu = 9000, .checksums = false, .tso = false}));
  all.push_back(make_subject<Net>({.name = "packed ring, without offloads"}, Net::Options{.queue_size = 128, .packed = true, .checksums = false, .tso = false}));
  return all;
}

namespace {

class VirtioAttacker final : public fuzz::Attacker {
 public:
  explicit VirtioAttacker(Subject& on) : Attacker(on), is_jumbo_(on.traits.name.find("jumbo") != std::string::npos), trust_(on.traits.name.ends_with("without offloads") ? Trust::ids : Trust::frames) {}

  ethdev::Options options() const override {
    ethdev::Options options;
    options.mtu = is_jumbo_ ? 9000 : 1500;
    options.checksum_offload = trust_ == Trust::frames;
    return options;
  }

  bool can_be_stopped(bool is_dry) const override { return !is_dry || subject.traits.name.starts_with("split"); }

  void strike(const Choices& choices) override {
    const std::uint32_t kind = choices.below(8);
    const std::uint64_t nth = 1 + choices.below(4);
    if (kind == 7) return subject.slot.faults().arm({.event = Event::interrupt, .nth = nth});
    if (kind < 3) return subject.slot.faults().arm({.event = Event::data, .fate = any_packet(choices, trust_), .nth = nth, .at = 0});
    subject.slot.faults().arm({.event = kind < 6 ? Event::rx_completion : Event::tx_completion, .fate = any_completion(choices, trust_), .nth = nth});
  }

 private:
  const bool is_jumbo_;
  const Trust trust_;
};

}  // namespace

std::unique_ptr<fuzz::Attacker> fuzz::make_attacker(Subject& subject) { return std::make_unique<VirtioAttacker>(subject); }
