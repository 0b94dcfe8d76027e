// SPDX-License-Identifier: BSD-3-Clause
// Frames for the ENA model's tests. Called by them; calls nothing of the model but the placing of numbers in memory.
#include "tests/devmodel/ena/test_frames.hpp"

#include "tests/devmodel/bytes.hpp"

#include <numeric>

namespace millrace::devmodel::ena::test {

unsigned naive_sum(std::vector<std::uint8_t> bytes) {
  if (bytes.size() % 2 != 0) bytes.push_back(0);
  unsigned sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) sum += 256U * bytes[i] + bytes[i + 1];
  while (sum > 0xffff) sum = sum % 0x10000 + sum / 0x10000;
  return sum;
}

std::vector<std::uint8_t> with_pseudo_header(const Frame& frame, bool v6) {
  const std::size_t header = v6 ? 40 : 20;
  const std::size_t l4_bytes = frame.size() - 14 - header;
  std::vector<std::uint8_t> all(frame.begin() + (v6 ? 22 : 26), frame.begin() + 14 + static_cast<long>(header));
  all.insert(all.end(), {0, frame[v6 ? 20 : 23], static_cast<std::uint8_t>(l4_bytes >> 8), static_cast<std::uint8_t>(l4_bytes)});
  all.insert(all.end(), frame.begin() + 14 + static_cast<long>(header), frame.end());
  return all;
}

std::vector<std::uint8_t> ipv4_header(const Frame& frame) { return {frame.begin() + 14, frame.begin() + 34}; }

Frame unfinished(const Flow& flow) {
  const std::size_t l4 = (flow.tcp ? 20U : 8U) + flow.payload;
  const std::size_t header = flow.v6 ? 40 : 20;
  Frame frame(14 + header + l4);
  std::iota(frame.begin(), frame.begin() + 12, std::uint8_t{2});
  put_be16(frame, 12, flow.v6 ? 0x86dd : 0x0800);
  const MutableBytes ip = MutableBytes(frame).subspan(14);
  if (flow.v6) {
    put_be32(ip, 0, 0x60000000);
    put_be16(ip, 4, static_cast<std::uint32_t>(l4));
    ip[6] = flow.tcp ? 6 : 17;
    ip[7] = 64;
    put_be32(ip, 20, flow.source);
    put_be32(ip, 36, flow.destination);
  } else {
    ip[0] = 0x45;
    put_be16(ip, 2, static_cast<std::uint32_t>(ip.size()));
    ip[8] = 64;
    ip[9] = flow.tcp ? 6 : 17;
    put_be32(ip, 12, flow.source);
    put_be32(ip, 16, flow.destination);
  }
  const MutableBytes segment = ip.subspan(header);
  put_be16(segment, 0, flow.source_port);
  put_be16(segment, 2, flow.destination_port);
  if (flow.tcp) {
    put_be32(segment, 4, 1000);
    segment[12] = 5 << 4;
    segment[13] = 0x80 | 0x18 | 0x01;  // CWR, PSH, ACK, FIN
  } else {
    put_be16(segment, 4, static_cast<std::uint32_t>(l4));
  }
  std::iota(segment.begin() + (flow.tcp ? 20 : 8), segment.end(), std::uint8_t{0});
  return frame;
}

Frame finished(const Flow& flow) {
  Frame frame = unfinished(flow);
  const std::size_t l4_at = flow.v6 ? 54 : 34;
  put_be16(frame, l4_at + (flow.tcp ? 16 : 6), 0xffff - naive_sum(with_pseudo_header(frame, flow.v6)));
  if (!flow.v6) put_be16(frame, 24, 0xffff - naive_sum(ipv4_header(frame)));
  return frame;
}

}  // namespace millrace::devmodel::ena::test
