// SPDX-License-Identifier: BSD-3-Clause
// The PCI slot: a tree of files that looks like Linux's sysfs, registers that trap, MSI-X as eventfds, checked DMA. Called by the
// models, and by DPDK through bus_functions.cpp.
#include "tests/devmodel/slot.hpp"

#include "drivers/ethdev/bus_device.hpp"
#include "tests/support/temporary_folder.hpp"

#include <rte_interrupts.h>
#include <rte_memory.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace millrace::devmodel {
namespace {

std::vector<Slot*>& slots = *new std::vector<Slot*>;
unsigned next_bus = 1;

/// The tree that DPDK scans in place of /sys/bus/pci/devices; goes with the process.
struct SysfsTree {
  const test::TemporaryFolder root;
  SysfsTree() { setenv("SYSFS_PCI_DEVICES", root.path().c_str(), 1); }
};

const std::filesystem::path& sysfs_root() {
  static const SysfsTree tree;
  return tree.root.path();
}

std::string hex(std::uint64_t value, int digits) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "0x%0*llx", digits, static_cast<unsigned long long>(value));
  return text.data();
}

/// Any address that is no memory will do: the kernel's `resource` file tells where a BAR lies for the processor.
constexpr std::uint64_t physical(unsigned bar) { return 0xfe000000 + std::uint64_t{bar} * 0x1000000; }

}  // namespace

class Slot::BarRegisters final : public Registers {
 public:
  BarRegisters(FaultPlan& faults, Device& device, unsigned bar) : faults_(faults), device_(device), bar_(bar) {}
  // A read that nothing answers is all ones.
  std::uint64_t read(std::uint64_t offset, unsigned bytes) override {
    std::uint64_t value = device_.read(bar_, offset, bytes);
    return faults_.allows(Event::register_read, offset, bytes_of(value, bytes)) ? value : ~std::uint64_t{0};
  }
  void write(std::uint64_t offset, unsigned bytes, std::uint64_t value) override {
    const auto late = [this, offset, bytes, value] { device_.write(bar_, offset, bytes, value); };
    if (faults_.allows(Event::register_write, offset, bytes_of(value, bytes), late)) device_.write(bar_, offset, bytes, value);
  }

 private:
  static std::span<std::uint8_t> bytes_of(std::uint64_t& value, unsigned bytes) { return {reinterpret_cast<std::uint8_t*>(&value), bytes}; }

  FaultPlan& faults_;
  Device& device_;
  const unsigned bar_;
};

Slot::Slot() : config_(256) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "0000:%02x:00.0", next_bus++ & 0xff);
  name_ = text.data();
  slots.push_back(this);
}

Slot::~Slot() {
  std::erase(slots, this);
  if (event_fd_ >= 0) close(event_fd_);
}

void Slot::plug(Device& device) {
  device_ = &device;
  const PciIdentity identity = device.identity();
  make_sysfs(identity);
  device.fill_config_space(std::span<std::uint8_t, 256>(config_.data(), 256));
  for (const auto& [at, value] : {std::pair{0x00, identity.vendor}, {0x02, identity.device}, {0x2c, identity.subsystem_vendor}, {0x2e, identity.subsystem_device}})
    std::memcpy(&config_[static_cast<std::size_t>(at)], &value, sizeof value);
  std::ofstream(sysfs_root() / name_ / "config", std::ios::binary).write(reinterpret_cast<const char*>(config_.data()), static_cast<std::streamsize>(config_.size()));
}

void Slot::pull_out() {
  device_->remove();
  std::filesystem::rename(sysfs_root() / name_, sysfs_root() / ("." + name_));
}

void Slot::put_back(Device& device) {
  device_ = &device;
  std::filesystem::rename(sysfs_root() / ("." + name_), sysfs_root() / name_);
}

void Slot::make_sysfs(const PciIdentity& identity) const {
  const std::filesystem::path folder = sysfs_root() / name_;
  std::filesystem::create_directory(folder);
  const auto put = [&](const char* name, const std::string& text) { std::ofstream(folder / name) << text << '\n'; };
  put("vendor", hex(identity.vendor, 4));
  put("device", hex(identity.device, 4));
  put("subsystem_vendor", hex(identity.subsystem_vendor, 4));
  put("subsystem_device", hex(identity.subsystem_device, 4));
  put("class", hex(identity.device_class, 6));
  put("numa_node", "0");
  put("max_vfs", "0");
  // A kernel driver that DPDK does not know makes no demand on addresses, and none would pass it over.
  std::filesystem::create_symlink("/sys/bus/pci/drivers/millrace_model", folder / "driver");
  const std::vector<Bar> bars = device_->bars();
  std::string resources;
  for (unsigned i = 0; i < 6; ++i) {
    const auto bar = std::find_if(bars.begin(), bars.end(), [i](const Bar& b) { return b.index == i; });
    const bool is_there = bar != bars.end();
    constexpr std::uint64_t memory = 0x200;  // IORESOURCE_MEM
    resources += hex(is_there ? physical(i) : 0, 16) + " " + hex(is_there ? physical(i) + bar->size - 1 : 0, 16) + " " + hex(is_there ? memory : 0, 16) + "\n";
  }
  std::ofstream(folder / "resource") << resources;
}

