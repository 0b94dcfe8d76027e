// SPDX-License-Identifier: BSD-3-Clause
// What is asked of a PCI device behind DPDK's back: whether it is still there, and to let go of it when it is not. Called by Device
// and Watchdog.
#include "drivers/ethdev/pci.hpp"

#include "drivers/ethdev/bus_device.hpp"
#include "drivers/ethdev/ethdev_port.hpp"

#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <rte_memzone.h>
#include <rte_pci.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include <sys/mman.h>

namespace millrace::ethdev {
namespace {

// Where the kernel, or who stands in for it, keeps the device's files: DPDK's bus honours the same variable.
std::string file_of(const rte_pci_addr& addr, const char* name) {
  const char* const root = std::getenv("SYSFS_PCI_DEVICES");
  std::array<char, PCI_PRI_STR_SIZE + 1> text{};
  rte_pci_device_name(&addr, text.data(), text.size());
  return std::string(root != nullptr ? root : "/sys/bus/pci/devices") + "/" + text.data() + "/" + name;
}

std::uint16_t vendor_of(const rte_pci_addr& addr) {
  std::array<unsigned char, 2> id{0xff, 0xff};
  std::ifstream(file_of(addr, "config"), std::ios::binary).read(reinterpret_cast<char*>(id.data()), id.size());
  return static_cast<std::uint16_t>(id[0] | id[1] << 8);
}

/// Null when this DPDK keeps its devices where we do not know.
const BusDevice* find(std::uint16_t port_id, const std::string& address) {
  rte_eth_dev_info info{};
  rte_pci_addr addr{};
  if (rte_eth_dev_info_get(port_id, &info) != 0 || rte_pci_addr_parse(address.c_str(), &addr) != 0) return nullptr;
  const auto* const device = reinterpret_cast<const BusDevice*>(reinterpret_cast<const char*>(info.device) - offsetof(BusDevice, device));
  return rte_pci_addr_cmp(&device->addr, &addr) == 0 && device->id.vendor_id == vendor_of(addr) ? device : nullptr;
}

}  // namespace

bool is_pci_address(const std::string& name) {
  rte_pci_addr ignored{};
  return rte_pci_addr_parse(name.c_str(), &ignored) == 0;
}

bool answers(const std::string& address) {
  rte_pci_addr addr{};
  return rte_pci_addr_parse(address.c_str(), &addr) == 0 && vendor_of(addr) != 0xffff;
}

std::vector<Bar> bars_of(std::uint16_t port_id, const std::string& address) {
  const BusDevice* const device = find(port_id, address);
  if (device == nullptr) return {};
  std::vector<Bar> bars;
  for (const rte_mem_resource& resource : device->mem_resource) bars.push_back({resource.addr, resource.len});
  return bars;
}

std::string interrupts_of(std::uint16_t port_id, const std::string& address) {
  const BusDevice* const device = find(port_id, address);
  switch (device == nullptr ? RTE_INTR_HANDLE_UNKNOWN : rte_intr_type_get(device->intr_handle)) {
    case RTE_INTR_HANDLE_VFIO_MSIX: return "MSI-X";
    case RTE_INTR_HANDLE_VFIO_MSI: return "MSI";
    case RTE_INTR_HANDLE_VFIO_LEGACY: return "INTx";
    case RTE_INTR_HANDLE_UIO: return "UIO";
    case RTE_INTR_HANDLE_UIO_INTX: return "UIO INTx";
    default: return "unknown";
  }
}

void free_left_behind() {
  std::vector<const rte_memzone*> left;
  const auto look = [](const rte_memzone* zone, void* all) {
    unsigned port_id = 0;  // its zones are ena_p0_mz1 and so on
    if (std::sscanf(zone->name, "ena_p%u_mz", &port_id) != 1 || rte_eth_dev_is_valid_port(static_cast<std::uint16_t>(port_id)) != 0) return;
    static_cast<std::vector<const rte_memzone*>*>(all)->push_back(zone);
  };
  rte_memzone_walk(look, &left);
  for (const rte_memzone* zone : left) rte_memzone_free(zone);
}

void replace_by_memory(const std::vector<Bar>& bars) {
  for (const Bar& bar : bars)
    if (bar.begin != nullptr)
      static_cast<void>(mmap(bar.begin, bar.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

}  // namespace millrace::ethdev
