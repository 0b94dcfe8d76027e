// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <rte_dev.h>
#include <rte_pci.h>

struct rte_intr_handle;

namespace millrace::ethdev {

/// A PCI device as DPDK's bus keeps it, which its installed headers do not tell: the layout of releases 22.11 to 24.11. To be
/// believed when address and identity are where they should be.
struct BusDevice {
  void* next[2];
  struct {
    void* next[2];
    const char* name;
    const char* bus_info;
    const void* driver;
    const void* bus;
    int numa_node;
    void* devargs;
  } device;
  rte_pci_addr addr;
  rte_pci_id id;
  rte_mem_resource mem_resource[6];
  rte_intr_handle* intr_handle;
};

}  // namespace millrace::ethdev