Slot* Slot::of(const ethdev::BusDevice& device) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04x:%02x:%02x.%x", device.addr.domain, device.addr.bus, device.addr.devid, device.addr.function);
  const auto slot = std::find_if(slots.begin(), slots.end(), [&](const Slot* s) { return s->name_ == text.data() && s->device_ != nullptr; });
  if (slot == slots.end()) return nullptr;
  const PciIdentity identity = (*slot)->device_->identity();
  if (device.id.vendor_id != identity.vendor || device.id.device_id != identity.device)
    throw std::runtime_error("this DPDK lays out its PCI devices in another way: see bus_device.hpp");
  return *slot;
}

Slot* Slot::of(const rte_intr_handle* handle) {
  const auto slot = std::find_if(slots.begin(), slots.end(), [&](const Slot* s) { return s->handle_ == handle; });
  return slot == slots.end() ? nullptr : *slot;
}

int Slot::map(ethdev::BusDevice& device) {
  if (!bars_.empty()) return 0;
  for (const Bar& bar : device_->bars()) {
    auto registers = std::make_unique<BarRegisters>(faults(), *device_, bar.index);
    auto range = std::make_unique<TrappedRange>(bar.size, bar.plain_begin, bar.plain_end, *registers);
    device.mem_resource[bar.index].addr = range->begin();
    bars_.push_back({bar, std::move(registers), std::move(range)});
  }
  handle_ = device.intr_handle;
  event_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  rte_intr_type_set(handle_, RTE_INTR_HANDLE_VFIO_MSIX);
  rte_intr_fd_set(handle_, event_fd_);
  return 0;
}

void Slot::unmap(ethdev::BusDevice& device) {
  faults().forget_late();
  for (const MappedBar& mapped : bars_) device.mem_resource[mapped.bar.index].addr = nullptr;
  bars_.clear();
  handle_ = nullptr;
  close(std::exchange(event_fd_, -1));
}

int Slot::read_config(void* into, std::size_t bytes, std::size_t offset) const {
  if (offset >= config_.size()) return 0;
  const std::size_t n = std::min(bytes, config_.size() - offset);
  std::memcpy(into, &config_[offset], n);
  return static_cast<int>(n);
}

int Slot::write_config(const void* from, std::size_t bytes, std::size_t offset) {
  if (offset + bytes > config_.size()) return -EINVAL;
  std::memcpy(&config_[offset], from, bytes);
  return static_cast<int>(bytes);
}

std::uint64_t Slot::traps() const {
  std::uint64_t all = 0;
  for (const MappedBar& mapped : bars_) all += mapped.range->traps();
  return all;
}

// With virtual addresses as bus addresses: what lies in DPDK's own memory is mapped for devices, and nothing else is.
std::span<std::uint8_t> Slot::dma(std::uint64_t address, std::size_t bytes) {
  if (!faults().allows(Event::dma, address)) return {};
  const auto* const list = rte_mem_virt2memseg_list(reinterpret_cast<const void*>(address));
  const auto end_list = bytes == 0 ? list : rte_mem_virt2memseg_list(reinterpret_cast<const void*>(address + bytes - 1));
  if (list == nullptr || list != end_list || address + bytes < address) {
    violation("DMA of " + std::to_string(bytes) + " bytes at " + hex(address, 16) + ", which is not the driver's memory");
    return {};
  }
  return {reinterpret_cast<std::uint8_t*>(address), bytes};
}

void Slot::interrupt(unsigned vector) {
  if (faults().allows(Event::interrupt, vector, {}, [this, vector] { signal(vector); })) signal(vector);
}

void Slot::signal(unsigned vector) {
  const int fd = vector == 0 || handle_ == nullptr ? event_fd_ : rte_intr_efds_index_get(handle_, static_cast<int>(vector) - 1);
  const std::uint64_t one = 1;
  if (fd >= 0 && write(fd, &one, sizeof one) != sizeof one) violation("an eventfd is full");
}

std::span<std::uint8_t> Slot::plain(unsigned bar) {
  const auto mapped = std::find_if(bars_.begin(), bars_.end(), [bar](const MappedBar& m) { return m.bar.index == bar; });
  if (mapped == bars_.end()) return {};
  return {mapped->range->begin() + mapped->bar.plain_begin, mapped->bar.plain_end - mapped->bar.plain_begin};
}

std::uint64_t Slot::now_ns() const {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) + skipped_ns_;
}

}  // namespace millrace::devmodel
