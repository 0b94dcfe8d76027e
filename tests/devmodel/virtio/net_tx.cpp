// SPDX-License-Identifier: BSD-3-Clause
// The driver's packets onto the wire: checksums finished, large ones cut (5.1.6.2).
#include "tests/devmodel/virtio/net.hpp"

#include "tests/devmodel/bytes.hpp"
#include "tests/devmodel/frame_sums.hpp"
#include "tests/devmodel/sums.hpp"
#include "tests/devmodel/virtio/registers.hpp"

#include <algorithm>
#include <cstring>

namespace millrace::devmodel::virtio {

void Net::transmit(QueueState& queue) {
  bool any = false;
  while (auto chain = queue.queue.take()) {
    send(chain->read());
    queue.queue.give_back(*chain, 0);
    any = true;
  }
  if (any) interrupt(queue);
}

void Net::send(Bytes packet) {
  if (packet.size() < net_hdr::bytes + 14) return machine_.violation("virtio: a packet shorter than its headers");
  const std::uint8_t flags = packet[net_hdr::flags], gso_type = packet[net_hdr::gso_type];
  const std::uint16_t gso_size = le16(packet, net_hdr::gso_size), start = le16(packet, net_hdr::csum_start), field = le16(packet, net_hdr::csum_offset);
  Bytes frame(packet.begin() + net_hdr::bytes, packet.end());
  if ((flags & net_hdr::needs_csum) == 0) {
    if (gso_type != net_hdr::gso_none) machine_.violation("virtio: segmentation without checksum");
    return put(std::move(frame));
  }
  if (!has(feature::csum)) machine_.violation("virtio: a checksum is asked for that was not agreed on");
  if (start + field + 2u > frame.size()) return machine_.violation("virtio: a checksum outside its frame");
  if (gso_type != net_hdr::gso_none) {
    const bool is_agreed = (gso_type == net_hdr::gso_tcpv4 && has(feature::host_tso4)) || (gso_type == net_hdr::gso_tcpv6 && has(feature::host_tso6));
    if (!is_agreed || gso_size == 0) return machine_.violation("virtio: segmentation that was not agreed on");
    return send_segments(frame, start, gso_size);
  }
  // The field holds the pseudo header's sum.
  const std::uint16_t sum = static_cast<std::uint16_t>(~ones_sum(std::span(frame).subspan(start)));
  frame[start + field] = static_cast<std::uint8_t>(sum >> 8);
  frame[start + field + 1] = static_cast<std::uint8_t>(sum);
  put(std::move(frame));
}

// RFC 9293: each segment has the next sequence number; FIN and PSH are the last one's, CWR the first one's.
void Net::send_segments(const Bytes& frame, std::uint16_t start, std::uint16_t size) {
  const std::size_t headers = start + (frame[start + 12u] >> 4) * 4u;
  const bool v4 = frame[14] >> 4 == 4;
  std::uint32_t sequence = 0;
  for (int i = 0; i < 4; ++i) sequence = sequence << 8 | frame[start + 4u + static_cast<unsigned>(i)];
  std::uint16_t id = static_cast<std::uint16_t>(frame[18] << 8 | frame[19]);
  for (std::size_t at = headers; at < frame.size(); at += size) {
    const std::size_t n = std::min<std::size_t>(size, frame.size() - at);
    Bytes segment(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(headers));
    segment.insert(segment.end(), frame.begin() + static_cast<std::ptrdiff_t>(at), frame.begin() + static_cast<std::ptrdiff_t>(at + n));
    const auto put16 = [&](std::size_t offset, std::size_t value) {
      segment[offset] = static_cast<std::uint8_t>(value >> 8);
      segment[offset + 1] = static_cast<std::uint8_t>(value);
    };
    put16(v4 ? 16 : 18, v4 ? segment.size() - 14 : segment.size() - 54);
    if (v4) put16(18, id++);
    put16(start + 4u, sequence >> 16);
    put16(start + 6u, sequence);
    sequence += static_cast<std::uint32_t>(n);
    if (at + n < frame.size()) segment[start + 13u] &= static_cast<std::uint8_t>(~0x09u);
    if (at != headers) segment[start + 13u] &= 0x7f;
    finish_sums(segment);
    put(std::move(segment));
  }
}

void Net::put(Bytes frame) {
  if (!link_) return;
  ++counts_.tx_frames;
  counts_.tx_bytes += frame.size();
  put_on_wire(std::move(frame));
}

}  // namespace millrace::devmodel::virtio
