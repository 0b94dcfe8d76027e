// SPDX-License-Identifier: BSD-3-Clause
// Reads a frame by receive_path.md E4, E5, E7, E10 and X18: its flow, and whether it may be merged at all. Called by
// GroOracle; calls nothing of lib/.
#include "tests/oracle/gro_read.hpp"

#include <algorithm>

namespace millrace::oracle {
namespace {

constexpr std::uint8_t proto_tcp = 6, proto_fragment = 44;

bool is_tag(std::uint32_t ethertype) { return ethertype == 0x8100 || ethertype == 0x88a8; }

/// Ethernet and up to two tags. Returns the EtherType, 0 when the frame ends before it.
std::uint32_t read_l2(const Frame& frame, Reading& r) {
  r.flow.ifindex = frame.ifindex;
  if (frame.stripped_tci) r.flow.vlan = *frame.stripped_tci & 0xfff;
  std::size_t at = 12;
  for (int tags = 0;; ++tags) {
    if (frame.bytes.size() < at + 2) return 0;
    const std::uint32_t type = load(frame.bytes, at, 2);
    if (!is_tag(type) || tags == 2) {
      r.l3 = at + 2;
      r.l2 = part(frame.bytes, 0, r.l3);
      return type;
    }
    if (frame.bytes.size() < at + 4) return 0;
    if (tags == 0 && !frame.stripped_tci) r.flow.vlan = load(frame.bytes, at + 2, 2) & 0xfff;
    at += 4;
  }
}

/// What the IP header leads to: where layer 4 begins and the datagram ends, as far as there are bytes.
struct Datagram {
  bool has_addresses = false;
  std::uint8_t proto = 0;       ///< of layer 4, as far as it can be told
  bool proto_is_known = false;  ///< not behind a chain of extension headers that breaks off
  bool l4_is_readable = false;
  std::size_t end = 0;
};

/// E5.
Datagram read_v4(const Frame& frame, Reading& r) {
  const Bytes& b = frame.bytes;
  Datagram d;
  if (b.size() < r.l3 + 20) return d;
  const std::size_t header = (b[r.l3] & 15u) * 4u;
  d.has_addresses = d.proto_is_known = true;
  r.flow.source = part(b, r.l3 + 12, 4);
  r.flow.destination = part(b, r.l3 + 16, 4);
  r.tos = b[r.l3 + 1];
  r.ttl = b[r.l3 + 8];
  r.id = static_cast<std::uint16_t>(load(b, r.l3 + 4, 2));
  const std::uint32_t fragment = load(b, r.l3 + 6, 2);
  r.df = (fragment & 0x4000) != 0;
  d.proto = b[r.l3 + 9];
  const std::size_t total = load(b, r.l3 + 2, 2), present = b.size() - r.l3;
  r.l4 = r.l3 + header;
  d.end = r.l3 + std::min(total, present);
  const bool is_v4 = b[r.l3] >> 4 == 4;
  d.l4_is_readable = is_v4 && header >= 20 && d.end >= r.l4 && (fragment & 0x3fff) == 0;
  if (!is_v4) r.why.emplace_back("E5 version");
  if ((fragment & 0x2000) != 0) r.why.emplace_back("E5 more fragments");
  if ((fragment & 0x1fff) != 0) r.why.emplace_back("E5 fragment offset");
  if (header > 20) r.why.emplace_back("E5 options");
  if (header < 20) r.why.emplace_back("E5 header length below 20");
  if (total < present) r.why.emplace_back("E5 padding");
  if (total > present) r.why.emplace_back("E5 truncated");
  if ((fragment & 0x8000) != 0) r.why.emplace_back("E5 reserved fragment bit");
  const bool is_right = header < 20 || header > present || sum_of(part(b, r.l3, header)) == 0xffff;
  if (frame.ip_bad) r.why.emplace_back("E5 header checksum bad, says the port");
  if (!frame.ip_bad && !frame.ip_good && !is_right) r.why.emplace_back("E5 header checksum bad");
  return d;
}

/// Headers lie in the first buffer; what goes on behind it is no readable header.
std::size_t first_buffer(const Frame& frame) { return frame.cuts.empty() ? frame.bytes.size() : frame.cuts[0]; }

/// E7: follows hop-by-hop (at the front only), routing and destination options; a fragment header ends the walk.
void walk_extensions(const Bytes& b, std::size_t readable, Reading& r, Datagram& d) {
  d.proto = b[r.l3 + 6];
  r.l4 = r.l3 + 40;
  for (int headers = 0;; ++headers) {
    const bool is_options = d.proto == 43 || d.proto == 60 || (d.proto == 0 && headers == 0);
    if (!is_options && d.proto != proto_fragment) break;
    const std::size_t end = std::min(d.end, readable);
    if (headers == 8 || end < r.l4 + 8) return r.why.emplace_back("E7 extension headers without an end"), void();
    const std::size_t length = d.proto == proto_fragment ? 8 : b[r.l4 + 1] * 8u + 8u;
    if (end < r.l4 + length) return r.why.emplace_back("E7 extension headers without an end"), void();
    const std::uint8_t proto = d.proto;
    d.proto = b[r.l4];
    if (proto == proto_fragment) {
      r.why.emplace_back("E7 fragment");
      d.proto_is_known = d.proto != 43 && d.proto != 60 && d.proto != proto_fragment;
      return;
    }
    r.l4 += length;
  }
  d.proto_is_known = d.l4_is_readable = true;
}

Datagram read_v6(const Frame& frame, Reading& r) {
  const Bytes& b = frame.bytes;
  Datagram d;
  r.is_v6 = true;
  if (b.size() < r.l3 + 40) return d;
  d.has_addresses = true;
  r.flow.source = part(b, r.l3 + 8, 16);
  r.flow.destination = part(b, r.l3 + 24, 16);
  r.tos = static_cast<std::uint8_t>(load(b, r.l3, 2) >> 4);
  r.flow_label = load(b, r.l3, 4) & 0xfffff;
  r.ttl = b[r.l3 + 7];
  const std::size_t total = 40 + load(b, r.l3 + 4, 2), present = b.size() - r.l3;
  d.end = r.l3 + std::min(total, present);
  if (total < present) r.why.emplace_back("E7 padding");
  if (total > present) r.why.emplace_back("E7 truncated");
  if (b[r.l3] >> 4 != 6) return r.why.assign(1, "E7 version"), d;
  walk_extensions(b, first_buffer(frame), r, d);
  r.extensions = part(b, r.l3 + 40, r.l4 - r.l3 - 40);
  r.extensions.push_back(b[r.l3 + 6]);
  return d;
}

/// Whether the TCP header lies whole in the datagram.
bool read_tcp(const Frame& frame, const Datagram& d, Reading& r) {
  const Bytes& b = frame.bytes;
  const std::size_t end = std::min(d.end, first_buffer(frame));
  if (!d.l4_is_readable || end < r.l4 + 20) return false;
  const std::size_t header = (b[r.l4 + 12] >> 4) * 4u;
  if (header < 20 || end < r.l4 + header) return false;
  r.flow.source_port = static_cast<std::uint16_t>(load(b, r.l4, 2));
  r.flow.destination_port = static_cast<std::uint16_t>(load(b, r.l4 + 2, 2));
  r.seq = load(b, r.l4 + 4, 4);
  r.ack = load(b, r.l4 + 8, 4);
  r.offset_flags = static_cast<std::uint16_t>(load(b, r.l4 + 12, 2));
  r.window = static_cast<std::uint16_t>(load(b, r.l4 + 14, 2));
  r.urgent = static_cast<std::uint16_t>(load(b, r.l4 + 18, 2));
  r.options = part(b, r.l4 + 20, header - 20);
  r.payload_at = r.l4 + header;
  r.payload = d.end - r.payload_at;
  return true;
}

/// E10: the port's verdict, or our own sum where it has none.
void judge_checksum(const Frame& frame, const Datagram& d, Reading& r) {
  if (frame.sum == Sum::bad) r.why.emplace_back("E10 bad, says the port");
  if (frame.sum != Sum::unknown) return;
  const Bytes segment = part(frame.bytes, r.l4, d.end - r.l4);
  if (sum_of(segment, pseudo_sum(r.flow, segment.size())) != 0xffff) r.why.emplace_back("E10 computed wrong");
}

}  // namespace

bool FlowId::same_pair(const FlowId& other) const {
  return ifindex == other.ifindex && vlan == other.vlan && source == other.source && destination == other.destination;
}

std::uint32_t load(const Bytes& bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | bytes.at(at + i);
  return value;
}

void store(Bytes& bytes, std::size_t at, std::size_t count, std::uint32_t value) {
  for (std::size_t i = count; i-- > 0; value >>= 8) bytes.at(at + i) = static_cast<std::uint8_t>(value);
}

Bytes part(const Bytes& bytes, std::size_t at, std::size_t count) {
  return {bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.begin() + static_cast<std::ptrdiff_t>(at + count)};
}

std::uint16_t sum_of(const Bytes& bytes, std::uint32_t start) {
  std::uint64_t sum = start;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? bytes[i] * 256u : bytes[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

std::uint16_t pseudo_sum(const FlowId& flow, std::size_t length) {
  Bytes pseudo = flow.source;
  pseudo.insert(pseudo.end(), flow.destination.begin(), flow.destination.end());
  const std::size_t at = pseudo.size();
  pseudo.resize(at + 8);
  store(pseudo, at, 4, static_cast<std::uint32_t>(length));
  store(pseudo, at + 4, 4, proto_tcp);
  return sum_of(pseudo);
}

Reading read(const Frame& frame) {
  Reading r;
  const std::uint32_t type = read_l2(frame, r);
  Datagram d;
  if (type == 0x0800) d = read_v4(frame, r);
  if (type == 0x86dd) d = read_v6(frame, r);
  if (!d.has_addresses || (d.proto_is_known && d.proto != proto_tcp)) {
    r.why.assign(1, !d.has_addresses ? "E5 no flow can be read" : "E5 another protocol");
    return r;
  }
  r.kind = Reading::Kind::pair;
  if (!read_tcp(frame, d, r)) {
    if (r.why.empty()) r.why.emplace_back("X18 TCP header not whole");
    return r;
  }
  judge_checksum(frame, d, r);
  r.kind = r.why.empty() ? Reading::Kind::mergeable : Reading::Kind::alone;
  return r;
}

}  // namespace millrace::oracle
