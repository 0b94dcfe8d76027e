// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::ethdev {

/// Where a PCI device's registers are mapped.
struct Bar {
  void* begin = nullptr;  ///< null: it has none of that number
  std::size_t bytes = 0;
};

/// Those of a started ethdev on that PCI device, by number; empty when this DPDK keeps them where we do not know.
[[nodiscard]] std::vector<Bar> bars_of(std::uint16_t port_id, const std::string& address);

/// Which kind of interrupts EAL found for it, by the names of port::Info::interrupts; "unknown": this DPDK does not let us see.
[[nodiscard]] std::string interrupts_of(std::uint16_t port_id, const std::string& address);

/// Whether the device is in its slot and answers: its configuration space, as the kernel reads it, has a vendor.
[[nodiscard]] bool answers(const std::string& address);

/// Frees what net_ena leaves in DPDK's memory of a device that it could not start (eth_ena_dev_init() and its callees, 22.11): else the
/// next try fails for good, as it asks for the same names.
void free_left_behind();

/// Memory in place of the registers of a device that is gone, whose every read is all ones: net_e1000_igb and net_virtio wait for
/// some bits of theirs to become 0, for ever (22.11). It is what DPDK's own hot-unplug handler does, for UIO alone
/// (pci_uio_remap_resource()).
void replace_by_memory(const std::vector<Bar>& bars);

}  // namespace millrace::ethdev
