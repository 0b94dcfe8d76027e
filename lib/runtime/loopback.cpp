// SPDX-License-Identifier: BSD-3-Clause
// The loopback device. Called by ip::Stack's output for what is sent to an own address; calls Receive::netif_rx.
// loopback_xmit() of drivers/net/loopback.c (receive_path M1, M2, M4).
#include <millrace/runtime/loopback.hpp>

#include <millrace/gro/arrival.hpp>
#include <millrace/port/tx_offload.hpp>
#include <millrace/runtime/receive.hpp>

#include <utility>

namespace millrace::runtime {
namespace {

// A sum over data that nobody has made yet need not be made: the bytes have not left memory.
pkt::ChecksumVerdict leave_sum(pkt::Mbuf& frame) {
  switch (frame.meta.tx_checksum) {
    case pkt::ChecksumRequest::none: return pkt::ChecksumVerdict::unknown;
    case pkt::ChecksumRequest::icmp6: port::finish_checksum(frame); return pkt::ChecksumVerdict::unknown;
    case pkt::ChecksumRequest::tcp:
    case pkt::ChecksumRequest::udp: break;
  }
  port::write_pseudo_sum(frame);
  frame.meta.tx_checksum = pkt::ChecksumRequest::none;
  return pkt::ChecksumVerdict::partial;
}

}  // namespace

void Loopback::transmit(pkt::Packet frame) {
  static_cast<void>(gro::arrive(frame.mbuf(), {.ifindex = ifindex_}));  // its addresses are zero, as the frame's
  pkt::Meta& meta = frame.meta();
  meta.checksum = leave_sum(frame.mbuf());
  meta.ifindex = ifindex_;
  meta.rx_queue = 0;
  meta.is_copy = false;
  meta.is_reassembled = false;  // an answer may lie in the buffers of what it answers
  const std::uint32_t length = frame.length();
  if (!receive_.netif_rx(std::move(frame))) return counted.drops.add(1);
  counted.packets.add(1);
  counted.bytes.add(length);
}

}  // namespace millrace::runtime
