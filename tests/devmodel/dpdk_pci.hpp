// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <rte_dev.h>
#include <rte_pci.h>

#include <cstdint>

struct rte_intr_handle;

// A PCI device as DPDK's bus keeps it, which its installed headers do not tell: the layout of releases 22.11 to 24.11. Whoever
// reads it checks that the identity is where it should be.
namespace millrace::devmodel {

struct DpdkDevice {
  void* next[2];
  const char* name;
  const char* bus_info;
  const void* driver;
  const void* bus;
  int numa_node;
  void* devargs;
};

struct DpdkPciDevice {
  void* next[2];
  DpdkDevice device;
  rte_pci_addr addr;
  rte_pci_id id;
  rte_mem_resource mem_resource[6];
  rte_intr_handle* intr_handle;
};

}  // namespace millrace::devmodel
