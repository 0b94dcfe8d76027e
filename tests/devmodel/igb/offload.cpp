// SPDX-License-Identifier: BSD-3-Clause
// What the device does to a frame before it sends it (82576EB datasheet 7.2: segmentation, checksums). Called by the transmit path.
#include "tests/devmodel/igb/offload.hpp"

#include "tests/devmodel/igb/registers.hpp"
#include "tests/devmodel/sums.hpp"

#include <algorithm>

namespace millrace::devmodel::igb {
namespace {

constexpr std::size_t tcp_sum = 16, udp_sum = 6, sctp_sum = 8, tcp_flags = 12, tcp_header = 20;

// Which of TCP's twelve flags the first, middle and last frames keep (DTXTCPFLGL, DTXTCPFLGH): FIN and PSH belong to the end, CWR
// to the begin. The registers themselves are not modelled.
constexpr std::uint16_t keeps_first = 0xff6, keeps_middle = 0xf76, keeps_last = 0xf7f;

std::size_t checksum_at(const TxContext& c) { return c.transport_at() + (c.transport == TxContext::Transport::tcp ? tcp_sum : udp_sum); }

std::uint16_t kept_flags(bool is_first, bool is_last) {
  if (is_first && is_last) return 0xfff;
  return is_first ? keeps_first : is_last ? keeps_last : keeps_middle;
}

void amend_ip(Frame& f, const TxContext& c, std::size_t index) {
  const std::size_t at = c.mac_bytes;
  const auto ip_and_up = static_cast<std::uint32_t>(f.size() - at);
  if (!c.is_ipv4) return put_be16(f, at + 4, ip_and_up - 40);
  put_be16(f, at + 2, ip_and_up);
  put_be16(f, at + 4, be16(f, at + 4) + static_cast<std::uint32_t>(index));
}

void amend_tcp(Frame& f, const TxContext& c, std::size_t index, bool is_last) {
  const std::size_t at = c.transport_at();
  put_be32(f, at + 4, be32(f, at + 4) + static_cast<std::uint32_t>(index * c.mss));
  put_be16(f, at + tcp_flags, be16(f, at + tcp_flags) & (0xf000u | kept_flags(index == 0, is_last)));
  // The pseudo header's sum that software left lacks the length, which only the device knows.
  const std::uint16_t with_length = ones_sum(Bytes(f).subspan(at + tcp_sum, 2), static_cast<std::uint32_t>(f.size() - at));
  put_be16(f, at + tcp_sum, with_length);
}

}  // namespace

TxContext TxContext::from(Bytes descriptor) {
  const std::uint32_t first = le32(descriptor, 0), types = le32(descriptor, 8), last = le32(descriptor, 12);
  TxContext c;
  c.ip_bytes = first & 0x1ff;
  c.mac_bytes = first >> 9 & 0x7f;
  c.tag = static_cast<std::uint16_t>(first >> 16);
  c.is_ipv4 = (types & txd::context_ipv4) != 0;
  c.transport = static_cast<Transport>((types & txd::context_l4t) >> 11);
  c.transport_bytes = last >> 8 & 0xff;
  c.mss = last >> 16;
  return c;
}

TxOptions TxOptions::from(std::uint32_t command, std::uint32_t options) {
  return {.segments = (command & txd::tse) != 0,
          .inserts_ip_checksum = (options & txd::ixsm) != 0,
          .inserts_transport_checksum = (options & txd::txsm) != 0,
          .inserts_tag = (command & txd::vle) != 0,
          .context = options >> txd::idx_shift & 1,
          .payload_bytes = options >> txd::paylen_shift};
}

// A wrong IP version is what a device would not notice, and would put garbage on the wire for.
bool fits(Bytes packet, const TxContext& c, const TxOptions& o) {
  using enum TxContext::Transport;
  if (o.segments && (c.transport != tcp || c.transport_bytes < tcp_header || c.mss == 0 || c.header_bytes() > packet.size())) return false;
  if (o.segments || o.inserts_ip_checksum) {
    if (c.mac_bytes < 14 || c.ip_bytes < 20 || c.transport_at() > packet.size()) return false;
    if (packet[c.mac_bytes] >> 4 != (c.is_ipv4 ? 4 : 6)) return false;
  }
  if (!o.inserts_transport_checksum) return true;
  const std::size_t least = c.transport == tcp ? tcp_header : c.transport == sctp ? 12 : 8;
  return c.transport != none && c.transport_at() + least <= packet.size();
}

std::vector<Frame> segment(const Frame& packet, const TxContext& c) {
  const auto header_end = packet.begin() + static_cast<std::ptrdiff_t>(c.header_bytes());
  const std::size_t payload = packet.size() - c.header_bytes();
  const std::size_t count = std::max<std::size_t>(1, (payload + c.mss - 1) / c.mss);
  std::vector<Frame> frames;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = i * c.mss, bytes = std::min(c.mss, payload - begin);
    Frame f(packet.begin(), header_end);
    f.insert(f.end(), header_end + static_cast<std::ptrdiff_t>(begin), header_end + static_cast<std::ptrdiff_t>(begin + bytes));
    amend_ip(f, c, i);
    amend_tcp(f, c, i, i + 1 == count);
    frames.push_back(std::move(f));
  }
  return frames;
}

void insert_ip_checksum(Frame& frame, const TxContext& c) {
  put_be16(frame, c.mac_bytes + 10, 0);
  put_be16(frame, c.mac_bytes + 10, ~ones_sum(Bytes(frame).subspan(c.mac_bytes, c.ip_bytes)) & 0xffffu);
}

void insert_transport_checksum(Frame& frame, const TxContext& c) {
  const Bytes transport = Bytes(frame).subspan(c.transport_at());
  if (c.transport == TxContext::Transport::sctp) {
    put_le32(frame, c.transport_at() + sctp_sum, 0);
    return put_le32(frame, c.transport_at() + sctp_sum, crc32c(transport));
  }
  std::uint32_t sum = ~ones_sum(transport) & 0xffffu;
  if (sum == 0 && c.transport == TxContext::Transport::udp) sum = 0xffff;  // zero would say that there is none (RFC 768)
  put_be16(frame, checksum_at(c), sum);
}

void insert_tag(Frame& frame, std::uint16_t ethertype, std::uint16_t tag) {
  frame.insert(frame.begin() + 12, 4, 0);
  put_be16(frame, 12, ethertype);
  put_be16(frame, 14, tag);
}

}  // namespace millrace::devmodel::igb
