// SPDX-License-Identifier: BSD-3-Clause
// Device models as subjects of the conformance suite; starts EAL over those of a program. Called by the suite.
#include "tests/devmodel/subject.hpp"

#include <millrace/runtime/eal.hpp>

#include <stdexcept>

namespace millrace {
namespace {

std::vector<std::unique_ptr<conformance::Subject>> in_their_slots() {
  runtime::EalConfig eal;
  std::vector<std::unique_ptr<conformance::Subject>> all;
  for (auto& subject : devmodel::make_subjects()) {
    eal.pci_devices.push_back(subject->slot.name());
    all.push_back(std::move(subject));
  }
  eal.extra = {"--iova-mode=va"};
  if (const auto started = runtime::eal_start(eal); !started) throw std::runtime_error(started.error().message);
  return all;
}

}  // namespace

const std::vector<std::unique_ptr<conformance::Subject>>& conformance::subjects() {
  static const auto& all = *new std::vector<std::unique_ptr<Subject>>(in_their_slots());
  return all;
}

namespace devmodel {

std::vector<Subject*> subjects() {
  std::vector<Subject*> all;
  for (const auto& subject : conformance::subjects()) all.push_back(static_cast<Subject*>(subject.get()));
  return all;
}

Result<void> Subject::attach(ethdev::Options options, const MakePort& make_port) {
  hear_faults();
  wire.clear();
  options.name = slot.name();
  return make_port(options);
}

void Subject::put_back() {
  auto next = make_device();
  slot.put_back(*next);
  device = std::move(next);
  connect();
}

std::optional<conformance::Counts> Subject::counts() const {
  const Counts c = device->counts();
  return conformance::Counts{.rx_frames = c.rx_frames, .rx_bytes = c.rx_bytes, .rx_no_buffer = c.rx_no_buffer, .tx_frames = c.tx_frames, .tx_bytes = c.tx_bytes};
}

}  // namespace devmodel
}  // namespace millrace
