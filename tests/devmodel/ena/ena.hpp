// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/device.hpp"
#include "tests/devmodel/ena/event_queue.hpp"
#include "tests/devmodel/ena/fault_plan.hpp"
#include "tests/devmodel/ena/features.hpp"
#include "tests/devmodel/ena/io_queues.hpp"

#include <cstdint>
#include <mutex>
#include <optional>

namespace millrace::devmodel::ena {

/// Frames that were lost in the device since its last reset, for whatever reason: as its statistics and its keep-alive have them.
struct Drops {
  std::uint64_t rx = 0, tx = 0;
};

/// ena_admin_eni_stats: packets that were late or lost for an instance's limits. Set by tests.
struct Allowances {
  std::uint64_t bw_in_exceeded = 0, bw_out_exceeded = 0, pps_exceeded = 0, conntrack_exceeded = 0, linklocal_exceeded = 0;
};

/// Amazon's Elastic Network Adapter at register level, from its published interface (the ena_com definitions). BAR 0 has the
/// registers, BAR 2 the memory of the low latency queues; vector 0 is for management, the others are the queues'. DPDK handles
/// management interrupts in a thread of its own, so each call from outside is one at a time.
class Ena final : public Device {
 public:
  explicit Ena(Machine& machine, Profile profile = {});
  Ena(const Ena&) = delete;
  Ena& operator=(const Ena&) = delete;

  [[nodiscard]] PciIdentity identity() const override;
  [[nodiscard]] std::vector<Bar> bars() const override;
  void fill_config_space(std::span<std::uint8_t, 256> config) const override;
  [[nodiscard]] unsigned vectors() const override { return profile_.queues + 1U; }
  std::uint64_t read(unsigned bar, std::uint64_t offset, unsigned bytes) override;
  void write(unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) override;
  bool receive(std::span<const std::uint8_t> frame) override;
  void set_link(bool up) override;
  [[nodiscard]] Counts counts() const override { return counts_; }
  /// After it no memory is touched any more.
  void remove() override;

  /// The event of a second, with the drops so far. By itself the device sends one at the first access or frame after each
  /// second of the machine's clock.
  void keep_alive();
  void stop_keep_alive(bool stopped) { keep_alive_stopped_ = stopped; }
  /// New hints, by a notification.
  void update_hints(const Hints& hints);
  /// Commands are fetched and none is answered.
  void set_admin_deaf(bool deaf);
  /// Receive buffers are used in the order opposite to that in which the driver gave them.
  void use_last_buffer_first(bool last_first) { last_buffer_first_ = last_first; }

  void arm(Fault fault);
  /// How often a fault has struck.
  [[nodiscard]] std::size_t struck();
  /// What a fault has kept back happens now.
  void release_late();
  /// As it came from the works: nothing goes wrong any more, and it is in its slot.
  void repair();

  [[nodiscard]] const Drops& drops() const { return drops_; }
  Allowances& allowances() { return allowances_; }
  [[nodiscard]] const Settings& settings() const { return features_.settings; }
  /// Why a driver has last reset the device: ena_regs_reset_reason_types.
  [[nodiscard]] std::optional<unsigned> last_reset_reason() const { return last_reset_reason_; }

 private:
  using Turn = std::scoped_lock<std::recursive_mutex>;

  // Registers: ena_registers.cpp.
  std::optional<std::uint32_t> load(std::uint64_t offset);
  bool store(std::uint64_t offset, std::uint32_t value);
  bool store_queue_register(std::uint64_t offset, std::uint32_t value);
  void read_for_driver(std::uint32_t request);
  void control(std::uint32_t value);
  void reset();
  [[nodiscard]] std::uint32_t device_status() const;
  [[nodiscard]] bool ready() const;
  Ring ring_of(std::uint32_t base_lo, std::uint32_t caps, std::size_t entry_bytes);
  void interrupt_management();

  // Administration: ena_admin.cpp.
  Response execute(const Command& command);
  Response set_feature(const Command& command);
  Response get_stats(const Command& command);
  void announce_link();
  void pass_time();
  void post(const Event& event);

  // Traffic: ena_traffic.cpp.
  bool deliver(std::span<const std::uint8_t> frame);
  void transmit(std::size_t index);
  void send(Frame frame);
  [[nodiscard]] std::size_t most_frame_bytes() const;

  std::recursive_mutex one_at_a_time_;
  FaultPlan faults_;
  FaultyMachine machine_;
  const Profile profile_;
  Features features_;
  IoQueues queues_;
  AdminQueue admin_;
  EventQueue events_;

  std::array<std::uint32_t, 0x80 / 4> written_{};  // what the driver wrote into registers that hold addresses and sizes
  bool in_reset_ = false;
  std::uint64_t ready_at_ns_ = 0;
  std::optional<unsigned> last_reset_reason_;
  bool management_masked_ = false;
  bool management_pending_ = false;

  std::optional<bool> announced_link_;
  std::uint64_t next_keep_alive_ns_ = 0;
  bool keep_alive_stopped_ = false;
  bool removed_ = false;
  bool last_buffer_first_ = false;
  Counts counts_;
  Drops drops_;
  Allowances allowances_;
};

}  // namespace millrace::devmodel::ena
