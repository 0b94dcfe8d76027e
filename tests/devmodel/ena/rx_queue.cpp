// SPDX-License-Identifier: BSD-3-Clause
// The receive descriptors, ena_eth_io_rx_desc and ena_eth_io_rx_cdesc_base. Called by Ena for doorbells and frames; calls the
// machine's memory.
#include "tests/devmodel/ena/rx_queue.hpp"

#include <algorithm>

namespace millrace::devmodel::ena {
namespace {

RxBuffer parse(Bytes descriptor) {
  RxBuffer buffer;
  const std::uint32_t length = le16(descriptor, 0);
  buffer.bytes = length == 0 ? 0x10000 : length;  // "0 means 64KB"
  buffer.req_id = le16(descriptor, 4);
  buffer.address = le32(descriptor, 8) | std::uint64_t{le16(descriptor, 12)} << 32;
  return buffer;
}

}  // namespace

void RxQueue::doorbell(std::uint16_t tail) {
  if (ring_.until(tail) + buffers_.size() > ring_.depth()) {
    machine_.violation("ena: a receive doorbell beyond the queue's depth");
    return;
  }
  while (ring_.until(tail) != 0) {
    const MutableBytes descriptor = machine_.dma(ring_.here(), ring_.entry_bytes());
    if (descriptor.empty()) return;
    if (bit(descriptor[3], 0) != ring_.phase()) {
      machine_.violation("ena: a receive descriptor with the wrong phase");
      return;
    }
    buffers_.push_back(parse(descriptor));
    ring_.advance();
  }
}

std::vector<RxBuffer> RxQueue::take(std::size_t frame_bytes, std::size_t most, bool last_first) {
  if (last_first) std::reverse(buffers_.begin(), buffers_.end());
  std::size_t count = 0;
  std::size_t room = 0;
  while (room < frame_bytes && count < buffers_.size() && count < most) room += buffers_[count++].bytes;
  if (room < frame_bytes) count = 0;
  const auto end = buffers_.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<RxBuffer> taken(buffers_.begin(), end);
  buffers_.erase(buffers_.begin(), end);
  if (last_first) std::reverse(buffers_.begin(), buffers_.end());
  return taken;
}

std::array<std::uint8_t, RxCompletion::size> RxCompletion::emit(const Packet& packet) const {
  constexpr std::uint32_t buffer_was_used = 1U << 30;
  std::uint32_t status = buffer_was_used | (first ? 1U << 26 : 0) | (last ? 1U << 27 : 0);
  if (last) {
    status |= static_cast<std::uint32_t>(packet.l3) | packet.vlan_tags << 5 | static_cast<std::uint32_t>(packet.l4) << 8;
    if (packet.l3 == L3::ipv4 && !packet.l3_sum_good) status |= 1U << 13;
    if (packet.l4_checked && !packet.l4_sum_good) status |= 1U << 14;
    if (packet.fragment) status |= 1U << 15;
    if (packet.l4_checked) status |= 1U << 16;
  }
  std::array<std::uint8_t, size> out{};
  put_le32(out, 0, status);
  put_le16(out, 4, bytes);
  put_le16(out, 6, req_id);
  put_le32(out, 8, last ? hash : 0);
  put_le16(out, 12, queue);  // sub_qid; behind it the offset of the data in the buffer, always 0
  return out;
}

}  // namespace millrace::devmodel::ena
