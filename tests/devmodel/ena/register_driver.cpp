// SPDX-License-Identifier: BSD-3-Clause
// The least of an ENA driver. Called by ena_model_test; calls the model's registers. Its layouts are written out here a second
// time, in the driver's direction, so that a slip in the model's own is seen.
#include "tests/devmodel/ena/register_driver.hpp"

#include <algorithm>
#include <stdexcept>

namespace millrace::devmodel::ena::test {

std::span<std::uint8_t> FakeMachine::dma(std::uint64_t address, std::size_t bytes) {
  if (address < base || address + bytes > base + memory_.size() || bytes == 0) {
    violation("DMA outside the memory");
    return {};
  }
  return std::span(memory_).subspan(address - base, bytes);
}

std::span<std::uint8_t> FakeMachine::plain(unsigned bar) {
  if (bar == 2) return llq_;
  violation("no plain memory there");
  return {};
}

std::uint64_t FakeMachine::allocate(std::size_t bytes) {
  const std::uint64_t address = base + used_;
  used_ += (bytes + 4095) / 4096 * 4096;
  return address;
}

std::optional<std::uint32_t> RegisterDriver::load(std::uint16_t offset) {
  if (read_response_ == 0) {
    read_response_ = machine_.allocate(8);
    store(reg::mmio_resp_lo, static_cast<std::uint32_t>(read_response_));
    store(reg::mmio_resp_hi, static_cast<std::uint32_t>(read_response_ >> 32));
  }
  const MutableBytes response = machine_.dma(read_response_, 8);
  put_le16(response, 0, ++read_id_ + 0xdeadU);
  store(reg::mmio_reg_read, std::uint32_t{offset} << 16 | read_id_);
  if (le16(response, 0) != read_id_ || le16(response, 2) != offset) return std::nullopt;
  return le32(response, 4);
}

void RegisterDriver::reset(unsigned reason) {
  store(reg::dev_ctl, 1 | reason << 28);
  read_response_ = 0;  // the device has forgotten it
  static_cast<void>(load(reg::dev_sts));
  store(reg::dev_ctl, 0);
}

void RegisterDriver::start() {
  reset();
  submission_ = machine_.allocate(std::size_t{admin_depth} * 64);
  completion_ = machine_.allocate(std::size_t{admin_depth} * 64);
  events_ = machine_.allocate(std::size_t{event_depth} * 64);
  admin_tail_ = event_head_ = 0;
  for (const auto& [lo, base] : {std::pair{reg::aq_base_lo, submission_}, {reg::acq_base_lo, completion_}, {reg::aenq_base_lo, events_}}) {
    store(lo, static_cast<std::uint32_t>(base));
    store(lo + 4, static_cast<std::uint32_t>(base >> 32));
  }
  store(reg::aq_caps, 64U << 16 | admin_depth);
  store(reg::acq_caps, 64U << 16 | admin_depth);
  store(reg::aenq_caps, 64U << 16 | event_depth);
  store(reg::aenq_head_db, event_depth);
}

Words RegisterDriver::command(Opcode opcode) const {
  Words command(64);
  command[2] = static_cast<std::uint8_t>(opcode);
  return command;
}

std::optional<Answer> RegisterDriver::run(Words command) {
  const std::uint16_t slot = admin_tail_ % admin_depth;
  const auto phase = static_cast<std::uint8_t>(admin_tail_ / admin_depth % 2 == 0 ? 1 : 0);
  put_le16(command, 0, slot);
  command[3] = static_cast<std::uint8_t>(command[3] | phase);
  std::copy(command.begin(), command.end(), machine_.dma(submission_ + slot * 64U, 64).begin());
  store(reg::aq_db, ++admin_tail_);
  const MutableBytes entry = machine_.dma(completion_ + slot * 64U, 64);
  if ((entry[3] & 1) != phase || le16(entry, 0) != slot) return std::nullopt;
  return Answer{static_cast<Status>(entry[2]), Words(entry.begin() + 8, entry.end())};
}

Answer RegisterDriver::get_feature(Feature feature, std::uint64_t control, std::uint32_t control_bytes) {
  Words get = command(Opcode::get_feature);
  get[17] = static_cast<std::uint8_t>(feature);
  if (control_bytes != 0) get[3] = 4;
  put_le32(get, 4, control_bytes);
  put_le64(get, 8, control);
  return run(get).value_or(Answer{});
}

Answer RegisterDriver::set_feature(Feature feature, const Words& data, std::uint64_t control, std::uint32_t control_bytes) {
  Words set = command(Opcode::set_feature);
  set[17] = static_cast<std::uint8_t>(feature);
  if (control_bytes != 0) set[3] = 4;
  put_le32(set, 4, control_bytes);
  put_le64(set, 8, control);
  std::copy(data.begin(), data.end(), set.begin() + 20);
  return run(set).value_or(Answer{});
}

Queue RegisterDriver::create(bool tx, std::uint16_t depth, bool llq, std::uint32_t vector) {
  Queue queue;
  queue.depth = depth;
  queue.completion_bytes = tx ? 8 : 16;
  queue.completions = machine_.allocate(std::size_t{depth} * queue.completion_bytes);
  queue.ring = machine_.allocate(std::size_t{depth} * 16);
  Words cq = command(Opcode::create_cq);
  cq[4] = 1 << 5;
  cq[5] = static_cast<std::uint8_t>(queue.completion_bytes / 4);
  put_le16(cq, 6, depth);
  put_le32(cq, 8, vector);
  put_le64(cq, 12, queue.completions);
  const Answer made_cq = run(cq).value();
  if (made_cq.status != Status::success) throw std::runtime_error("CREATE_CQ");
  queue.cq = le16(made_cq.data, 0);
  queue.unmask = le32(made_cq.data, 12);
  Words sq = command(Opcode::create_sq);
  sq[4] = static_cast<std::uint8_t>((tx ? 1 : 2) << 5);
  sq[6] = llq ? 3 : 1;
  sq[7] = 1;
  put_le16(sq, 8, queue.cq);
  put_le16(sq, 10, depth);
  if (!llq) put_le64(sq, 12, queue.ring);
  const Answer made_sq = run(sq).value();
  if (made_sq.status != Status::success) throw std::runtime_error("CREATE_SQ");
  queue.index = le16(made_sq.data, 0);
  queue.doorbell = le32(made_sq.data, 4);
  queue.llq_at = le32(made_sq.data, 8);
  return queue;
}

void RegisterDriver::put_descriptor(Queue& queue, Words descriptor, std::size_t phase_at) {
  const bool phase = queue.tail / queue.depth % 2 == 0;
  if (phase) descriptor[phase_at] = static_cast<std::uint8_t>(descriptor[phase_at] | 1);
  const std::uint64_t at = queue.ring + 16U * (queue.tail % queue.depth);
  std::copy(descriptor.begin(), descriptor.end(), machine_.dma(at, 16).begin());
  ++queue.tail;
}

void RegisterDriver::give_buffer(Queue& rx, std::uint16_t req_id, std::uint64_t address, std::uint16_t bytes) {
  Words descriptor(16);
  put_le16(descriptor, 0, bytes);
  descriptor[3] = 0x1c;  // first, last, comp_req
  put_le16(descriptor, 4, req_id);
  put_le64(descriptor, 8, address);
  buffers_[req_id] = address;
  put_descriptor(rx, descriptor, 3);
}

void RegisterDriver::give_buffers(Queue& rx, unsigned count, std::uint16_t bytes) {
  for (unsigned i = 0; i < count; ++i) give_buffer(rx, static_cast<std::uint16_t>(i), machine_.allocate(bytes), bytes);
  ring(rx);
}

std::optional<Words> RegisterDriver::completion(Queue& queue) {
  const bool phase = queue.head / queue.depth % 2 == 0;
  const MutableBytes entry = machine_.dma(queue.completions + std::uint64_t{queue.completion_bytes} * (queue.head % queue.depth), queue.completion_bytes);
  if (bit(entry[3], 0) != phase) return std::nullopt;
  ++queue.head;
  return Words(entry.begin(), entry.end());
}

std::optional<Words> RegisterDriver::event() {
  const bool phase = event_head_ / event_depth % 2 == 0;
  const MutableBytes entry = machine_.dma(events_ + 64U * (event_head_ % event_depth), 64);
  if (bit(entry[4], 0) != phase) return std::nullopt;
  ++event_head_;
  store(reg::aenq_head_db, event_depth + event_head_);
  return Words(entry.begin(), entry.end());
}

}  // namespace millrace::devmodel::ena::test
