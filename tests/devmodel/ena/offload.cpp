// SPDX-License-Identifier: BSD-3-Clause
// The transmit offloads: IPv4, TCP and UDP checksums and TCP segmentation. Called by the transmit queues with a whole frame;
// calls the sums. ena_eth_io_tx_desc and ena_eth_io_tx_meta_desc say what is asked for.
#include "tests/devmodel/ena/offload.hpp"

#include "tests/devmodel/sums.hpp"

#include <algorithm>
#include <array>

namespace millrace::devmodel::ena {
namespace {

constexpr std::uint8_t tcp_fin = 0x01, tcp_psh = 0x08, tcp_cwr = 0x80;

std::uint8_t protocol_of(L4 l4) { return l4 == L4::tcp ? ip_protocol_tcp : ip_protocol_udp; }
std::size_t least_header(L4 l4) { return l4 == L4::tcp ? 20 : 8; }
std::size_t checksum_in(L4 l4) { return l4 == L4::tcp ? 16 : 6; }

bool is_offered(const TxOffload& wanted, std::uint32_t offered) {
  const bool ipv4 = wanted.l3 == L3::ipv4;
  const unsigned in_part = ipv4 ? 1 : 3;
  if (wanted.l3_sum && ipv4 && !bit(offered, 0)) return false;
  if (wanted.l4_sum && !bit(offered, in_part + (wanted.l4_partial ? 0 : 1))) return false;
  return !wanted.tso || bit(offered, ipv4 ? 5 : 6);
}

void fill_l3_sum(Frame& frame, const TxMeta& meta) {
  const MutableBytes header = MutableBytes(frame).subspan(meta.l3_at, meta.l3_bytes);
  put_be16(header, 10, 0);
  put_be16(header, 10, static_cast<std::uint16_t>(~ones_sum(header)));
}

/// What the IP header says that there is behind it: a short frame may be padded.
std::size_t l4_bytes(const Frame& frame, const TxOffload& offload) {
  const Bytes ip = Bytes(frame).subspan(offload.meta.l3_at);
  const std::size_t all = offload.l3 == L3::ipv4 ? be16(ip, 2) : be16(ip, 4) + std::size_t{40};
  return all < offload.meta.l3_bytes ? 0 : all - offload.meta.l3_bytes;
}

void fill_l4_sum(Frame& frame, const TxOffload& offload) {
  const MutableBytes segment = MutableBytes(frame).subspan(offload.meta.l4_at(), l4_bytes(frame, offload));
  const std::size_t at = checksum_in(offload.l4);
  std::uint16_t pseudo = be16(segment, at);
  if (!offload.l4_partial) {
    pseudo = pseudo_header_sum(Bytes(frame).subspan(offload.meta.l3_at), protocol_of(offload.l4), segment.size());
  } else if (offload.tso) {
    std::array<std::uint8_t, 4> length{};  // which the driver has to leave out of the sum of a packet to be cut
    put_be32(length, 0, static_cast<std::uint32_t>(segment.size()));
    pseudo = ones_sum(length, pseudo);
  }
  put_be16(segment, at, 0);
  auto sum = static_cast<std::uint16_t>(~ones_sum(segment, pseudo));
  if (sum == 0 && offload.l4 == L4::udp) sum = 0xffff;  // RFC 768: 0 would say that there is none
  put_be16(segment, at, sum);
}

/// Segment n of a packet: its own lengths, identification, sequence number and flags.
Frame segment_of(const Frame& whole, const TxOffload& offload, std::size_t n) {
  const TxMeta& meta = offload.meta;
  const std::size_t headers = meta.l4_at() + meta.l4_header_bytes;
  const std::size_t from = headers + n * meta.mss;
  const std::size_t to = std::min(from + meta.mss, whole.size());
  Frame frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(headers));
  frame.insert(frame.end(), whole.begin() + static_cast<std::ptrdiff_t>(from), whole.begin() + static_cast<std::ptrdiff_t>(to));

  const MutableBytes ip = MutableBytes(frame).subspan(meta.l3_at);
  if (offload.l3 == L3::ipv4) {
    put_be16(ip, 2, static_cast<std::uint32_t>(ip.size()));
    put_be16(ip, 4, be16(ip, 4) + static_cast<std::uint32_t>(n));
    fill_l3_sum(frame, meta);
  } else {
    put_be16(ip, 4, static_cast<std::uint32_t>(ip.size() - 40));
  }
  const MutableBytes tcp = MutableBytes(frame).subspan(meta.l4_at());
  put_be32(tcp, 4, be32(tcp, 4) + static_cast<std::uint32_t>(n * meta.mss));
  if (to != whole.size()) tcp[13] &= static_cast<std::uint8_t>(~(tcp_fin | tcp_psh));
  if (n != 0) tcp[13] &= static_cast<std::uint8_t>(~tcp_cwr);  // RFC 3168 6.1.2: once per reduction
  fill_l4_sum(frame, offload);
  return frame;
}

}  // namespace

std::string why_not(const Frame& frame, const TxOffload& offload, std::uint32_t offered) {
  const TxMeta& meta = offload.meta;
  if (!offload.any()) return {};
  if (!is_offered(offload, offered)) return "an offload that the device does not offer";
  if (offload.l3 == L3::unknown) return "an offload without l3_proto_idx";
  const bool ipv4 = offload.l3 == L3::ipv4;
  if (meta.l3_bytes < (ipv4 ? 20U : 40U) || meta.l4_at() > frame.size()) return "an l3 header that is not in the frame";
  if (frame[meta.l3_at] >> 4 != (ipv4 ? 4 : 6)) return "no IP header of that version at l3_hdr_off";
  if (ipv4 && meta.l3_bytes != 4U * (frame[meta.l3_at] & 0xf)) return "an l3_hdr_len that is not the IPv4 header's";
  if (!offload.l4_sum && !offload.tso) return {};
  if (offload.l4 == L4::unknown) return "an l4 offload without l4_proto_idx";
  if (meta.l4_at() + least_header(offload.l4) > frame.size()) return "an l4 header that is not in the frame";
  if (!offload.tso) {
    const std::size_t said = l4_bytes(frame, offload);
    return said < least_header(offload.l4) || meta.l4_at() + said > frame.size() ? "an IP length that is not the frame's" : "";
  }
  if (offload.l4 != L4::tcp) return "TSO of what is not TCP";
  if (meta.mss == 0) return "TSO with an MSS of 0";
  if (meta.l4_header_bytes < 20 || meta.l4_at() + meta.l4_header_bytes > frame.size()) return "TSO with a wrong l4_hdr_len";
  return {};
}

std::vector<Frame> offloaded(Frame frame, const TxOffload& offload) {
  std::vector<Frame> out;
  const std::size_t headers = offload.meta.l4_at() + offload.meta.l4_header_bytes;
  if (offload.tso && frame.size() > headers) {
    const std::size_t segments = (frame.size() - headers + offload.meta.mss - 1) / offload.meta.mss;
    for (std::size_t n = 0; n < segments; ++n) out.push_back(segment_of(frame, offload, n));
    return out;
  }
  if (offload.l3_sum && offload.l3 == L3::ipv4) fill_l3_sum(frame, offload.meta);
  if (offload.l4_sum) fill_l4_sum(frame, offload);
  out.push_back(std::move(frame));
  return out;
}

}  // namespace millrace::devmodel::ena
