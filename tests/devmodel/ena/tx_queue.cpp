// SPDX-License-Identifier: BSD-3-Clause
// The transmit descriptors, ena_eth_io_tx_desc and ena_eth_io_tx_meta_desc, from either kind of memory. Called by Ena for
// doorbells; calls the machine's memory.
#include "tests/devmodel/ena/tx_queue.hpp"

#include <algorithm>

namespace millrace::devmodel::ena {
namespace {

constexpr std::size_t descriptor_bytes = 16;
constexpr unsigned llq_bar = 2;
// len_ctrl, the first word of both kinds
constexpr unsigned meta_desc = 23, phase = 24, first_in_packet = 26, last_in_packet = 27, comp_req = 28;

TxMeta parse_meta(Bytes descriptor) {
  const std::uint32_t control = le32(descriptor, 0);
  const std::uint32_t lengths = le32(descriptor, 8);
  TxMeta meta;
  meta.mss = bits(lengths, 31, 22) | bits(control, 19, 16) << 10;
  meta.l3_bytes = bits(lengths, 7, 0);
  meta.l3_at = bits(lengths, 15, 8);
  meta.l4_header_bytes = 4 * bits(lengths, 21, 16);
  return meta;
}

TxOffload parse_offload(std::uint32_t control) {
  TxOffload offload;
  offload.l3 = static_cast<L3>(bits(control, 3, 0));
  offload.l4 = static_cast<L4>(bits(control, 12, 8));
  offload.tso = bit(control, 7);
  offload.l3_sum = bit(control, 13);
  offload.l4_sum = bit(control, 14);
  offload.l4_partial = bit(control, 17);
  return offload;
}

}  // namespace

TxQueue::Layout TxQueue::Layout::low_latency(const LlqConfig& config) {
  return {true, config.descriptors_before_header, static_cast<std::uint32_t>(config.entry_bytes / descriptor_bytes),
          config.meta_caching, config.most_burst_bytes};
}

bool TxQueue::refuse(const char* why) {
  machine_.violation(std::string("ena: ") + why);
  return false;
}

void TxQueue::doorbell(std::uint16_t tail) {
  if (ring_.until(tail) > ring_.depth()) {
    refuse("a transmit doorbell beyond the queue's depth");
    return;
  }
  const auto burst = static_cast<std::uint16_t>(tail - tail_);
  if (layout_.most_burst_bytes != 0 && burst * ring_.entry_bytes() > layout_.most_burst_bytes)
    refuse("more LLQ entries before a doorbell than max_tx_burst_size allows");
  tail_ = tail;
}

std::optional<TxPacket> TxQueue::next() {
  const Gathered gathered = gather();
  if (!gathered.complete) return std::nullopt;
  return interpret(gathered);
}

// Moves on only when all of a packet is there.
TxQueue::Gathered TxQueue::gather() {
  Gathered gathered;
  Ring at = ring_;
  std::uint32_t descriptors = layout_.descriptors_in_first_entry;
  while (!gathered.complete && at.until(tail_) != 0) {
    if (!take_entry(gathered, at, descriptors)) {
      tail_ = ring_.index();  // nothing in this queue can be trusted any more
      return {};
    }
    at.advance();
    descriptors = layout_.descriptors_per_entry;
  }
  if (gathered.complete) ring_ = at;
  return gathered;
}

bool TxQueue::take_entry(Gathered& gathered, Ring at, std::uint32_t descriptors) {
  MutableBytes entry;
  if (layout_.in_device_memory) {
    const MutableBytes memory = machine_.plain(llq_bar);
    if (at.here() + at.entry_bytes() > memory.size()) return refuse("a low latency queue whose memory is not mapped");
    entry = memory.subspan(at.here(), at.entry_bytes());
    if (gathered.descriptors.empty()) {
      const MutableBytes behind = entry.subspan(descriptors * descriptor_bytes);
      gathered.pushed.assign(behind.begin(), behind.end());
    }
  } else {
    entry = machine_.dma(at.here(), at.entry_bytes());
    if (entry.empty()) return false;
  }
  for (std::uint32_t i = 0; i < descriptors && !gathered.complete; ++i) {
    Descriptor& descriptor = gathered.descriptors.emplace_back();
    std::copy_n(entry.begin() + i * descriptor_bytes, descriptor.size(), descriptor.begin());
    const std::uint32_t control = le32(descriptor, 0);
    if (bit(control, phase) != at.phase()) return refuse("a transmit descriptor with the wrong phase");
    gathered.complete = bit(control, last_in_packet);
  }
  return true;
}

std::optional<TxPacket> TxQueue::interpret(const Gathered& gathered) {
  TxPacket packet;
  const std::uint32_t begin = le32(gathered.descriptors.front(), 0);
  const bool has_meta = bit(begin, meta_desc);
  if (!bit(begin, first_in_packet)) refuse("a packet whose first descriptor does not say so");
  if (gathered.descriptors.size() > most_descriptors_) refuse("more descriptors than a packet may have");
  if (!has_meta && !layout_.meta_caching) refuse("a packet without a meta descriptor, which is not cached");
  if (has_meta && !take_meta(gathered, packet)) return std::nullopt;

  const std::size_t first = has_meta ? 1 : 0;
  const Descriptor& descriptor = gathered.descriptors[first];
  const std::uint32_t len_ctrl = le32(descriptor, 0);
  const std::uint32_t meta_ctrl = le32(descriptor, 4);
  const TxMeta meta = packet.offload.meta;
  packet.offload = parse_offload(meta_ctrl);
  packet.offload.meta = has_meta ? meta : cached_meta_;
  packet.req_id = static_cast<std::uint16_t>(bits(meta_ctrl, 31, 22) | bits(len_ctrl, 21, 16) << 10);
  packet.completion_wanted = bit(len_ctrl, comp_req);
  if (!take_data(gathered, first, packet)) return std::nullopt;
  return packet;
}

bool TxQueue::take_meta(const Gathered& gathered, TxPacket& packet) {
  constexpr unsigned ext_valid = 14, eth_meta_type = 20, meta_store = 21;
  const std::uint32_t control = le32(gathered.descriptors.front(), 0);
  if (gathered.descriptors.size() < 2) return refuse("a meta descriptor without a packet");
  if (!bit(control, ext_valid) || !bit(control, eth_meta_type)) return refuse("a meta descriptor that is not an extended one");
  packet.offload.meta = parse_meta(gathered.descriptors.front());
  if (bit(control, meta_store)) cached_meta_ = packet.offload.meta;
  return true;
}

// A low latency queue has the packet's begin behind the descriptors of its first entry; header_length says how much.
bool TxQueue::take_data(const Gathered& gathered, std::size_t first, TxPacket& packet) {
  if (layout_.in_device_memory) {
    const std::size_t pushed = gathered.descriptors[first][15];
    if (pushed > gathered.pushed.size()) return refuse("a pushed header longer than its entry");
    packet.frame.assign(gathered.pushed.begin(), gathered.pushed.begin() + static_cast<std::ptrdiff_t>(pushed));
  }
  for (std::size_t i = first; i < gathered.descriptors.size(); ++i) {
    const Descriptor& descriptor = gathered.descriptors[i];
    const std::size_t bytes = le16(descriptor, 0);
    if (bytes == 0) continue;
    const std::uint64_t address = le32(descriptor, 8) | std::uint64_t{le16(descriptor, 12)} << 32;
    const MutableBytes data = machine_.dma(address, bytes);
    if (data.empty()) return false;
    packet.frame.insert(packet.frame.end(), data.begin(), data.end());
  }
  return !packet.frame.empty() || refuse("a packet without a byte");
}

}  // namespace millrace::devmodel::ena
