// SPDX-License-Identifier: BSD-3-Clause
// A frame from the wire into the driver's buffers (5.1.6.3, 5.1.6.4).
#include "tests/devmodel/virtio/net.hpp"

#include "tests/devmodel/frame_sums.hpp"
#include "tests/devmodel/virtio/registers.hpp"

#include <algorithm>
#include <cstring>

namespace millrace::devmodel::virtio {

// 5.1.6.5.1, 5.1.6.5.2, 5.1.6.5.3. A promiscuous device lets everything in; the table of VLANs is empty at first.
bool Net::wants(std::span<const std::uint8_t> frame) const {
  if (frame.size() < 14) return false;
  if (promisc_) return true;
  const bool is_tagged = frame[12] == 0x81 && frame[13] == 0x00 && frame.size() >= 18;
  const auto tag = static_cast<std::uint16_t>(is_tagged ? (frame[14] << 8 | frame[15]) & 0xfff : 0);
  if (is_tagged && has(feature::ctrl_vlan) && !vlans_.contains(tag)) return false;
  if (!has(feature::ctrl_rx)) return true;
  if ((frame[0] & 1) == 0) return std::equal(own_mac_.begin(), own_mac_.end(), frame.begin()) || macs_.contains(Bytes(frame.begin(), frame.begin() + 6));
  const bool is_broadcast = std::all_of(frame.begin(), frame.begin() + 6, [](std::uint8_t b) { return b == 0xff; });
  return is_broadcast || allmulti_ || macs_.contains(Bytes(frame.begin(), frame.begin() + 6));
}

// Which of the active queues is the device's choice (5.1.6.5.5): here by what the ports add up to.
std::uint16_t Net::queue_of(std::span<const std::uint8_t> frame) const {
  if (active_pairs_ < 2 || frame.size() < 38) return 0;
  const unsigned ports = frame[34] + frame[35] + frame[36] + frame[37];
  return static_cast<std::uint16_t>(2 * (ports % active_pairs_));
}

bool Net::receive(std::span<const std::uint8_t> frame) {
  if (is_removed_ || !is_running() || !link_) return false;
  if (!wants(frame)) {
    ++counts_.rx_filtered;
    return false;
  }
  QueueState& queue = queues_[queue_of(frame)];
  Bytes packet(net_hdr::bytes + frame.size());
  std::copy(frame.begin(), frame.end(), packet.begin() + net_hdr::bytes);
  if (has(feature::guest_csum) && has_right_sum(frame)) packet[net_hdr::flags] = net_hdr::data_valid;

  const Queue before = queue.queue;
  std::vector<Chain> chains;
  std::size_t room = 0;
  while (room < packet.size()) {
    auto chain = queue.queue.take();
    const bool may_have_more = has(feature::mrg_rxbuf);
    if (!chain || (!may_have_more && chain->room() < packet.size())) {
      queue.queue.untake(before);  // what it was given waits for a frame that fits
      ++counts_.rx_no_buffer;
      return false;
    }
    room += chain->room();
    chains.push_back(std::move(*chain));
  }
  const auto count = static_cast<std::uint16_t>(chains.size());
  std::memcpy(&packet[net_hdr::num_buffers], &count, sizeof count);
  const bool is_written = machine_.faults().allows(Event::data, queue.queue.index(), packet);
  std::size_t at = 0;
  for (const Chain& chain : chains) {
    std::uint32_t written = 0;
    for (const auto& part : chain.writable) {
      const std::size_t n = std::min(part.size(), packet.size() - at);
      if (is_written) std::copy_n(packet.begin() + static_cast<std::ptrdiff_t>(at), n, part.begin());
      at += n;
      written += static_cast<std::uint32_t>(n);
    }
    queue.queue.give_back(chain, written);
  }
  ++counts_.rx_frames;
  counts_.rx_bytes += frame.size();
  interrupt(queue);
  return true;
}

}  // namespace millrace::devmodel::virtio
