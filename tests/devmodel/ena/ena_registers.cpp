// SPDX-License-Identifier: BSD-3-Clause
// The register file, reset, and readless registers. Called by Ena::read() and Ena::write(); calls the queues whose doorbells
// ring. The names are those of ENA_REGS_*, in small letters.
#include "tests/devmodel/ena/ena.hpp"

#include "tests/devmodel/ena/registers.hpp"

#include <algorithm>

namespace millrace::devmodel::ena {
namespace {

constexpr std::uint32_t interface_version = 2U << 8;         // 2.0
constexpr std::uint32_t controller_version = 1U << 24 | 1U;  // implementation 1, 0.0.1

}  // namespace

bool Ena::ready() const { return !in_reset_ && machine_.now_ns() >= ready_at_ns_; }

std::uint32_t Ena::device_status() const {
  if (!ready()) return reg::dev_sts_reset_in_progress;
  return reg::dev_sts_ready | (counts_.resets != 0 ? reg::dev_sts_reset_finished : 0);
}

std::optional<std::uint32_t> Ena::load(std::uint64_t offset) {
  switch (offset) {
    case reg::version: return interface_version;
    case reg::controller_version: return controller_version;
    case reg::caps: {
      constexpr std::uint32_t contiguous_queue_required = 1;
      constexpr std::uint32_t dma_bits = 48;
      return contiguous_queue_required | std::uint32_t{profile_.reset_timeout_100ms} << 1 | dma_bits << 8 |
             std::uint32_t{profile_.admin_timeout_100ms} << 16;
    }
    case reg::caps_ext: return 0;
    case reg::acq_tail: return admin_.completion.index();
    case reg::aenq_tail: return events_.ring.index();
    case reg::intr_mask: return management_masked_ ? 1 : 0;
    case reg::dev_sts: return device_status();
    default: return std::nullopt;
  }
}

bool Ena::store(std::uint64_t offset, std::uint32_t value) {
  if (offset >= reg::tx_doorbell) return store_queue_register(offset, value);
  if (offset < 4 * written_.size()) written_[offset / 4] = value;
  switch (offset) {
    case reg::aq_base_lo:
    case reg::aq_base_hi:
    case reg::acq_base_lo:
    case reg::acq_base_hi:
    case reg::aenq_base_lo:
    case reg::aenq_base_hi:
    case reg::mmio_resp_lo:
    case reg::mmio_resp_hi: return true;
    case reg::aq_caps: admin_.submission = ring_of(reg::aq_base_lo, value, admin_entry_bytes); return true;
    case reg::acq_caps: admin_.completion = ring_of(reg::acq_base_lo, value, admin_entry_bytes); return true;
    case reg::aenq_caps: events_.ring = ring_of(reg::aenq_base_lo, value, EventQueue::entry_bytes); return true;
    case reg::aq_db:
      if (admin_.doorbell(static_cast<std::uint16_t>(value))) interrupt_management();
      return true;
    case reg::aenq_head_db:
      events_.head_doorbell(static_cast<std::uint16_t>(value));
      announce_link();
      return true;
    case reg::intr_mask:
      management_masked_ = bit(value, 0);
      if (management_pending_) interrupt_management();
      return true;
    case reg::mmio_reg_read: read_for_driver(value); return true;
    case reg::dev_ctl: control(value); return (value & reg::dev_ctl_unmodelled) == 0;
    default: return false;
  }
}

bool Ena::store_queue_register(std::uint64_t offset, std::uint32_t value) {
  const std::uint64_t block = offset - offset % reg::queue_block_bytes;
  const std::size_t index = offset % reg::queue_block_bytes / 4;
  if (block == reg::tx_doorbell && queues_.transmit(index) != nullptr) {
    queues_.transmit(index)->doorbell(static_cast<std::uint16_t>(value));
    transmit(index);
    return true;
  }
  if (block == reg::rx_doorbell && queues_.receive(index) != nullptr) {
    queues_.receive(index)->doorbell(static_cast<std::uint16_t>(value));
    return true;
  }
  CompletionQueue* completions = queues_.completions(index);
  if (completions == nullptr) return false;
  if (block == reg::cq_unmask) completions->write_interrupt_control(value);
  // Where the queue's memory shall be near, and how far the driver has read: nothing that this device acts on.
  return block == reg::cq_unmask || block == reg::cq_numa_node ||
         (block == reg::cq_head_doorbell && profile_.cq_head_doorbell);
}

/// A ring from its registers, written before: base, and here depth and entry size.
Ring Ena::ring_of(std::uint32_t base_lo, std::uint32_t caps, std::size_t entry_bytes) {
  const std::uint64_t base = written_[base_lo / 4] | std::uint64_t{written_[base_lo / 4 + 1]} << 32;
  const std::uint32_t depth = bits(caps, 15, 0);
  if (!Ring::possible_depth(depth) || caps >> 16 != entry_bytes || machine_.dma(base, depth * entry_bytes).empty()) {
    machine_.violation("ena: a management queue of an impossible shape");
    return {};
  }
  return {base, depth, static_cast<std::uint32_t>(entry_bytes)};
}

// MMIO_REG_READ: instead of a load, the device writes an ena_admin_ena_mmio_req_read_less_resp where MMIO_RESP_* say.
void Ena::read_for_driver(std::uint32_t request) {
  const std::uint64_t address =
      written_[reg::mmio_resp_lo / 4] | std::uint64_t{written_[reg::mmio_resp_hi / 4]} << 32;
  const std::uint32_t offset = request >> 16;
  const std::optional<std::uint32_t> value = load(offset);
  if (!value) machine_.violation("ena: MMIO_REG_READ of " + std::to_string(offset) + ", which cannot be read");
  std::array<std::uint8_t, 8> answer{};
  put_le16(answer, 0, request);
  put_le16(answer, 2, value ? offset : 0xffff);
  put_le32(answer, 4, value.value_or(0xffffffff));
  if (faults_.befall(Step::readless_answer, offset, answer) != Fate::happens) return;
  const MutableBytes response = machine_.dma(address, answer.size());
  if (response.empty()) return;
  std::copy(answer.begin() + 2, answer.end(), response.begin() + 2);
  std::copy_n(answer.begin(), 2, response.begin());  // the last: it is what the driver waits for
}

// DEV_CTL. A reset lasts from the write of its bit until it is taken away again, and then as long as the device needs.
void Ena::control(std::uint32_t value) {
  if ((value & reg::dev_ctl_reset) != 0) {
    last_reset_reason_ = bits(value, 31, 28) | bits(value, 27, 24) << 4;
    ++counts_.resets;
    reset();
  } else if (in_reset_) {
    in_reset_ = false;
    ready_at_ns_ = machine_.now_ns() + profile_.reset_ns;
  }
}

// All that the driver has set is gone, where to answer register reads too. The counters go on, but for those of drops: "since last
// reset", Linux's ena_keep_alive_wd() says of them.
void Ena::reset() {
  in_reset_ = true;
  drops_ = {};
  written_ = {};
  queues_.destroy_all();
  admin_.reset();
  events_.reset();
  announced_link_.reset();
  management_masked_ = management_pending_ = false;
  features_.settings = Settings(profile_);
}

void Ena::interrupt_management() {
  management_pending_ = management_masked_;
  if (!management_masked_) machine_.interrupt(0);
}

}  // namespace millrace::devmodel::ena
