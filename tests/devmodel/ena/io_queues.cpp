// SPDX-License-Identifier: BSD-3-Clause
// CREATE_CQ, DESTROY_CQ, CREATE_SQ, DESTROY_SQ. Called by the admin queue; calls nothing. The structs are named at each
// function; places in commands are counted from their begin, in answers behind the common part.
#include "tests/devmodel/ena/io_queues.hpp"

#include "tests/devmodel/ena/registers.hpp"

#include <algorithm>

namespace millrace::devmodel::ena {
namespace {

constexpr std::uint32_t descriptor_bytes = 16;
constexpr std::uint32_t tx_completion_bytes = 8;
constexpr std::uint32_t no_vector = 0xffffffff;  // what DPDK names for a queue that it polls
enum class Direction : std::uint8_t { tx = 1, rx = 2 };
enum class Placement : std::uint8_t { host = 1, device = 3 };

Response illegal() { return Response::failure(Status::illegal_parameter); }

Direction direction_of(std::uint8_t sq_identity) { return static_cast<Direction>(bits(sq_identity, 7, 5)); }
Placement placement_of(const Command& create_sq) { return static_cast<Placement>(bits(create_sq.u8(6), 3, 0)); }

/// The lowest number that is free.
template <typename Queue>
std::optional<std::uint16_t> place_in(const std::vector<std::optional<Queue>>& queues) {
  const auto free = std::find_if(queues.begin(), queues.end(), [](const auto& queue) { return !queue; });
  if (free == queues.end()) return std::nullopt;
  return static_cast<std::uint16_t>(free - queues.begin());
}

std::uint32_t register_of(std::uint32_t block, std::uint16_t index) { return block + 4U * index; }

// ena_admin_acq_create_sq_resp_desc
Response sq_created(std::uint16_t index, std::uint32_t doorbells, std::size_t memory_at) {
  Response response;
  put_le16(response.data, 0, index);
  put_le32(response.data, 4, register_of(doorbells, index));
  put_le32(response.data, 8, static_cast<std::uint32_t>(memory_at));
  put_le32(response.data, 12, static_cast<std::uint32_t>(memory_at));  // headers lie in the entries
  return response;
}

}  // namespace

IoQueues::IoQueues(Machine& machine, FaultPlan& faults, const Profile& profile)
    : machine_(machine),
      faults_(faults),
      profile_(profile),
      completions_(2U * profile.queues),
      receive_(profile.queues),
      transmit_(profile.queues) {}

void IoQueues::destroy_all() {
  for (auto& queue : completions_) queue.reset();
  for (auto& queue : receive_) queue.reset();
  for (auto& queue : transmit_) queue.reset();
}

void IoQueues::release_late() {
  for (auto& queue : completions_)
    if (queue) queue->release_late();
}

// ena_admin_aq_create_cq_cmd, ena_admin_acq_create_cq_resp_desc
Response IoQueues::create_cq(const Command& command) {
  const bool interrupts = bit(command.u8(4), 5);
  const std::uint32_t entry_bytes = 4 * bits(command.u8(5), 4, 0);
  const std::uint16_t depth = command.u16(6);
  const std::uint32_t vector = command.u32(8);
  const bool polled = !interrupts || vector == no_vector;
  if (!Ring::possible_depth(depth) || depth > std::max(profile_.max_rx_depth, profile_.max_tx_depth)) return illegal();
  if (entry_bytes != tx_completion_bytes && entry_bytes != RxCompletion::size) return illegal();
  if (!polled && vector > profile_.queues) return illegal();
  if (machine_.dma(command.address(12), std::size_t{depth} * entry_bytes).empty()) return illegal();

  const auto index = place_in(completions_);
  if (!index) return Response::failure(Status::resource_allocation_failure);
  completions_[*index].emplace(machine_, faults_, Ring(command.address(12), depth, entry_bytes),
                               polled ? std::nullopt : std::optional<unsigned>(vector));
  Response response;
  put_le16(response.data, 0, *index);
  put_le16(response.data, 2, depth);
  put_le32(response.data, 4, register_of(reg::cq_numa_node, *index));
  put_le32(response.data, 8, profile_.cq_head_doorbell ? register_of(reg::cq_head_doorbell, *index) : 0);
  put_le32(response.data, 12, register_of(reg::cq_unmask, *index));
  return response;
}

// ena_admin_aq_destroy_cq_cmd
Response IoQueues::destroy_cq(const Command& command) {
  const std::uint16_t index = command.u16(4);
  if (completions(index) == nullptr) return illegal();
  if (in_use(index)) return Response::failure(Status::resource_busy);
  completions_[index].reset();
  return {};
}

bool IoQueues::in_use(std::uint16_t cq) const {
  const auto uses = [cq](const auto& queue) { return queue && queue->cq() == cq; };
  return std::any_of(receive_.begin(), receive_.end(), uses) || std::any_of(transmit_.begin(), transmit_.end(), uses);
}

// ena_admin_aq_create_sq_cmd. A completion for each descriptor that asks for it is the only policy of the drivers.
Response IoQueues::create_sq(const Command& command, const LlqConfig& llq) {
  const std::uint32_t completion_policy = bits(command.u8(6), 6, 4);
  const bool contiguous = bit(command.u8(7), 0);
  if (completion_policy != 0 || !contiguous) {
    machine_.violation("ena: CREATE_SQ with a completion policy or split memory, which is not modelled");
    return illegal();
  }
  const std::uint16_t depth = command.u16(10);
  const Direction direction = direction_of(command.u8(4));
  if (completions(command.u16(8)) == nullptr || !Ring::possible_depth(depth)) return illegal();
  if (placement_of(command) == Placement::host &&
      machine_.dma(command.address(12), std::size_t{depth} * descriptor_bytes).empty())
    return illegal();
  if (direction == Direction::rx) return create_rx(command);
  return direction == Direction::tx ? create_tx(command, llq) : illegal();
}

Response IoQueues::create_rx(const Command& command) {
  const std::uint16_t cq = command.u16(8), depth = command.u16(10);
  if (depth > profile_.max_rx_depth || placement_of(command) != Placement::host) return illegal();
  if (completions(cq)->entry_bytes() < RxCompletion::size) return illegal();
  const auto index = place_in(receive_);
  if (!index) return Response::failure(Status::resource_allocation_failure);
  receive_[*index].emplace(machine_, Ring(command.address(12), depth, descriptor_bytes), cq);
  return sq_created(*index, reg::rx_doorbell, 0);
}

Response IoQueues::create_tx(const Command& command, const LlqConfig& llq) {
  const std::uint16_t cq = command.u16(8), depth = command.u16(10);
  if (depth > profile_.max_tx_depth) return illegal();
  const auto index = place_in(transmit_);
  if (!index) return Response::failure(Status::resource_allocation_failure);
  Ring ring(command.address(12), depth, descriptor_bytes);
  TxQueue::Layout layout;
  const std::size_t memory_at = *index * profile_.llq_bytes_per_queue();
  if (placement_of(command) == Placement::device) {
    if (!profile_.llq || std::size_t{depth} * llq.entry_bytes > profile_.llq_bytes_per_queue()) return illegal();
    ring = Ring(memory_at, depth, llq.entry_bytes);
    layout = TxQueue::Layout::low_latency(llq);
  } else if (placement_of(command) != Placement::host) {
    return illegal();
  }
  transmit_[*index].emplace(machine_, ring, cq, layout, profile_.max_tx_descriptors_per_packet);
  return sq_created(*index, reg::tx_doorbell, layout.in_device_memory ? memory_at : 0);
}

// ena_admin_aq_destroy_sq_cmd
Response IoQueues::destroy_sq(const Command& command) {
  const std::uint16_t index = command.u16(4);
  const Direction direction = direction_of(command.u8(6));
  if (direction == Direction::rx && receive(index) != nullptr) {
    receive_[index].reset();
    return {};
  }
  if (direction == Direction::tx && transmit(index) != nullptr) {
    transmit_[index].reset();
    return {};
  }
  return illegal();
}

}  // namespace millrace::devmodel::ena
