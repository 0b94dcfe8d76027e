// SPDX-License-Identifier: BSD-3-Clause
// Frames: from the wire into the driver's buffers, from its descriptors to the wire. Called by Ena::receive() and the transmit
// doorbells; calls parser, RSS, offloads and completion queues.
#include "tests/devmodel/ena/ena.hpp"

#include <algorithm>

namespace millrace::devmodel::ena {
namespace {

constexpr std::size_t ethernet_header = 14;
constexpr std::size_t vlan_tag = 4;

/// Verdicts that the device does not offer: l3_csum_err is set for a sum that was not looked at, too.
Packet as_offered(Packet packet, std::uint32_t rx_offloads) {
  packet.l3_sum_good = packet.l3_sum_good && bit(rx_offloads, 0);
  packet.l4_checked = packet.l4_checked && bit(rx_offloads, packet.l3 == L3::ipv4 ? 1 : 2);
  return packet;
}

}  // namespace

std::size_t Ena::most_frame_bytes() const { return features_.settings.mtu + ethernet_header + vlan_tag; }

bool Ena::deliver(std::span<const std::uint8_t> frame) {
  const auto drop = [this] {
    ++drops_.rx;
    return false;
  };
  if (!ready() || !features_.link_up || frame.size() < ethernet_header || frame.size() > most_frame_bytes()) return drop();
  const Packet packet = as_offered(dissect(frame), profile_.rx_offloads);
  const std::uint32_t hash = features_.settings.rss.hash(packet, frame);
  const std::uint16_t index = features_.settings.rss.queue_of(hash);
  RxQueue* queue = queues_.receive(index);
  if (queue == nullptr) return drop();
  const std::vector<RxBuffer> buffers =
      queue->take(frame.size(), profile_.max_rx_descriptors_per_packet, last_buffer_first_);
  if (buffers.empty()) {
    ++counts_.rx_no_buffer;
    return drop();
  }

  std::size_t done = 0;
  for (const RxBuffer& buffer : buffers) {
    RxCompletion completion;
    completion.bytes = static_cast<std::uint16_t>(std::min<std::size_t>(buffer.bytes, frame.size() - done));
    completion.req_id = buffer.req_id;
    completion.queue = index;
    completion.hash = bit(profile_.rx_offloads, 3) ? hash : 0;
    completion.first = done == 0;
    const MutableBytes memory = machine_.dma(buffer.address, completion.bytes);
    if (memory.empty()) return drop();
    std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(done), completion.bytes, memory.begin());
    done += completion.bytes;
    completion.last = done == frame.size();
    auto entry = completion.emit(packet);
    queues_.completions(queue->cq())->post(entry);
  }
  ++counts_.rx_frames;
  counts_.rx_bytes += frame.size();
  return true;
}

// ena_eth_io_tx_cdesc is written when the packet is out: its memory is the driver's again.
void Ena::transmit(std::size_t index) {
  TxQueue& queue = *queues_.transmit(index);
  while (auto packet = queue.next()) {
    const std::string why = why_not(packet->frame, packet->offload, profile_.tx_offloads);
    if (why.empty()) {
      for (Frame& frame : offloaded(std::move(packet->frame), packet->offload)) send(std::move(frame));
    } else {
      machine_.violation("ena: a packet to send with " + why);
      ++drops_.tx;
    }
    if (!packet->completion_wanted) continue;
    std::array<std::uint8_t, 8> completion{};
    put_le16(completion, 0, packet->req_id);
    put_le16(completion, 4, static_cast<std::uint32_t>(index));  // sub_qid
    put_le16(completion, 6, queue.head());                       // sq_head_idx
    queues_.completions(queue.cq())->post(completion);
  }
}

void Ena::send(Frame frame) {
  if (!features_.link_up || frame.size() > most_frame_bytes()) {
    ++drops_.tx;
    return;
  }
  ++counts_.tx_frames;
  counts_.tx_bytes += frame.size();
  put_on_wire(std::move(frame));
}

}  // namespace millrace::devmodel::ena
