// SPDX-License-Identifier: BSD-3-Clause
// An ENA that attacks DPDK's net_ena and our port on it: completions, the AENQ and answered statistics with anything in them, late, or
// never. Called by device_session.cpp. What the driver cannot but believe stays true, as attack.hpp says: an id of the rx ring is one that it
// has given, and no buffer in the midst of a frame is empty. What the device is, and its other answers, are not the attack's.
#include "tests/devmodel/ena/attack.hpp"
#include "tests/devmodel/ena/ena.hpp"
#include "tests/fuzz/device_attacker.hpp"

#include <millrace/base/assert.hpp>

#include <rte_alarm.h>

#include <future>

using namespace millrace;
using namespace millrace::devmodel;
using ena::Ena;
using ena::Profile;

std::vector<std::unique_ptr<Subject>> devmodel::make_subjects() {
  std::vector<std::unique_ptr<Subject>> all;
  all.push_back(make_subject<Ena>({.name = "low latency queues"}, Profile{}));
  all.push_back(make_subject<Ena>({.name = "rings in host memory, jumbo frames"}, Profile{.llq = false}));
  return all;
}

namespace {

class EnaAttacker final : public fuzz::Attacker {
 public:
  explicit EnaAttacker(Subject& on) : Attacker(on), device_(dynamic_cast<Ena&>(*on.device)) { EnaAttacker::mend(); }

  ethdev::Options options() const override {
    ethdev::Options options;
    options.mtu = subject.traits.name.ends_with("jumbo frames") ? 9000 : 1500;
    return options;
  }

  void strike(const Choices& choices) override {
    if (choices.once_in(8)) return device_.keep_alive();
    if (choices.once_in(8)) return device_.update_hints({.driver_watchdog_timeout_ms = choices.any<std::uint16_t>(), .missing_tx_completion_timeout_ms = choices.any<std::uint16_t>()});
    device_.arm(ena::any_fault(choices));
  }
  void release_late() override { device_.release_late(); }
  // Its keep-alives come when the input says so, and not by the clock.
  void mend() override {
    device_.repair();
    device_.stop_keep_alive(true);
  }
  // Events are read by EAL's interrupt thread: what was there before an alarm is done when a second one is.
  void settle() override {
    for (int i = 0; i < 2; ++i) {
      std::promise<void> done;
      MR_ASSERT(rte_eal_alarm_set(1, [](void* promise) { static_cast<std::promise<void>*>(promise)->set_value(); }, &done) == 0);
      done.get_future().wait();
    }
  }

 private:
  Ena& device_;
};

}  // namespace

std::unique_ptr<fuzz::Attacker> fuzz::make_attacker(Subject& subject) { return std::make_unique<EnaAttacker>(subject); }
