// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/device.hpp"
#include "tests/devmodel/bytes.hpp"
#include "tests/devmodel/ena/fault_plan.hpp"
#include "tests/devmodel/ena/ring.hpp"

#include <array>

namespace millrace::devmodel::ena {

/// ena_admin_aenq_group.
enum class EventGroup : std::uint16_t { link_change = 0, fatal_error = 1, warning = 2, notification = 3, keep_alive = 4 };
inline constexpr std::uint32_t supported_event_groups = 0x1f;

/// ena_admin_aenq_notification_syndrome.
inline constexpr std::uint16_t update_hints_syndrome = 2;

struct Event {
  EventGroup group = EventGroup::link_change;
  std::uint16_t syndrome = 0;
  std::array<std::uint8_t, 48> data{};
};

/// The asynchronous event notification queue (AENQ): the driver's memory, which the device fills and the driver frees by
/// AENQ_HEAD_DB.
class EventQueue {
 public:
  static constexpr std::size_t entry_bytes = 64;

  EventQueue(Machine& machine, FaultPlan& faults) : machine_(machine), faults_(faults) {}

  Ring ring;
  std::uint32_t enabled_groups = 0;

  /// AENQ_HEAD_DB: entries up to there are free. Before the first time none is.
  void head_doorbell(std::uint16_t head) { free_until_ = head; }
  /// False: the driver does not want it, or has no room. One that is lost the device takes for told.
  bool post(const Event& event);
  [[nodiscard]] bool wants(EventGroup group) const { return bit(enabled_groups, static_cast<unsigned>(group)); }
  void reset();

 private:
  Machine& machine_;
  FaultPlan& faults_;
  std::uint16_t free_until_ = 0;
};

}  // namespace millrace::devmodel::ena
