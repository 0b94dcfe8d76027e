// SPDX-License-Identifier: BSD-3-Clause
// The ENA model as the machine sees it: PCI, accesses, time. Called by whoever runs a driver on it; calls the parts in
// ena_registers.cpp, ena_admin.cpp and ena_traffic.cpp.
#include "tests/devmodel/ena/ena.hpp"

#include "tests/devmodel/ena/registers.hpp"

#include <array>
#include <utility>

namespace millrace::devmodel::ena {
namespace {

constexpr std::uint16_t amazon = 0x1d0f;
constexpr std::uint16_t ena_vf = 0xec20;
constexpr unsigned register_bar = 0;
constexpr unsigned llq_bar = 2;
constexpr std::uint64_t second_ns = 1'000'000'000;

std::string where(const char* what, unsigned bar, std::uint64_t offset, unsigned bytes) {
  return std::string("ena: ") + what + " of " + std::to_string(bytes) + " bytes at " + std::to_string(offset) + " of BAR " +
         std::to_string(bar) + " is not modelled";
}

bool is_register(unsigned bar, std::uint64_t offset, unsigned bytes) {
  return bar == register_bar && bytes == 4 && offset % 4 == 0 && offset < reg::bar_bytes;
}

}  // namespace

Ena::Ena(Machine& machine, Profile profile)
    : machine_(machine, faults_),
      profile_(std::move(profile)),
      features_(machine_, profile_),
      queues_(machine_, faults_, profile_),
      admin_(machine_, faults_, [this](const Command& command) { return execute(command); }),
      events_(machine_, faults_) {}

PciIdentity Ena::identity() const { return {amazon, ena_vf, amazon, ena_vf, 0x020000}; }

std::vector<Bar> Ena::bars() const {
  std::vector<Bar> all{{register_bar, reg::bar_bytes, 0, 0}};
  const std::size_t memory = profile_.queues * profile_.llq_bytes_per_queue();
  if (profile_.llq) all.push_back({llq_bar, memory, 0, memory});
  return all;
}

// PCI 3.0 6.8.2: the MSI-X capability. Bit 0 of the revision stays clear: registers can be read by MMIO_REG_READ.
void Ena::fill_config_space(std::span<std::uint8_t, 256> config) const {
  constexpr std::size_t status = 0x06, capabilities = 0x34, msix = 0x40;
  constexpr std::uint8_t has_capabilities = 0x10, msix_id = 0x11;
  config[status] |= has_capabilities;
  config[capabilities] = msix;
  config[msix] = msix_id;
  put_le16(config, msix + 2, vectors() - 1);
  put_le32(config, msix + 4, reg::msix_table | register_bar);
  put_le32(config, msix + 8, reg::msix_pending | register_bar);
}

std::uint64_t Ena::read(unsigned bar, std::uint64_t offset, unsigned bytes) {
  const Turn turn(one_at_a_time_);
  if (removed_) return ~std::uint64_t{0};
  const auto value = is_register(bar, offset, bytes) ? load(offset) : std::nullopt;
  if (!value) machine_.violation(where("a load", bar, offset, bytes));
  pass_time();
  return value.value_or(0xffffffff);
}

void Ena::write(unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) {
  const Turn turn(one_at_a_time_);
  if (removed_) return;
  std::array<std::uint8_t, 4> stored{};
  put_le32(stored, 0, static_cast<std::uint32_t>(value));
  if (faults_.befall(Step::store, offset, stored) != Fate::happens) return;
  if (!is_register(bar, offset, bytes) || !store(offset, le32(stored, 0))) machine_.violation(where("a store", bar, offset, bytes));
  pass_time();
}

bool Ena::receive(std::span<const std::uint8_t> frame) {
  const Turn turn(one_at_a_time_);
  if (removed_) return false;
  const bool delivered = deliver(frame);
  pass_time();
  return delivered;
}

void Ena::set_link(bool up) {
  const Turn turn(one_at_a_time_);
  features_.link_up = up;
  if (!removed_) announce_link();
}

void Ena::set_admin_deaf(bool deaf) {
  const Turn turn(one_at_a_time_);
  admin_.deaf = deaf;
}

void Ena::remove() {
  const Turn turn(one_at_a_time_);
  removed_ = true;
}

void Ena::arm(Fault fault) {
  const Turn turn(one_at_a_time_);
  faults_.arm(std::move(fault));
}

std::size_t Ena::struck() {
  const Turn turn(one_at_a_time_);
  return faults_.struck().size();
}

void Ena::release_late() {
  const Turn turn(one_at_a_time_);
  queues_.release_late();
  if (admin_.release_late()) interrupt_management();
}

void Ena::repair() {
  const Turn turn(one_at_a_time_);
  faults_.clear();
  admin_.deaf = keep_alive_stopped_ = last_buffer_first_ = false;
  if (std::exchange(removed_, false)) reset();
  in_reset_ = false;
}

// A second after the driver has asked for the events, and so on; one that nobody asked for in time is not made up for.
void Ena::pass_time() {
  if (!events_.wants(EventGroup::keep_alive) || machine_.now_ns() < next_keep_alive_ns_) return;
  next_keep_alive_ns_ = machine_.now_ns() + second_ns;
  if (!keep_alive_stopped_) keep_alive();
}

}  // namespace millrace::devmodel::ena
