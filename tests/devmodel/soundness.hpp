// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/pool.hpp>

#include <algorithm>
#include <vector>

namespace millrace::devmodel {

/// Whether a packet lies within its buffers, and its own lengths and theirs agree: no other may leave a port, whatever its device says.
[[nodiscard]] inline bool is_sound(const pkt::Packet& packet) {
  std::uint64_t bytes = 0;
  unsigned segments = 0;
  for (const pkt::Mbuf* m = &packet.mbuf(); m != nullptr; m = m->next) {
    if (m->data_off + m->data_len > m->buf_len) return false;
    bytes += m->data_len;
    ++segments;
  }
  return bytes == packet.length() && segments == packet.segments();
}

/// Whether a pool has each of its free buffers once: one that a driver has freed twice has two owners later.
[[nodiscard]] inline bool has_each_once(pkt::Pool& pool) {
  std::vector<pkt::Packet> all;
  std::vector<const pkt::Mbuf*> each;
  while (pkt::Packet packet = pool.allocate()) {
    each.push_back(&packet.mbuf());
    all.push_back(std::move(packet));
  }
  for (pkt::Packet& packet : all) pkt::consume(std::move(packet));
  std::sort(each.begin(), each.end());
  return std::adjacent_find(each.begin(), each.end()) == each.end() && each.size() == pool.size() - pool.in_use();
}

}  // namespace millrace::devmodel
