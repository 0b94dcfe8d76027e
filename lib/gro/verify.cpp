// SPDX-License-Identifier: BSD-3-Clause
// The second half of a merge on headers alone: sums every segment, and cuts out the wrong ones. Called by
// runtime::Receive before anybody else sees the packet; calls rules.cpp. Clauses: receive_path X21, E10.
#include <millrace/gro/verify.hpp>

#include <millrace/gro/rules.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/tcp.hpp>

#include <algorithm>

namespace millrace::gro {
namespace {

using Verdict = pkt::ChecksumVerdict;

// What all segments of a packet have in common.
struct Shape {
  explicit Shape(const pkt::Meta& meta)
      : layout{meta.l4_offset, static_cast<std::uint8_t>(meta.l3_offset), static_cast<std::uint8_t>(meta.payload_offset - meta.l4_offset)},
        size(meta.gso_size),
        family(meta.ethertype == wire::ethertype::ipv4 ? 4 : 6),
        proto(meta.l4_proto) {}

  [[nodiscard]] bool is_udp() const { return proto == wire::ip_proto::udp; }
  [[nodiscard]] std::size_t addresses() const { return layout.l3_offset + (family == 4 ? std::size_t{12} : std::size_t{8}); }

  Layout layout;
  std::uint16_t size;
  std::uint8_t family;
  std::uint8_t proto;
};

// Goes from segment to segment. The header of each stands in front of its payload: GRO cut it off without touching it.
class Walk {
 public:
  Walk(pkt::Packet& packet, const Shape& shape)
      : shape_(shape),
        buffer_(&packet.mbuf()),
        payload_(buffer_->data() + shape.layout.payload_offset()),
        left_(packet.length() - shape.layout.payload_offset()) {}

  [[nodiscard]] bool at_end() const { return left_ == 0; }

  // Sums the next segment and goes behind it; `flags` gets what its TCP header has.
  bool is_next_right(std::uint8_t& flags) {
    const std::uint8_t* const frame = payload_ - shape_.layout.payload_offset();
    const std::uint8_t* from = frame + shape_.layout.l4_offset;
    std::uint32_t rest = std::min<std::uint32_t>(shape_.size, left_);
    left_ -= rest;
    flags = shape_.is_udp() ? std::uint8_t{0} : from[13];
    wire::Sum sum = pseudo_header_sum(frame + shape_.addresses(), shape_.family, shape_.proto, rest + shape_.layout.l4_header);
    while (rest > 0) {
      const std::uint8_t* const end = buffer_->data() + buffer_->data_len;
      const auto here = static_cast<std::uint32_t>(end - payload_);
      MR_ASSERT(here <= rest);
      sum.add({from, end});
      rest -= here;
      buffer_ = buffer_->next;
      if (buffer_ != nullptr) from = payload_ = buffer_->data();
    }
    return sum.is_valid();
  }

 private:
  const Shape& shape_;
  pkt::Mbuf* buffer_;
  const std::uint8_t* payload_;  // of the next segment
  std::uint32_t left_;           // of the packet's payload
};

// Segments off the front, as a packet. The next one's header comes to light again, so that the rest is a packet too.
pkt::Packet take(Env& env, pkt::Packet& packet, const Shape& shape, std::uint16_t segments, Verdict verdict) {
  const std::uint16_t header = shape.layout.payload_offset();
  const std::uint32_t bytes = header + std::uint32_t{segments} * shape.size;
  pkt::Packet front = split_front(env, packet, std::min(bytes, packet.length()));
  if (packet) {
    packet.prepend(header);
    packet.meta() = front.meta();
  }
  pkt::Meta& meta = front.meta();
  meta.checksum = verdict;
  meta.gso_segs = segments;
  if (segments > 1) return front;
  meta.gso_size = 0;
  meta.gso_fixed_id = false;
  meta.gso_accecn = false;
  return front;
}

}  // namespace

void verify(Env& env, pkt::Packet packet, pkt::PacketList& out) {
  const Shape shape(packet.meta());
  while (packet) {
    std::uint16_t right = 0;
    std::uint8_t last_flags = 0;
    bool is_right = true;
    for (Walk walk(packet, shape); is_right && !walk.at_end();) {
      std::uint8_t flags = 0;
      is_right = walk.is_next_right(flags);
      env.stats->gro.add(stats::Gro::checksum_computed);
      if (!is_right) break;
      ++right;
      last_flags = flags;
    }
    if (right > 0) {
      pkt::Packet run = take(env, packet, shape, right, Verdict::good);
      std::uint8_t* const frame = run.data().data();
      if (right > 1) {
        if (!shape.is_udp()) frame[shape.layout.l4_offset + 13u] |= last_flags & (wire::tcp_flag::fin | wire::tcp_flag::psh);
        write_merged_headers(frame, shape.layout, shape.family, shape.is_udp(), run.length() - shape.layout.l3_offset);
      }
      out.push_back(std::move(run));
    }
    if (is_right) continue;
    env.stats->gro.add(stats::Gro::checksum_bad);
    out.push_back(take(env, packet, shape, 1, Verdict::bad));
  }
}

}  // namespace millrace::gro
