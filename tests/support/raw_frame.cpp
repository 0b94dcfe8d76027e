// SPDX-License-Identifier: BSD-3-Clause
// Frames and checksums the slow and obvious way, for tests of ports and drivers.
#include "tests/support/raw_frame.hpp"

#include <algorithm>

namespace millrace::test {
namespace {

void put16(std::vector<std::uint8_t>& out, std::size_t v) {
  out.push_back(static_cast<std::uint8_t>(v >> 8));
  out.push_back(static_cast<std::uint8_t>(v));
}

void put_v4(std::vector<std::uint8_t>& out, std::uint8_t host) { out.insert(out.end(), {10, 77, 0, host}); }
void put_v6(std::vector<std::uint8_t>& out, std::uint8_t host) {
  out.insert(out.end(), {0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host});
}

}  // namespace

std::uint16_t naive_sum(std::span<const std::uint8_t> bytes, std::uint32_t sum) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i]) << 8 : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(sum);
}

std::vector<std::uint8_t> RawFrame::unfinished() const {
  std::vector<std::uint8_t> f;
  f.insert(f.end(), destination.bytes.begin(), destination.bytes.end());
  f.insert(f.end(), source.bytes.begin(), source.bytes.end());
  put16(f, v6 ? 0x86dd : 0x0800);
  const std::size_t l4 = l4_header() + payload;
  if (v6) {
    f.insert(f.end(), {0x60, 0, 0, 0});
    put16(f, l4);
    f.insert(f.end(), {proto, 64});
    put_v6(f, source_host);
    put_v6(f, destination_host);
  } else {
    f.insert(f.end(), {0x45, 0});
    put16(f, 20 + l4);
    f.insert(f.end(), {0, 1, 0x40, 0, 64, proto, 0, 0});
    put_v4(f, source_host);
    put_v4(f, destination_host);
    const auto sum = static_cast<std::uint16_t>(~naive_sum(std::span(f).subspan(14, 20)));
    f[24] = static_cast<std::uint8_t>(sum >> 8);
    f[25] = static_cast<std::uint8_t>(sum);
  }
  if (proto == 58) {
    f.insert(f.end(), {128, 0, 0, 0, 0, 7, 0, 1});
  } else {
    put16(f, source_port);
    put16(f, destination_port);
    if (proto == 17) {
      put16(f, l4);
      put16(f, 0);
    } else {
      f.insert(f.end(), {0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 0x20, 0, 0, 0, 0, 0});
    }
  }
  for (std::size_t i = 0; i < payload; ++i) f.push_back(static_cast<std::uint8_t>(first_byte + i * 7 + i / 256));
  return f;
}

std::uint16_t RawFrame::pseudo_sum() const {
  std::vector<std::uint8_t> p;
  v6 ? put_v6(p, source_host) : put_v4(p, source_host);
  v6 ? put_v6(p, destination_host) : put_v4(p, destination_host);
  put16(p, proto);
  put16(p, l4_header() + payload);
  return naive_sum(p);
}

std::uint16_t RawFrame::checksum() const {
  const auto frame = unfinished();
  const auto sum = static_cast<std::uint16_t>(~naive_sum(std::span(frame).subspan(l4_offset()), pseudo_sum()));
  return sum == 0 && proto == 17 ? std::uint16_t{0xffff} : sum;
}

std::vector<std::uint8_t> RawFrame::bytes() const {
  auto frame = unfinished();
  const std::uint16_t sum = checksum();
  frame[sum_offset()] = static_cast<std::uint8_t>(sum >> 8);
  frame[sum_offset() + 1] = static_cast<std::uint8_t>(sum);
  return frame;
}

}  // namespace millrace::test
