// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/support/raw_frame.hpp"

#include <millrace/base/byte_order.hpp>
#include <millrace/pkt/mbuf.hpp>

#include <algorithm>
#include <vector>

namespace millrace::test {

/// A segmenter as one writes it first: over whole frames in vectors, with a sum by the letter of RFC 1071, and with
/// nothing of lib/gso or lib/wire. It judges what those make.
class PlainSegmenter {
 public:
  using Bytes = std::vector<std::uint8_t>;
  explicit PlainSegmenter(const pkt::Meta& meta) : meta_(meta), is_tcp_(meta.l4_proto == 6) {}

  [[nodiscard]] std::vector<Bytes> split(const Bytes& frame) const {
    const std::size_t header = meta_.l4_offset + (is_tcp_ ? (frame[meta_.l4_offset + 12u] >> 4) * 4u : 8u);
    std::vector<Bytes> all;
    for (std::size_t at = header; at < frame.size() || all.empty(); at += meta_.gso_size) {
      const std::size_t end = std::min(at + meta_.gso_size, frame.size());
      Bytes f(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(header));
      f.insert(f.end(), frame.begin() + static_cast<std::ptrdiff_t>(at), frame.begin() + static_cast<std::ptrdiff_t>(end));
      write_ip(f, all.size());
      if (is_tcp_) write_tcp(f, static_cast<std::uint32_t>(at - header), end == frame.size());
      if (!is_tcp_) store_be16(&f[meta_.l4_offset + 4u], static_cast<std::uint16_t>(f.size() - meta_.l4_offset));
      write_sum(f);
      all.push_back(std::move(f));
    }
    return all;
  }

 private:
  void write_ip(Bytes& f, std::size_t index) const {
    std::uint8_t* ip = &f[meta_.l3_offset];
    const std::size_t length = f.size() - meta_.l3_offset;
    if (ip[0] >> 4 == 6) return store_be16(ip + 4, static_cast<std::uint16_t>(length - 40));
    store_be16(ip + 2, static_cast<std::uint16_t>(length));
    if (!meta_.gso_fixed_id) store_be16(ip + 4, static_cast<std::uint16_t>(load_be16(ip + 4) + index));
    store_be16(ip + 10, 0);
    store_be16(ip + 10, static_cast<std::uint16_t>(~naive_sum({ip, (ip[0] & 15u) * 4u})));
  }
  void write_tcp(Bytes& f, std::uint32_t offset, bool is_last) const {
    std::uint8_t* tcp = &f[meta_.l4_offset];
    store_be32(tcp + 4, load_be32(tcp + 4) + offset);
    if (!is_last) tcp[13] &= 0xf6;                              // FIN 0x01, PSH 0x08
    if (offset != 0 && !meta_.gso_accecn) tcp[13] &= 0x7f;      // CWR
  }
  void write_sum(Bytes& f) const {
    std::uint8_t* ip = &f[meta_.l3_offset];
    std::uint8_t* l4 = &f[meta_.l4_offset];
    const std::size_t length = f.size() - meta_.l4_offset;
    const std::size_t at = is_tcp_ ? 16 : 6;
    store_be16(l4 + at, 0);
    const bool v4 = ip[0] >> 4 == 4;
    std::uint32_t sum = naive_sum({v4 ? ip + 12 : ip + 8, v4 ? std::size_t{8} : std::size_t{32}});
    sum += static_cast<std::uint32_t>(length) + meta_.l4_proto;
    const auto checksum = static_cast<std::uint16_t>(~naive_sum({l4, length}, sum));
    store_be16(l4 + at, checksum == 0 && !is_tcp_ ? std::uint16_t{0xffff} : checksum);
  }

  const pkt::Meta meta_;
  const bool is_tcp_;
};

}  // namespace millrace::test
