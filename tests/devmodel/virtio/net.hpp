// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/device.hpp"
#include "tests/devmodel/virtio/queue.hpp"

#include <array>
#include <cstdint>
#include <set>
#include <vector>

namespace millrace::devmodel::virtio {

/// The virtio network device on PCI, modern (virtio 1.2 sections 4.1 and 5.1).
class Net final : public Device {
 public:
  struct Options {
    std::uint16_t queue_pairs = 1;
    std::uint16_t queue_size = 256;
    std::uint16_t mtu = 1500;
    bool packed = false;       ///< offers packed rings
    bool checksums = true;     ///< offers CSUM and GUEST_CSUM
    bool tso = true;           ///< offers HOST_TSO4 and HOST_TSO6
    bool mergeable = true;     ///< offers MRG_RXBUF
    bool control = true;       ///< offers the control queue and what goes by it
    std::array<std::uint8_t, 6> mac{0x02, 0x00, 0x00, 0x1a, 0xf4, 0x01};
  };

  explicit Net(Machine& machine) : Net(machine, Options{}) {}
  Net(Machine& machine, const Options& options);

  [[nodiscard]] PciIdentity identity() const override { return {.vendor = 0x1af4, .device = 0x1041, .subsystem_vendor = 0x1af4, .subsystem_device = 0x1100}; }
  [[nodiscard]] std::vector<Bar> bars() const override;
  void fill_config_space(std::span<std::uint8_t, 256> config) const override;
  [[nodiscard]] unsigned vectors() const override { return 2u + 2u * options_.queue_pairs; }
  std::uint64_t read(unsigned bar, std::uint64_t offset, unsigned bytes) override;
  void write(unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) override;
  bool receive(std::span<const std::uint8_t> frame) override;
  void set_link(bool up) override;

  [[nodiscard]] Counts counts() const override { return counts_; }
  void remove() override { is_removed_ = true; }
  [[nodiscard]] std::uint64_t negotiated() const { return driver_features_; }
  [[nodiscard]] bool is_running() const;

 private:
  struct QueueState {
    Queue queue;
    std::uint16_t size = 0;
    std::uint16_t vector = 0xffff;
    bool enabled = false;
    Queue::Addresses at;
  };
  using Bytes = std::vector<std::uint8_t>;

  [[nodiscard]] std::uint64_t offered() const;
  [[nodiscard]] bool has(unsigned feature) const { return (driver_features_ >> feature & 1) != 0; }
  [[nodiscard]] Queue make_queue(std::uint16_t index) const;
  void reset();
  [[nodiscard]] std::uint64_t read_transport(std::uint32_t at, unsigned bytes);
  void write_transport(std::uint32_t at, unsigned bytes, std::uint64_t value);
  void write_queue(std::uint32_t at, unsigned bytes, std::uint64_t value);
  void set_status(std::uint8_t value);
  [[nodiscard]] std::uint64_t read_device(std::uint32_t at, unsigned bytes) const;
  [[nodiscard]] std::uint16_t control_queue() const { return static_cast<std::uint16_t>(2 * options_.queue_pairs); }
  [[nodiscard]] QueueState* selected() { return select_ < queues_.size() ? &queues_[select_] : nullptr; }
  void notify(std::uint16_t queue);
  void interrupt(QueueState& queue);

  // net_tx.cpp
  void transmit(QueueState& queue);
  void send(Bytes packet);
  void send_segments(const Bytes& frame, std::uint16_t csum_start, std::uint16_t size);
  void put(Bytes frame);

  // net_rx.cpp
  [[nodiscard]] bool wants(std::span<const std::uint8_t> frame) const;
  [[nodiscard]] std::uint16_t queue_of(std::span<const std::uint8_t> frame) const;

  // net_control.cpp
  void control(QueueState& queue);
  [[nodiscard]] std::uint8_t carry_out(const Bytes& command);
  [[nodiscard]] std::uint8_t set_mac_table(std::span<const std::uint8_t> data);

  Machine& machine_;
  const Options options_;
  std::vector<QueueState> queues_;
  std::uint8_t status_ = 0;
  std::uint32_t device_select_ = 0;
  std::uint32_t driver_select_ = 0;
  std::uint64_t driver_features_ = 0;
  std::uint16_t config_vector_ = 0xffff;
  std::uint16_t select_ = 0;
  std::uint8_t generation_ = 0;
  std::uint8_t isr_ = 0;
  bool link_ = true;
  bool is_removed_ = false;

  std::array<std::uint8_t, 6> own_mac_{};
  bool promisc_ = false;
  bool allmulti_ = false;
  std::set<Bytes> macs_;
  std::set<std::uint16_t> vlans_;
  std::uint16_t active_pairs_ = 1;
  Counts counts_;
};

}  // namespace millrace::devmodel::virtio
