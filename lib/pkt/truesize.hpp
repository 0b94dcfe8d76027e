// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>

namespace millrace::pkt {

/// What a packet costs in memory, bytes: its buffers with their headers, however little of them is data. This is
/// what socket and neighbour queues are charged (receive_path O10; Linux: skb->truesize).
[[nodiscard]] inline std::uint32_t truesize(const Packet& packet) {
  std::uint32_t sum = 0;
  for (const Mbuf* m = &packet.mbuf(); m != nullptr; m = m->next) sum += sizeof(Mbuf) + m->buf_len;
  return sum;
}

/// The same where the packets that refer to one datagram lie side by side, as its fragments do: each has its own buffers
/// and, of those that it refers to, its part.
[[nodiscard]] inline std::uint32_t truesize_among_references(const Packet& packet) {
  std::uint32_t sum = 0;
  for (const Mbuf* m = &packet.mbuf(); m != nullptr; m = m->next)
    sum += sizeof(Mbuf) + ((m->ol_flags & flag::indirect) != 0 ? m->data_len : m->buf_len);
  return sum;
}

}  // namespace millrace::pkt
