// SPDX-License-Identifier: BSD-3-Clause
// Frames and their sums. Called by igb_model_test and igb_driver_test.
#include "tests/devmodel/igb/test_frames.hpp"

namespace millrace::devmodel::igb {
namespace {

void add16(Frame& to, std::size_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}

void add(Frame& to, const std::vector<std::uint8_t>& bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

void put(Frame& frame, std::size_t at, unsigned value) {
  frame[at] = static_cast<std::uint8_t>(value >> 8);
  frame[at + 1] = static_cast<std::uint8_t>(value);
}

bool is_v6(const Frame& f) { return f[14] >> 4 == 6; }

std::uint8_t protocol_of(const Frame& f) { return is_v6(f) ? f[20] : f[23]; }

std::size_t end_of(const Frame& f) { return is_v6(f) ? 54u + (f[18] * 256u + f[19]) : 14u + (f[16] * 256u + f[17]); }

void add_ipv4(Frame& f, const FrameSpec& s, std::size_t transport_bytes) {
  add(f, {0x45, 0});
  add16(f, 20 + transport_bytes);
  add16(f, s.id);
  add16(f, s.fragment);
  add(f, {64, s.protocol, 0, 0});
  add(f, s.source);
  add(f, s.destination);
  put(f, 24, ~truth_sum(std::span(f).subspan(14, 20)) & 0xffffu);
}

void add_ipv6(Frame& f, const FrameSpec& s, std::size_t transport_bytes) {
  add(f, {0x60, 0, 0, 0});
  add16(f, transport_bytes);
  add(f, {s.protocol, 64});
  add(f, s.source);
  add(f, s.destination);
}

}  // namespace

std::uint16_t truth_sum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += bytes[i] * 256u + (i + 1 < bytes.size() ? bytes[i + 1] : 0u);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<std::uint16_t>(sum);
}

std::size_t transport_at(const Frame& f) { return is_v6(f) ? 54u : 14u + (f[14] & 0xfu) * 4; }

std::size_t checksum_at(const Frame& f) { return transport_at(f) + (protocol_of(f) == 6 ? 16 : 6); }

std::uint16_t pseudo_sum(const Frame& f, bool with_length) {
  const std::size_t addresses = is_v6(f) ? 22 : 26;
  std::vector<std::uint8_t> pseudo(f.begin() + static_cast<std::ptrdiff_t>(addresses), f.begin() + static_cast<std::ptrdiff_t>(is_v6(f) ? addresses + 32 : addresses + 8));
  add16(pseudo, protocol_of(f));
  add16(pseudo, with_length ? end_of(f) - transport_at(f) : 0);
  return truth_sum(pseudo);
}

bool ip_sum_is_right(const Frame& f) { return truth_sum(std::span(f).subspan(14, transport_at(f) - 14)) == 0xffff; }

bool transport_sum_is_right(const Frame& f) {
  std::vector<std::uint8_t> all(f.begin() + static_cast<std::ptrdiff_t>(transport_at(f)), f.begin() + static_cast<std::ptrdiff_t>(end_of(f)));
  if (all.size() % 2 != 0) all.push_back(0);
  add16(all, pseudo_sum(f, true));
  return truth_sum(all) == 0xffff;
}

Frame make_frame(const FrameSpec& s) {
  Frame f{0x02, 0, 0, 0, 0x82, 0x76, 0x02, 0, 0, 0, 0, 0x01};
  add16(f, s.v6 ? 0x86dd : 0x0800);
  const std::size_t header = s.protocol == 6 ? 20 : 8;
  s.v6 ? add_ipv6(f, s, header + s.payload) : add_ipv4(f, s, header + s.payload);
  add16(f, s.source_port);
  add16(f, s.destination_port);
  if (s.protocol == 6) {
    add16(f, s.sequence >> 16);
    add16(f, s.sequence & 0xffff);
    add(f, {0, 0, 0, 1, 0x50, s.tcp_flags, 0x10, 0, 0, 0, 0, 0});
  } else {
    add16(f, header + s.payload);
    add16(f, 0);
  }
  for (std::size_t i = 0; i < s.payload; ++i) f.push_back(static_cast<std::uint8_t>(i * 7 + i / 256));
  Frame padded_sum(f.begin() + static_cast<std::ptrdiff_t>(transport_at(f)), f.end());
  if (padded_sum.size() % 2 != 0) padded_sum.push_back(0);
  add16(padded_sum, pseudo_sum(f, true));
  put(f, checksum_at(f), ~truth_sum(padded_sum) & 0xffffu);
  return f;
}

Frame with_tag(Frame frame, std::uint16_t tag) {
  frame.insert(frame.begin() + 12, {0x81, 0x00, static_cast<std::uint8_t>(tag >> 8), static_cast<std::uint8_t>(tag)});
  return frame;
}

}  // namespace millrace::devmodel::igb
