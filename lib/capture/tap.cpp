// SPDX-License-Identifier: BSD-3-Clause
// Copies of frames on their way. record() is called by the receive and transmit paths, drain() by a control thread;
// calls finish_checksum().
#include <millrace/capture/tap.hpp>

#include <millrace/base/byte_order.hpp>
#include <millrace/capture/finish_checksum.hpp>
#include <millrace/capture/writer.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>
#include <array>
#include <cstdio>

namespace millrace::capture {
namespace {

/// Stands before the bytes in the ring.
struct Record {
  Sighting sighting;
  std::uint32_t interface;
  std::uint32_t original_length;
  std::uint32_t captured;
  std::uint32_t hash;  ///< 0: none
  std::uint16_t rx_queue;
};

constexpr std::size_t drained_at_once = 1 << 16;

/// A TCP checksum of 0xffff that was found right is a zero in its other form, as Linux's skb_checksum_help() writes it:
/// the copy gets the form of RFC 1624 section 3, for readers of captures call the other one bad.
void rewrite_negative_zero(std::span<std::uint8_t> frame, const pkt::Meta& meta) {
  const std::size_t field = meta.l4_offset + 16u;
  if (meta.l4_proto != wire::ip_proto::tcp || meta.l4_offset == 0 || meta.checksum != pkt::ChecksumVerdict::good) return;
  if (field + 2 <= frame.size() && load_be16(&frame[field]) == 0xffff) store_be16(&frame[field], 0);
}

/// The protocol whose checksum in the frame is not the one that belongs there, or 0 when all is well.
std::uint8_t unfinished(const pkt::Meta& meta, TapPoint point) {
  if (meta.l4_offset == 0) return 0;
  if (point != TapPoint::out)
    return meta.checksum == pkt::ChecksumVerdict::partial || meta.gso_segs > 1 ? meta.l4_proto : std::uint8_t{0};
  switch (meta.tx_checksum) {
    case pkt::ChecksumRequest::none: return 0;
    case pkt::ChecksumRequest::tcp: return wire::ip_proto::tcp;
    case pkt::ChecksumRequest::udp: return wire::ip_proto::udp;
    case pkt::ChecksumRequest::icmp6: return wire::ip_proto::icmp6;
  }
  return 0;
}

Direction direction_of(TapPoint point) {
  if (point == TapPoint::out) return Direction::out;
  return point == TapPoint::drop ? Direction::unknown : Direction::in;
}

}  // namespace

std::string comment_of(const Sighting& sighting, std::uint16_t rx_queue, std::uint32_t hash) {
  static constexpr std::array<const char*, tap_points> names{"driver", "gro", "steered", "socket", "out", "drop: "};
  std::string text = names[static_cast<std::size_t>(sighting.point)];
  if (sighting.point == TapPoint::drop) text += stats::info(sighting.reason).name;
  text += " lcore " + std::to_string(sighting.lcore);
  if (sighting.point == TapPoint::out) return text;
  text += " queue " + std::to_string(rx_queue);
  if (hash == 0) return text;
  std::array<char, 20> hex{};
  std::snprintf(hex.data(), hex.size(), " hash 0x%08x", hash);
  return text + hex.data();
}

bool Tap::record(const pkt::Packet& packet, std::uint32_t interface, const Sighting& sighting) {
  if (stopped_.load(std::memory_order_relaxed)) {
    count(after_stop_);
    return true;
  }
  const pkt::Mbuf& mbuf = packet.mbuf();
  const std::uint32_t length = packet.length();
  std::uint32_t captured = snaplen_ == 0 ? length : std::min(length, snaplen_);
  if (sighting.most_bytes != 0) captured = std::min(captured, sighting.most_bytes);
  const std::uint8_t proto = unfinished(packet.meta(), sighting.point);
  // A checksum covers the whole packet, so the whole of it is copied first even when less is kept.
  const std::uint32_t copied = proto != 0 ? length : captured;
  std::uint8_t* const room = ring_.reserve(static_cast<std::uint32_t>(sizeof(Record)) + copied);
  if (room == nullptr) {
    count(dropped_);
    return false;
  }
  std::uint8_t* const bytes = room + sizeof(Record);
  packet.copy_out(0, {bytes, copied});
  if (proto != 0) finish_checksum({bytes, copied}, packet.meta().l3_offset, packet.meta().l4_offset, proto);
  if (proto == 0) rewrite_negative_zero({bytes, copied}, packet.meta());
  const std::uint32_t hash = (mbuf.ol_flags & pkt::flag::rx_rss_hash) != 0 ? mbuf.rss_hash : 0;
  const Record record{sighting, interface, length, captured, hash, packet.meta().rx_queue};
  std::memcpy(room, &record, sizeof record);
  ring_.commit(static_cast<std::uint32_t>(sizeof record) + captured);
  count(recorded_);
  return true;
}

bool Tap::front(Frame& frame) {
  const std::span<const std::uint8_t> bytes = ring_.front();
  if (bytes.empty()) return false;
  Record record;
  std::memcpy(&record, bytes.data(), sizeof record);
  frame.interface = record.interface;
  frame.direction = direction_of(record.sighting.point);
  frame.time = record.sighting.time;
  frame.original_length = record.original_length;
  frame.bytes = bytes.subspan(sizeof record, record.captured);
  comment_ = comment_of(record.sighting, record.rx_queue, record.hash);
  frame.comment = comment_;
  return true;
}

std::size_t drain(std::span<Tap* const> taps, Writer& writer) {
  std::size_t taken = 0;
  for (; taken < drained_at_once; ++taken) {
    Tap* earliest = nullptr;
    Frame frame;
    for (Tap* tap : taps) {
      Frame candidate;
      if (!tap->front(candidate) || (earliest != nullptr && frame.time <= candidate.time)) continue;
      earliest = tap;
      frame = candidate;
    }
    if (earliest == nullptr) break;
    if (!writer.write(frame))
      for (Tap* tap : taps) tap->stop();
    earliest->pop();
  }
  return taken;
}

}  // namespace millrace::capture
