// SPDX-License-Identifier: BSD-3-Clause
// The faults by which the generator's frames differ from what their flow expects, one a line, by row of receive_path.md.
// Called by FrameSource.
#include "tests/oracle/gro_faults.hpp"

#include <algorithm>
#include <array>

namespace millrace::oracle {
namespace {

using enum Fault::Family;
using enum Fault::Reach;
using Held = GroOracle::Held;

#define MR_FAULT [](Draft & d, Rng & rng, const Held* held)

template <class T>
void flip(T& value, Rng& rng, unsigned bits) {
  value = static_cast<T>(value ^ (T{1} << rng.below(bits)));
}
/// Off by one in either direction, or by anything.
template <class T>
void move_off(T& value, Rng& rng) {
  const std::uint32_t by = std::array<std::uint32_t, 4>{1, 0xffffffff, rng.below(1000) + 2, 0u - rng.below(1000) - 2}[rng.below(4)];
  value = static_cast<T>(value + by);
}
void flip_byte(Bytes& bytes, std::size_t at, Rng& rng) { flip(bytes[at], rng, 8); }
void set(Draft& d, std::uint16_t flag) { d.flags |= flag; }

Bytes extension(std::size_t eights, std::uint8_t fill) {
  Bytes rest(eights * 8 - 1, fill);
  rest[0] = static_cast<std::uint8_t>(eights - 1);
  return rest;
}
Bytes fragment_header(std::uint32_t offset_and_more) {
  Bytes rest(7, 0);
  store(rest, 1, 2, offset_and_more);
  return rest;
}
/// In front of whatever follows.
void set_extension(Draft& d, std::uint8_t type, Bytes rest) { d.extensions.insert(d.extensions.begin(), {type, std::move(rest)}); }

void merge_input(Draft& d, std::size_t mss, std::size_t segs, std::size_t tail) {
  d.frame.merged_size = static_cast<std::uint16_t>(mss);
  d.frame.merged_segs = static_cast<std::uint16_t>(segs);
  d.payload = mss * segs - tail;
  d.frame.sum = d.frame.sum == Sum::unknown ? Sum::partial : d.frame.sum;
}

constexpr std::array layer_2{
    Fault{any, flow, MR_FAULT { flip_byte(d.macs, rng.below(6), rng); }},
    Fault{any, flow, MR_FAULT { flip_byte(d.macs, 6 + rng.below(6), rng); }},
    Fault{any, frame, MR_FAULT { if (!d.tags.empty()) flip(d.tags[0].second, rng, 12); }},
    Fault{any, flow, MR_FAULT { if (!d.tags.empty()) d.tags[0].second ^= static_cast<std::uint16_t>(0x1000 << rng.below(4)); }},
    Fault{any, flow, MR_FAULT { if (!d.tags.empty()) d.tags[0].first ^= 0x8100 ^ 0x88a8; }},
    Fault{any, elsewhere, MR_FAULT { d.tags.insert(d.tags.begin(), {0x8100, static_cast<std::uint16_t>(1 + rng.below(9))}); }},
    Fault{any, elsewhere, MR_FAULT { d.tags.clear(); }},
    Fault{any, elsewhere, MR_FAULT { if (d.frame.stripped_tci) flip(*d.frame.stripped_tci, rng, 12); }},
    Fault{any, flow, MR_FAULT { if (d.frame.stripped_tci) *d.frame.stripped_tci ^= static_cast<std::uint16_t>(0x1000 << rng.below(4)); }},
    Fault{any, elsewhere, MR_FAULT { d.frame.stripped_tci = d.frame.stripped_tci ? std::nullopt : std::optional<std::uint16_t>(7); }},
    Fault{any, flow, MR_FAULT { if (d.frame.hash) flip(*d.frame.hash, rng, 32); }},
    Fault{any, elsewhere, MR_FAULT { d.frame.ifindex ^= 3; }},
};

constexpr std::array ipv4{
    Fault{v4, frame, MR_FAULT { d.ip_options.assign(4 * (1 + rng.below(10)), 1); }},
    Fault{v4, frame, MR_FAULT { d.fragment |= 0x2000; }},
    Fault{v4, frame, MR_FAULT { d.fragment = static_cast<std::uint16_t>(1 << rng.below(13)); }},
    Fault{v4, frame, MR_FAULT { d.fragment = static_cast<std::uint16_t>(0x2000 | 1 << rng.below(13)); }},
    Fault{v4, frame, MR_FAULT { d.fragment |= 0x8000; }},
    Fault{v4, frame, MR_FAULT { d.ip_sum_wrong = true; }},
    Fault{v4, frame, MR_FAULT { d.frame.ip_bad = true; }},
    Fault{v4, frame, MR_FAULT { d.frame.ip_good = true; }},
    Fault{v4, frame, MR_FAULT { d.first_byte = static_cast<std::uint8_t>(0x40 + rng.below(5)); }},
    Fault{v4, frame, MR_FAULT { d.first_byte = 0x55; }},
    Fault{v4, frame, MR_FAULT { d.proto = rng.chance(0.5) ? 17 : 1; }},
    Fault{v4, flow, MR_FAULT { move_off(d.ttl, rng); }},
    Fault{v4, flow, MR_FAULT { flip(d.tos, rng, 8); }},
    Fault{v4, flow, MR_FAULT { d.fragment ^= 0x4000; }},
    Fault{v4, frame, MR_FAULT { move_off(d.id, rng); }},
    Fault{v4, frame, MR_FAULT { d.id = static_cast<std::uint16_t>(d.id + (rng.chance(0.5) ? 1 : -1)); }},
    Fault{v4, frame, MR_FAULT { if (held != nullptr) d.id = held->head.id; }},
    Fault{v4, frame, MR_FAULT { if (held != nullptr) d.id = static_cast<std::uint16_t>(held->head.id + held->count); }},
    Fault{v4, frame, MR_FAULT { if (held != nullptr) d.id = static_cast<std::uint16_t>(held->head.id + held->count); }},
    Fault{v4, frame, MR_FAULT { if (held != nullptr) d.id = static_cast<std::uint16_t>(held->head.id + held->count); }},
};

constexpr std::array ipv6{
    Fault{v6, flow, MR_FAULT { flip(d.flow_label, rng, 20); }},
    Fault{v6, flow, MR_FAULT { flip(d.tos, rng, 8); }},
    Fault{v6, flow, MR_FAULT { move_off(d.ttl, rng); }},
    Fault{v6, flow, MR_FAULT { set_extension(d, 60, extension(1 + rng.below(3), 0)); }},
    Fault{v6, frame, MR_FAULT { d.extensions.clear(); }},
    Fault{v6, flow, MR_FAULT { if (!d.extensions.empty()) flip_byte(d.extensions[0].second, 3, rng); }},
    Fault{v6, frame, MR_FAULT { set_extension(d, 43, extension(3, 0)); }},
    Fault{v6, frame, MR_FAULT { set_extension(d, 44, fragment_header(1)); }},
    Fault{v6, frame, MR_FAULT { set_extension(d, 44, fragment_header(8u << rng.below(13))); }},
    Fault{v6, frame, MR_FAULT { set_extension(d, 44, fragment_header(1)); d.proto = 17; }},
    Fault{v6, frame, MR_FAULT { set_extension(d, 60, Bytes(7, 255)); }},
    Fault{v6, frame, MR_FAULT { for (int i = 0; i < 9; ++i) set_extension(d, 60, extension(1, 0)); }},
    Fault{v6, frame, MR_FAULT { d.proto = std::array<std::uint8_t, 4>{17, 58, 59, 135}[rng.below(4)]; }},
    Fault{v6, frame, MR_FAULT { d.first_byte = 0x50; }},
};

constexpr std::array any_ip{
    Fault{any, frame, MR_FAULT { d.padding = 1 + rng.below(20); }},
    Fault{any, frame, MR_FAULT { d.length_off = rng.chance(0.5) ? 1 : 2 + static_cast<int>(rng.below(50)); }},
    Fault{any, frame, MR_FAULT { d.length_off = rng.chance(0.5) ? -1 : -static_cast<int>(rng.below(static_cast<std::uint32_t>(d.payload) + 30)); }},
    Fault{any, frame, MR_FAULT { d.cut = 12 + rng.below(100); }},
    Fault{any, elsewhere, MR_FAULT { flip_byte(d.source, d.source.size() - 1 - rng.below(2), rng); }},
    Fault{any, elsewhere, MR_FAULT { flip_byte(d.destination, d.is_v6 ? rng.below(4) * 4 + 3 : 3, rng); }},
    Fault{any, elsewhere, MR_FAULT { std::swap(d.source, d.destination); }},
};

constexpr std::array tcp{
    Fault{any, elsewhere, MR_FAULT { move_off(d.source_port, rng); }},
    Fault{any, elsewhere, MR_FAULT { move_off(d.destination_port, rng); }},
    Fault{any, frame, MR_FAULT { set(d, tcp_flag::fin); }},
    Fault{any, frame, MR_FAULT { set(d, tcp_flag::psh); }},
    Fault{any, frame, MR_FAULT { set(d, static_cast<std::uint16_t>(1 << rng.below(12))); }},
    Fault{any, frame, MR_FAULT { set(d, tcp_flag::rst); }},
    Fault{any, frame, MR_FAULT { set(d, tcp_flag::syn); }},
    Fault{any, frame, MR_FAULT { set(d, tcp_flag::urg); }},
    Fault{any, flow, MR_FAULT { set(d, static_cast<std::uint16_t>(64 << rng.below(6))); }},
    Fault{any, flow, MR_FAULT { set(d, tcp_flag::cwr); }},
    Fault{any, flow, MR_FAULT { d.flags ^= tcp_flag::ack; }},
    Fault{any, frame, MR_FAULT { d.flags = static_cast<std::uint16_t>(rng.below(4096)); }},
    Fault{any, flow, MR_FAULT { move_off(d.window, rng); }},
    Fault{any, flow, MR_FAULT { move_off(d.ack, rng); }},
    Fault{any, flow, MR_FAULT { flip(d.urgent, rng, 16); }},
    Fault{any, flow, MR_FAULT { if (!d.options.empty()) flip_byte(d.options, d.options.size() - 1, rng); }},
    Fault{any, flow, MR_FAULT { if (!d.options.empty()) flip_byte(d.options, rng.below(static_cast<std::uint32_t>(d.options.size())), rng); }},
    Fault{any, flow, MR_FAULT { d.options.resize(4 * rng.below(11), 1); }},
    Fault{any, frame, MR_FAULT { d.header_length_off = -1 - static_cast<int>(rng.below(5)); }},
    Fault{any, frame, MR_FAULT { d.header_length_off = 1 + static_cast<int>(rng.below(5)); }},
    Fault{any, frame, MR_FAULT { move_off(d.seq, rng); }},
    Fault{any, frame, MR_FAULT { d.seq -= static_cast<std::uint32_t>(d.payload); }},
    Fault{any, frame, MR_FAULT { d.seq += static_cast<std::uint32_t>(d.payload); }},
    Fault{any, frame, MR_FAULT { d.payload = 0; }},
    Fault{any, frame, MR_FAULT { d.payload = 1; }},
    Fault{any, frame, MR_FAULT { d.payload -= d.payload > 1 ? 1 : 0; }},
    Fault{any, frame, MR_FAULT { d.payload += 1; }},
    Fault{any, frame, MR_FAULT { d.payload += 2 + rng.below(100); }},
    Fault{any, frame, MR_FAULT { d.payload = 1 + rng.below(static_cast<std::uint32_t>(d.payload)); }},
    Fault{any, flow, MR_FAULT { d.frame.sum = Sum::good; }},
    Fault{any, flow, MR_FAULT { d.frame.sum = Sum::partial; }},
    Fault{any, frame, MR_FAULT { d.frame.sum = Sum::bad; }},
    Fault{any, frame, MR_FAULT { d.frame.sum = Sum::unknown; d.tcp_sum_wrong = true; }},
    Fault{any, frame, MR_FAULT { d.frame.sum = Sum::good; d.tcp_sum_wrong = true; }},
    Fault{any, frame, MR_FAULT { merge_input(d, d.payload, 2 + rng.below(4), 0); }},
    Fault{any, frame, MR_FAULT { if (d.payload > 1) merge_input(d, d.payload, 2 + rng.below(4), 1); }},
    Fault{any, frame, MR_FAULT { merge_input(d, d.payload + 1, 2 + rng.below(4), 0); }},
};

#undef MR_FAULT

}  // namespace

std::span<const Fault> faults() {
  static const std::vector<Fault> all = [] {
    std::vector<Fault> joined;
    for (const std::span<const Fault> some : {std::span<const Fault>(layer_2), std::span<const Fault>(ipv4), std::span<const Fault>(ipv6),
                                              std::span<const Fault>(any_ip), std::span<const Fault>(tcp)})
      joined.insert(joined.end(), some.begin(), some.end());
    return joined;
  }();
  return all;
}

}  // namespace millrace::oracle
