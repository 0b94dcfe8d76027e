// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/conformance/subject.hpp"
#include "tests/devmodel/device.hpp"
#include "tests/devmodel/slot.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace millrace::devmodel {

using conformance::Traits;

/// A device model in its slot, and the end of its cable.
class Subject final : public conformance::Subject {
 public:
  explicit Subject(Traits what) : conformance::Subject(with_cable(std::move(what))) {}

  Result<void> attach(ethdev::Options options, const MakePort& make_port) override;
  bool inject(std::span<const std::uint8_t> frame) override { return device->receive(frame); }
  std::vector<Frame> sent(std::size_t) override { return std::exchange(wire, {}); }
  std::optional<conformance::Counts> counts() const override;
  bool is_immediate() const override { return true; }
  std::vector<std::string> violations() const override { return slot.violations(); }
  void set_cable(bool up) override { device->set_link(up); }

  bool pull_out() override {
    slot.pull_out();
    return true;
  }
  void put_back() override;
  void connect() {
    device->connect([this](Frame frame) { wire.push_back(std::move(frame)); });
  }

  Slot slot;
  std::unique_ptr<Device> device;
  std::vector<Frame> wire;  ///< what came out of it
  std::function<std::unique_ptr<Device>()> make_device;

 private:
  static Traits with_cable(Traits what) {
    what.lacks[conformance::Lack::far_end] = "a cable's far end is known by the link alone";
    return what;
  }
};

/// Those of this program, in their slots, with EAL started over them. Each program defines make_subjects() for its device.
[[nodiscard]] std::vector<Subject*> subjects();
[[nodiscard]] std::vector<std::unique_ptr<Subject>> make_subjects();
/// A subject whose model is `Model(slot, arguments...)`.
template <class Model, class... Arguments>
[[nodiscard]] std::unique_ptr<Subject> make_subject(Traits traits, const Arguments&... arguments) {
  auto subject = std::make_unique<Subject>(std::move(traits));
  subject->make_device = [&slot = subject->slot, arguments...] { return std::make_unique<Model>(slot, arguments...); };
  subject->device = subject->make_device();
  subject->slot.plug(*subject->device);
  subject->connect();
  return subject;
}

}  // namespace millrace::devmodel
