// SPDX-License-Identifier: BSD-3-Clause
// An 82576 that attacks DPDK's net_e1000_igb and our port on it: descriptors written back with anything in them, late, or never. Called by
// device_session.cpp. There is one thing in which this driver cannot but be believed: stopped in the midst of a frame of several buffers, it
// forgets those that it has (doc/drivers.md). So where frames have several, each receive descriptor is done in the end, and the port is
// stopped behind a frame that is whole.
#include "tests/devmodel/igb/attack.hpp"
#include "tests/devmodel/igb/igb.hpp"
#include "tests/fuzz/device_attacker.hpp"

using namespace millrace;
using namespace millrace::devmodel;
using igb::Igb;

std::vector<std::unique_ptr<Subject>> devmodel::make_subjects() {
  std::vector<std::unique_ptr<Subject>> all;
  all.push_back(make_subject<Igb>({.name = "82576"}));
  all.push_back(make_subject<Igb>({.name = "jumbo frames"}));
  return all;
}

namespace {

class IgbAttacker final : public fuzz::Attacker {
 public:
  explicit IgbAttacker(Subject& on) : Attacker(on), is_jumbo_(on.traits.name == "jumbo frames") {}

  ethdev::Options options() const override {
    ethdev::Options options;
    options.mtu = is_jumbo_ ? 9000 : 1500;
    return options;
  }
  bool can_be_stopped(bool) const override { return !is_jumbo_; }

  void strike(const Choices& choices) override {
    const bool receives = choices.once_in(2);
    const std::uint64_t nth = 1 + choices.below(4);
    subject.slot.faults().arm({.event = receives ? Event::rx_completion : Event::tx_completion, .fate = any_fate(choices, receives), .nth = nth});
  }

 private:
  [[nodiscard]] Fate any_fate(const Choices& choices, bool receives) const {
    const std::uint32_t kind = choices.below(32);
    if (kind == 30) return late(1 + choices.below(40));
    if (kind == 31) return is_jumbo_ && receives ? late(1) : lost();
    return receives ? igb::any_write_back(choices, !is_jumbo_) : igb::any_status(choices);
  }

  const bool is_jumbo_;
};

}  // namespace

std::unique_ptr<fuzz::Attacker> fuzz::make_attacker(Subject& subject) { return std::make_unique<IgbAttacker>(subject); }
