// SPDX-License-Identifier: BSD-3-Clause
// What DPDK's PCI bus and drivers ask of the kernel: their calls end here, for the program's own symbols come before the
// libraries'. Those that are about a Slot it answers; all others go on to DPDK.
#include "drivers/ethdev/bus_device.hpp"
#include "tests/devmodel/slot.hpp"

#include <dlfcn.h>
#include <sys/types.h>

#include <cstdio>
#include <cstdlib>

using millrace::ethdev::BusDevice;
using millrace::devmodel::Slot;

namespace {

template <class Function>
Function* next(const char* name) {
  void* const symbol = dlsym(RTLD_NEXT, name);
  if (symbol == nullptr) {
    std::fprintf(stderr, "devmodel: DPDK has no %s\n", name);
    std::abort();
  }
  return reinterpret_cast<Function*>(symbol);
}

}  // namespace

extern "C" {

int rte_pci_map_device(BusDevice* device) {
  if (Slot* const slot = Slot::of(*device)) return slot->map(*device);
  return next<int(BusDevice*)>("rte_pci_map_device")(device);
}

void rte_pci_unmap_device(BusDevice* device) {
  if (Slot* const slot = Slot::of(*device)) return slot->unmap(*device);
  next<void(BusDevice*)>("rte_pci_unmap_device")(device);
}

int rte_pci_read_config(const BusDevice* device, void* into, std::size_t bytes, off_t offset) {
  if (const Slot* const slot = Slot::of(*device)) return slot->read_config(into, bytes, static_cast<std::size_t>(offset));
  return next<int(const BusDevice*, void*, std::size_t, off_t)>("rte_pci_read_config")(device, into, bytes, offset);
}

int rte_pci_write_config(const BusDevice* device, const void* from, std::size_t bytes, off_t offset) {
  if (Slot* const slot = Slot::of(*device)) return slot->write_config(from, bytes, static_cast<std::size_t>(offset));
  return next<int(const BusDevice*, const void*, std::size_t, off_t)>("rte_pci_write_config")(device, from, bytes, offset);
}

int rte_intr_enable(const rte_intr_handle* handle) { return Slot::of(handle) != nullptr ? 0 : next<int(const rte_intr_handle*)>("rte_intr_enable")(handle); }

int rte_intr_disable(const rte_intr_handle* handle) { return Slot::of(handle) != nullptr ? 0 : next<int(const rte_intr_handle*)>("rte_intr_disable")(handle); }

int rte_intr_ack(const rte_intr_handle* handle) { return Slot::of(handle) != nullptr ? 0 : next<int(const rte_intr_handle*)>("rte_intr_ack")(handle); }

}  // extern "C"
