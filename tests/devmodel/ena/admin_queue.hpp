// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/device.hpp"
#include "tests/devmodel/bytes.hpp"
#include "tests/devmodel/ena/fault_plan.hpp"
#include "tests/devmodel/ena/ring.hpp"

#include <array>
#include <functional>
#include <vector>

namespace millrace::devmodel::ena {

/// ena_admin_aq_opcode.
enum class Opcode : std::uint8_t {
  create_sq = 1, destroy_sq = 2, create_cq = 3, destroy_cq = 4, get_feature = 8, set_feature = 9, get_stats = 11
};

/// ena_admin_aq_completion_status.
enum class Status : std::uint8_t {
  success = 0, resource_allocation_failure = 1, bad_opcode = 2, unsupported_opcode = 3, malformed_request = 4,
  illegal_parameter = 5, unknown_error = 6, resource_busy = 7
};

inline constexpr std::size_t admin_entry_bytes = 64;

/// An entry of the admin queue, ena_admin_aq_entry. Places are counted from its begin.
class Command {
 public:
  explicit Command(Bytes entry);
  [[nodiscard]] std::uint8_t u8(std::size_t at) const { return entry_[at]; }
  [[nodiscard]] std::uint16_t u16(std::size_t at) const { return le16(entry_, at); }
  [[nodiscard]] std::uint32_t u32(std::size_t at) const { return le32(entry_, at); }
  /// ena_common_mem_addr: 48 bits.
  [[nodiscard]] std::uint64_t address(std::size_t at) const { return u32(at) | std::uint64_t{u16(at + 4)} << 32; }

  [[nodiscard]] std::uint16_t id() const { return u16(0) & 0xfff; }
  [[nodiscard]] Opcode opcode() const { return static_cast<Opcode>(u8(2)); }
  [[nodiscard]] bool phase() const { return bit(u8(3), 0); }
  /// ena_admin_ctrl_buff_info. By the interface flag 2 says that the address is that of a list of pages; but the drivers set it
  /// and give the address of the data, so that is what the device takes either flag for.
  [[nodiscard]] bool has_control_buffer() const { return (u8(3) & 0x6) != 0; }
  [[nodiscard]] std::uint32_t control_bytes() const { return u32(4); }
  [[nodiscard]] std::uint64_t control_address() const { return address(8); }

 private:
  std::array<std::uint8_t, admin_entry_bytes> entry_{};
};

/// What the device answers. Places in the data are counted behind ena_admin_acq_common_desc.
struct Response {
  Status status = Status::success;
  std::array<std::uint8_t, admin_entry_bytes - 8> data{};

  static Response failure(Status status) {
    Response response;
    response.status = status;
    return response;
  }
};

/// The admin queue (AQ) and its completion queue (ACQ).
class AdminQueue {
 public:
  using Execute = std::function<Response(const Command&)>;

  AdminQueue(Machine& machine, FaultPlan& faults, Execute execute) : machine_(machine), faults_(faults), execute_(std::move(execute)) {}

  Ring submission;
  Ring completion;
  /// A device that fetches commands and answers none.
  bool deaf = false;

  /// AQ_DB. True: there are new completions to interrupt for.
  bool doorbell(std::uint16_t tail);
  /// Answers that a fault has kept back. True: as above.
  bool release_late();
  void reset();

 private:
  using Entry = std::array<std::uint8_t, admin_entry_bytes>;
  bool complete(const Command& command, const Response& response);
  bool put(const Entry& answer);

  Machine& machine_;
  FaultPlan& faults_;
  Execute execute_;
  std::vector<Entry> late_;
};

}  // namespace millrace::devmodel::ena
