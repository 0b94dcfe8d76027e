// SPDX-License-Identifier: BSD-3-Clause
// The segmentation engine of the in-memory port, over plain bytes. Called by SimTx; shares nothing with lib/gso.
#include "drivers/sim/tso.hpp"

#include <millrace/base/byte_order.hpp>
#include <millrace/wire/checksum.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/tcp.hpp>

#include <algorithm>

namespace millrace::sim {
namespace {

void finish_ipv4(std::uint8_t* ip, std::size_t length, std::uint32_t id_step) {
  store_be16(ip + 2, static_cast<std::uint16_t>(length));
  store_be16(ip + 4, static_cast<std::uint16_t>(load_be16(ip + 4) + id_step));
  store_be16(ip + 10, 0);
  store_be16(ip + 10, wire::checksum({ip, (ip[0] & 0xfu) * 4u}));
}

wire::Sum pseudo_header(const std::uint8_t* ip, std::uint32_t length) {
  const bool v4 = ip[0] >> 4 == 4;
  const IpAddress source = v4 ? IpAddress::v4_from(ip + 12) : IpAddress::v6_from(ip + 8);
  const IpAddress destination = v4 ? IpAddress::v4_from(ip + 16) : IpAddress::v6_from(ip + 24);
  return wire::pseudo_header(source, destination, wire::ip_proto::tcp, length);
}

}  // namespace

void write_tso_segment(std::span<const std::uint8_t> frame, const pkt::Meta& meta, std::uint32_t index,
                       std::vector<std::uint8_t>& out) {
  const std::size_t header = meta.l4_offset + (frame[meta.l4_offset + 12u] >> 4) * 4u;
  const std::size_t from = header + std::size_t{index} * meta.gso_size;
  const std::size_t end = std::min(from + meta.gso_size, frame.size());
  out.assign(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(header));
  out.insert(out.end(), frame.begin() + static_cast<std::ptrdiff_t>(from), frame.begin() + static_cast<std::ptrdiff_t>(end));
  std::uint8_t* const ip = out.data() + meta.l3_offset;
  std::uint8_t* const tcp = out.data() + meta.l4_offset;
  const std::size_t length = out.size() - meta.l3_offset;
  if (ip[0] >> 4 == 4) {
    finish_ipv4(ip, length, meta.gso_fixed_id ? 0 : index);
  } else {
    store_be16(ip + 4, static_cast<std::uint16_t>(length - wire::ipv6_header_bytes));
  }
  store_be32(tcp + 4, load_be32(tcp + 4) + index * meta.gso_size);
  if (end != frame.size()) tcp[13] &= static_cast<std::uint8_t>(~(wire::tcp_flag::fin | wire::tcp_flag::psh));
  if (index != 0) tcp[13] &= static_cast<std::uint8_t>(~wire::tcp_flag::cwr);
  wire::set_tcp_checksum(tcp, 0);
  wire::Sum sum = pseudo_header(ip, static_cast<std::uint32_t>(out.size() - meta.l4_offset));
  sum.add({tcp, out.size() - meta.l4_offset});
  wire::set_tcp_checksum(tcp, sum.checksum());
}

}  // namespace millrace::sim
