// SPDX-License-Identifier: BSD-3-Clause
// Large receive offload of the in-memory port, over plain bytes. Called by SimRx; shares nothing with lib/gro.
#include "drivers/sim/lro.hpp"

#include <millrace/base/byte_order.hpp>
#include <millrace/wire/checksum.hpp>
#include <millrace/wire/dissect.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/tcp.hpp>

#include <algorithm>

namespace millrace::sim {
namespace {

using namespace wire::tcp_flag;

wire::Sum pseudo_header(const std::uint8_t* ip, std::uint32_t length) {
  const bool v4 = ip[0] >> 4 == 4;
  const IpAddress source = v4 ? IpAddress::v4_from(ip + 12) : IpAddress::v6_from(ip + 8);
  const IpAddress destination = v4 ? IpAddress::v4_from(ip + 16) : IpAddress::v6_from(ip + 24);
  return wire::pseudo_header(source, destination, wire::ip_proto::tcp, length);
}

// A data segment without options of IP, that is whole and right and says nothing but ACK and PSH.
bool is_mergeable(const std::vector<std::uint8_t>& bytes, const wire::Layers& layers) {
  if (layers.l4_proto != wire::ip_proto::tcp || layers.payload_offset == 0 || layers.payload_offset >= bytes.size()) return false;
  const std::uint8_t* const ip = &bytes[layers.l3_offset];
  const std::size_t length = bytes.size() - layers.l3_offset;
  if (layers.ethertype == wire::ethertype::ipv4) {
    if (ip[0] != 0x45 || load_be16(ip + 2) != length || wire::checksum({ip, wire::ipv4_header_bytes}) != 0) return false;
  } else if (ip[6] != wire::ip_proto::tcp || load_be16(ip + 4) + std::size_t{wire::ipv6_header_bytes} != length) {
    return false;
  }
  if ((bytes[layers.l4_offset + 13u] & ~psh) != ack) return false;
  wire::Sum sum = pseudo_header(ip, static_cast<std::uint32_t>(bytes.size() - layers.l4_offset));
  sum.add(std::span(bytes).subspan(layers.l4_offset));
  return sum.is_valid();
}

}  // namespace

LroMerge::LroMerge(Frame& frame) : frame_(frame) {
  const wire::Layers layers = wire::dissect(frame.bytes);
  Frame whole = frame;
  whole.finish_checksum();
  if (!is_mergeable(whole.bytes, layers)) return;
  frame = std::move(whole);
  header_ = layers.payload_offset;
  l3_offset_ = layers.l3_offset;
  l4_offset_ = layers.l4_offset;
  size_ = static_cast<std::uint16_t>(frame.bytes.size() - header_);
  is_full_ = (frame.bytes[l4_offset_ + 13u] & psh) != 0;
}

bool LroMerge::append(Frame& next) {
  if (header_ == 0 || is_full_) return false;
  const wire::Layers layers = wire::dissect(next.bytes);
  if (layers.payload_offset != header_ || layers.l4_offset != l4_offset_) return false;
  std::uint8_t* const a = frame_.bytes.data();
  const std::uint8_t* const b = next.bytes.data();
  const auto equal = [&](std::size_t from, std::size_t to) { return std::equal(a + from, a + to, b + from); };
  const std::size_t ip = l3_offset_;
  const std::size_t tcp = l4_offset_;
  // Layer 2, TOS, TTL and addresses; ports, acknowledgement, window, urgent pointer and options.
  const bool v4 = layers.ethertype == wire::ethertype::ipv4;
  if (!equal(0, ip + 2) || !(v4 ? equal(ip + 6, ip + 10) && equal(ip + 12, tcp) : equal(ip + 2, ip + 4) && equal(ip + 6, tcp))) return false;
  if (!equal(tcp, tcp + 4) || !equal(tcp + 8, tcp + 13) || !equal(tcp + 14, tcp + 16) || !equal(tcp + 18, header_)) return false;
  const std::size_t payload = next.bytes.size() - header_;
  if (payload > size_ || frame_.bytes.size() - ip + payload > 65535) return false;
  if (load_be32(b + tcp + 4) != static_cast<std::uint32_t>(load_be32(a + tcp + 4) + frame_.bytes.size() - header_)) return false;
  next.finish_checksum();
  if (!is_mergeable(next.bytes, layers)) return false;
  a[tcp + 13] |= next.bytes[tcp + 13] & psh;
  is_full_ = payload < size_ || (next.bytes[tcp + 13] & psh) != 0;
  frame_.bytes.insert(frame_.bytes.end(), next.bytes.begin() + static_cast<std::ptrdiff_t>(header_), next.bytes.end());
  ++segments_;
  return true;
}

void LroMerge::finish() {
  if (segments_ == 1) return;
  std::uint8_t* const ip = &frame_.bytes[l3_offset_];
  std::uint8_t* const tcp = &frame_.bytes[l4_offset_];
  const std::size_t length = frame_.bytes.size() - l3_offset_;
  if (ip[0] >> 4 == 4) {
    wire::set_ipv4_total_length(ip, static_cast<std::uint16_t>(length));
  } else {
    wire::set_ipv6_payload_length(ip, static_cast<std::uint16_t>(length - wire::ipv6_header_bytes));
  }
  wire::set_tcp_checksum(tcp, 0);
  wire::Sum sum = pseudo_header(ip, static_cast<std::uint32_t>(frame_.bytes.size() - l4_offset_));
  sum.add(std::span(frame_.bytes).subspan(l4_offset_));
  wire::set_tcp_checksum(tcp, sum.checksum());
}

}  // namespace millrace::sim
