// SPDX-License-Identifier: BSD-3-Clause
// The device's registers: PCI capabilities, common and device configuration, notifications. Called by the slot for each access.
#include "tests/devmodel/virtio/net.hpp"

#include "tests/devmodel/virtio/registers.hpp"

#include <cstring>
#include <string>
#include <utility>

namespace millrace::devmodel::virtio {

Net::Net(Machine& machine, const Options& options) : machine_(machine), options_(options) { reset(); }

std::vector<Bar> Net::bars() const { return {{.index = area::bar, .size = area::all}}; }

// 4.1.4: each structure has a vendor-specific capability that says where it lies; and MSI-X, enabled, as the kernel leaves it.
void Net::fill_config_space(std::span<std::uint8_t, 256> config) const {
  constexpr std::uint8_t vendor_specific = 0x09, msix = 0x11;
  config[0x06] = 0x10;  // status: there are capabilities
  std::size_t at = 0x40;
  config[0x34] = static_cast<std::uint8_t>(at);
  const auto put32 = [&](std::size_t offset, std::uint32_t value) { std::memcpy(&config[offset], &value, sizeof value); };
  struct Structure {
    std::uint8_t type, bytes;
    std::uint32_t offset;
  };
  for (const Structure& s : {Structure{1, 16, area::transport}, {2, 20, area::notify}, {3, 16, area::isr}, {4, 16, area::device}}) {
    config[at] = vendor_specific;
    config[at + 1] = static_cast<std::uint8_t>(at + s.bytes);
    config[at + 2] = s.bytes;
    config[at + 3] = s.type;
    config[at + 4] = area::bar;
    put32(at + 8, s.offset);
    put32(at + 12, area::bytes);
    if (s.type == 2) put32(at + 16, area::notify_multiplier);
    at += s.bytes;
  }
  config[at] = msix;
  const std::uint16_t enabled = static_cast<std::uint16_t>(0x8000u | (vectors() - 1));
  std::memcpy(&config[at + 2], &enabled, sizeof enabled);
}

std::uint64_t Net::offered() const {
  std::uint64_t all = 0;
  const auto offer = [&](bool yes, std::initializer_list<unsigned> bits) {
    for (const unsigned bit : bits) all |= std::uint64_t{yes} << bit;
  };
  offer(true, {feature::version_1, feature::mac, feature::status, feature::mtu, feature::indirect_desc});
  offer(options_.packed, {feature::ring_packed});
  offer(options_.checksums, {feature::csum, feature::guest_csum});
  offer(options_.tso, {feature::host_tso4, feature::host_tso6});
  offer(options_.mergeable, {feature::mrg_rxbuf});
  offer(options_.control, {feature::ctrl_vq, feature::ctrl_rx, feature::ctrl_vlan, feature::ctrl_mac_addr});
  offer(options_.control && options_.queue_pairs > 1, {feature::mq});
  return all;
}

bool Net::is_running() const { return (status_ & status::driver_ok) != 0; }

Queue Net::make_queue(std::uint16_t index) const {
  const Event completion = index == control_queue() ? Event::control_completion : index % 2 == 0 ? Event::rx_completion : Event::tx_completion;
  return {machine_, has(feature::ring_packed), completion, index};
}

// 2.4: all is as it was at the begin.
void Net::reset() {
  status_ = 0;
  driver_features_ = 0;
  config_vector_ = no_vector;
  isr_ = 0;
  queues_.clear();
  machine_.faults().forget_late();
  for (std::uint16_t i = 0; i < 2 * options_.queue_pairs + (options_.control ? 1 : 0); ++i) queues_.push_back({.queue = make_queue(i), .size = options_.queue_size, .at = {}});
  promisc_ = allmulti_ = false;
  macs_.clear();
  vlans_.clear();
  own_mac_ = options_.mac;
  active_pairs_ = 1;
}

std::uint64_t Net::read(unsigned, std::uint64_t offset, unsigned bytes) {
  if (is_removed_) return ~std::uint64_t{0};
  const auto at = static_cast<std::uint32_t>(offset % area::bytes);
  switch (offset - at) {
    case area::transport: return read_transport(at, bytes);
    case area::isr: return std::exchange(isr_, std::uint8_t{0});
    case area::device: return read_device(at, bytes);
    default: machine_.violation("virtio: a read of the notification area at " + std::to_string(at)); return 0;
  }
}

void Net::write(unsigned, std::uint64_t offset, unsigned bytes, std::uint64_t value) {
  if (is_removed_) return;
  const auto at = static_cast<std::uint32_t>(offset % area::bytes);
  switch (offset - at) {
    case area::transport: return write_transport(at, bytes, value);
    case area::notify: return notify(static_cast<std::uint16_t>(at / area::notify_multiplier));
    case area::device:  // a driver without CTRL_MAC_ADDR may set the MAC byte by byte (5.1.4)
      if (at < own_mac_.size() && bytes == 1 && !has(feature::version_1)) own_mac_[at] = static_cast<std::uint8_t>(value);
      if (at >= own_mac_.size()) machine_.violation("virtio: a write of read-only configuration at " + std::to_string(at));
      return;
    default: machine_.violation("virtio: a write at " + std::to_string(offset));
  }
}

std::uint64_t Net::read_transport(std::uint32_t at, unsigned) {
  const QueueState* const queue = selected();
  switch (at) {
    case transport::device_feature_select: return device_select_;
    case transport::device_feature: return device_select_ < 2 ? offered() >> 32 * device_select_ & 0xffffffff : 0;
    case transport::driver_feature_select: return driver_select_;
    case transport::driver_feature: return driver_select_ < 2 ? driver_features_ >> 32 * driver_select_ & 0xffffffff : 0;
    case transport::config_msix_vector: return config_vector_;
    case transport::num_queues: return queues_.size();
    case transport::device_status: return status_;
    case transport::config_generation: return generation_;
    case transport::queue_select: return select_;
    case transport::queue_size: return queue != nullptr ? queue->size : 0;  // 0: there is no such queue
    case transport::queue_msix_vector: return queue != nullptr ? queue->vector : no_vector;
    case transport::queue_enable: return queue != nullptr && queue->enabled ? 1 : 0;
    case transport::queue_notify_off: return select_;
    default: machine_.violation("virtio: a read of the common configuration at " + std::to_string(at)); return 0;
  }
}

void Net::write_transport(std::uint32_t at, unsigned bytes, std::uint64_t value) {
  const auto word = static_cast<std::uint32_t>(value);
  switch (at) {
    case transport::device_feature_select: device_select_ = word; return;
    case transport::driver_feature_select: driver_select_ = word; return;
    case transport::driver_feature:
      if (driver_select_ < 2) driver_features_ = (driver_features_ & ~(0xffffffffull << 32 * driver_select_)) | std::uint64_t{word} << 32 * driver_select_;
      return;
    case transport::config_msix_vector: config_vector_ = static_cast<std::uint16_t>(word); return;
    case transport::device_status: return set_status(static_cast<std::uint8_t>(word));
    case transport::queue_select: select_ = static_cast<std::uint16_t>(word); return;
    default: return write_queue(at, bytes, value);
  }
}

// 2.1.2, 3.1: what the driver accepts has to have been offered, and a driver of a modern device has to be modern.
void Net::set_status(std::uint8_t value) {
  if (value == 0) {
    ++counts_.resets;
    return reset();
  }
  const bool is_new_agreement = (value & status::features_ok) != 0 && (status_ & status::features_ok) == 0;
  status_ = value;
  if (!is_new_agreement) return;
  if ((driver_features_ & ~offered()) != 0 || !has(feature::version_1)) {
    machine_.violation("virtio: the driver accepts features that were not offered, or is not modern");
    status_ = static_cast<std::uint8_t>(status_ & ~status::features_ok);
  }
  for (std::uint16_t i = 0; i < queues_.size(); ++i) queues_[i].queue = make_queue(i);
}

void Net::write_queue(std::uint32_t at, unsigned bytes, std::uint64_t value) {
  QueueState* const queue = selected();
  if (queue == nullptr) return machine_.violation("virtio: queue " + std::to_string(select_) + " is not there");
  const auto merge = [&](std::uint64_t& address, std::uint32_t field) {
    if (bytes == 8) {
      address = value;
    } else if (at == field) {
      address = (address & ~0xffffffffull) | value;
    } else {
      address = (address & 0xffffffffull) | value << 32;
    }
  };
  switch (at) {
    case transport::queue_size: queue->size = static_cast<std::uint16_t>(value); return;
    case transport::queue_msix_vector: queue->vector = static_cast<std::uint16_t>(value); return;
    case transport::queue_enable:
      queue->enabled = value == 1;
      if (!queue->enabled) return queue->queue.disable();  // DPDK writes 0, which 4.1.4.3.2 forbids; devices pass over it
      return queue->queue.enable(queue->size, queue->at);
    case transport::queue_desc:
    case transport::queue_desc + 4: return merge(queue->at.desc, transport::queue_desc);
    case transport::queue_driver:
    case transport::queue_driver + 4: return merge(queue->at.driver, transport::queue_driver);
    case transport::queue_device:
    case transport::queue_device + 4: return merge(queue->at.device, transport::queue_device);
    default: machine_.violation("virtio: a write of the common configuration at " + std::to_string(at));
  }
}

// 5.1.4: mac, status, max_virtqueue_pairs, mtu.
std::uint64_t Net::read_device(std::uint32_t at, unsigned bytes) const {
  std::array<std::uint8_t, 12> config{};
  std::copy(own_mac_.begin(), own_mac_.end(), config.begin());
  config[6] = link_ ? 1 : 0;
  std::memcpy(&config[8], &options_.queue_pairs, 2);
  std::memcpy(&config[10], &options_.mtu, 2);
  std::uint64_t value = 0;
  if (at + bytes <= config.size()) {
    std::memcpy(&value, &config[at], bytes);
  } else {
    machine_.violation("virtio: a read of the device configuration at " + std::to_string(at));
  }
  return value;
}

void Net::notify(std::uint16_t index) {
  if (!is_running()) return machine_.violation("virtio: a notification before DRIVER_OK");
  if (index >= queues_.size()) return machine_.violation("virtio: a notification of queue " + std::to_string(index));
  if (index == control_queue()) return control(queues_[index]);
  if (index % 2 == 1) transmit(queues_[index]);
}

void Net::interrupt(QueueState& queue) {
  if (queue.vector == no_vector || !queue.queue.wants_interrupt()) return;
  isr_ |= 1;
  machine_.interrupt(queue.vector);
}

void Net::set_link(bool up) {
  link_ = up;
  ++generation_;
  isr_ |= 2;
  if (is_running() && config_vector_ != no_vector) machine_.interrupt(config_vector_);
}

}  // namespace millrace::devmodel::virtio
