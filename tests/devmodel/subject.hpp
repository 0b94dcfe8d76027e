// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/device.hpp"
#include "tests/devmodel/slot.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace millrace::devmodel {

/// What is known of a device before it is tried: what the suite has to find through the port.
struct Traits {
  std::string name;    ///< "virtio, packed ring"
  std::string driver;  ///< DPDK's name of it
  std::uint16_t queues = 1;
  std::uint16_t ring = 256;         ///< descriptors that are asked for
  std::uint16_t usable = 256;       ///< of them, frames that wait at most
  bool checksums = true;            ///< in both directions
  bool tso = true;
  bool hashes = false;              ///< RSS, with the hash in the packet
  bool has_rx_interrupts = true;
};

/// A device in its slot, and the end of its cable.
struct Subject {
  Traits traits;
  Slot slot;
  std::unique_ptr<Device> device;
  std::vector<Frame> wire;  ///< what came out of it
  std::function<std::unique_ptr<Device>()> make_device;
  /// A new device of its kind comes into the slot that the old one was pulled out of.
  void put_back() {
    auto next = make_device();
    slot.put_back(*next);
    device = std::move(next);
    connect();
  }
  void connect() {
    device->connect([this](Frame frame) { wire.push_back(std::move(frame)); });
  }
};

/// Those of this program, in their slots, with EAL started over them. Each program defines make_subjects() for its device.
[[nodiscard]] std::vector<std::unique_ptr<Subject>>& subjects();
[[nodiscard]] std::vector<std::unique_ptr<Subject>> make_subjects();
/// A subject whose model is `Model(slot, arguments...)`.
template <class Model, class... Arguments>
[[nodiscard]] std::unique_ptr<Subject> make_subject(Traits traits, const Arguments&... arguments) {
  auto subject = std::make_unique<Subject>();
  subject->traits = std::move(traits);
  subject->make_device = [&slot = subject->slot, arguments...] { return std::make_unique<Model>(slot, arguments...); };
  subject->device = subject->make_device();
  subject->slot.plug(*subject->device);
  subject->connect();
  return subject;
}

}  // namespace millrace::devmodel
