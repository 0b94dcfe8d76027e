// SPDX-License-Identifier: BSD-3-Clause
// Starts EAL over the devices of a program. Called by the conformance suite.
#include "tests/devmodel/subject.hpp"

#include <millrace/runtime/eal.hpp>

#include <stdexcept>

namespace millrace::devmodel {

std::vector<std::unique_ptr<Subject>>& subjects() {
  // Never destroyed: EAL's interrupt thread may touch a device until the process ends.
  static auto& all = *[] {
    auto* const made = new std::vector<std::unique_ptr<Subject>>(make_subjects());
    runtime::EalConfig eal;
    for (const auto& subject : *made) eal.pci_devices.push_back(subject->slot.name());
    eal.extra = {"--iova-mode=va"};
    if (const auto started = runtime::eal_start(eal); !started) throw std::runtime_error(started.error().message);
    return made;
  }();
  return all;
}

}  // namespace millrace::devmodel
