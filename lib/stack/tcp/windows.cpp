// SPDX-License-Identifier: BSD-3-Clause
// How much either side may have outstanding: segment size, receive window, send buffer. Called by output and the
// steps. RFC 9293 sections 3.7.1 and 3.8.6.2.2, RFC 7323 section 2.
#include <millrace/stack/tcp/tcp.hpp>
#include <millrace/wire/tcp.hpp>

#include <algorithm>

namespace millrace::tcp {
namespace {

constexpr std::uint32_t min_send_mss = 48;  // Linux: tcp_min_snd_mss

std::uint32_t ip_header_bytes(const IpAddress& address) { return address.is_v4() ? 20 : 40; }

/// The segment that a packet of `mtu` bytes carries.
std::uint16_t segment_of(std::uint32_t mtu, const IpAddress& remote) {
  const std::uint32_t headers = ip_header_bytes(remote) + static_cast<std::uint32_t>(wire::tcp_header_bytes);
  return static_cast<std::uint16_t>(std::clamp(mtu > headers ? mtu - headers : 0, min_send_mss, 65535u));
}

/// Memory that a segment's worth of bytes takes in the send buffer, about.
std::uint32_t memory_per_segment(std::uint32_t mss) { return std::max(mss + 1024, 2560u); }

}  // namespace

// The link's: what the path takes on the way out says nothing of the way in.
std::uint16_t Tcp::mss_to_announce(const Connection& c) const { return segment_of(ip_.link_mtu_for(c.key.remote), c.key.remote); }

void Tcp::refresh_mss(Connection& c) {
  // Eff.snd.MSS (RFC 9293 section 3.7.1): the peer's option, the path, less the options that each segment bears.
  std::uint32_t mss = std::min<std::uint32_t>(c.peer_mss, segment_of(ip_.mtu_for(c.key.remote), c.key.remote));
  if (c.ts.enabled) mss -= std::min<std::uint32_t>(mss, wire::tcp_timestamp_option_bytes);
  c.mss = std::max(mss, min_send_mss);
  c.congestion.set_mss(c.mss);
  c.gso = ip_.gso_limits_for(c.key.remote);
}

void Tcp::take_options(Connection& c, const Segment& s) {
  // RFC 9293 section 3.7.1, MUST-15: 536 for IPv4, 1220 for IPv6 when the option is absent.
  c.peer_mss = s.options.mss != 0 ? s.options.mss : c.key.remote.is_v4() ? 536 : 1220;
  c.scaling = config_.window_scaling && s.options.window_scale.has_value();
  c.snd.scale = c.scaling ? std::min(*s.options.window_scale, wire::tcp_max_window_scale) : std::uint8_t{0};
  if (!c.scaling) c.rcv.scale = 0;
  c.ts.enabled = config_.timestamps && s.options.has_timestamps;
  c.ts.recent = s.options.ts_value;
  c.ts.recent_at = env_.now;
  refresh_mss(c);
}

void Tcp::open_receive_space(Connection& c) {
  const std::uint32_t largest = std::min(config_.rmem.max / 2, 65535u << wire::tcp_max_window_scale);
  c.space.bytes = std::min(config_.rmem.initial / 2, largest);
  c.space.since = env_.now;
  // The smallest shift that lets the window ever reach its largest size (RFC 7323 section 2.3).
  if (config_.window_scaling)
    while ((largest >> c.rcv.scale) > 65535) ++c.rcv.scale;
  c.rcv.wnd = std::min(c.space.bytes, 65535u);
}

std::uint32_t Tcp::window_to_offer(const Connection& c) const {
  // Never less than was promised (RFC 9293 section 3.8.6.2.1: do not shrink the window).
  const std::uint32_t promised = c.rcv.wnd;
  if (receive_memory_full(c)) return promised;
  const std::uint32_t unread = c.receiving.bytes();
  const std::uint32_t free = std::min(c.space.bytes > unread ? c.space.bytes - unread : 0, 65535u << c.rcv.scale);
  // Silly window avoidance, section 3.8.6.2.2: move the edge by a segment or half the buffer at least.
  const std::uint32_t least = std::min<std::uint32_t>(c.space.bytes / 2, c.rcv.mss);
  return free >= promised + least ? free : promised;
}

std::uint16_t Tcp::window_field(const Connection& c) const {
  const std::uint32_t unit = 1u << c.rcv.scale;
  // Rounded up, so that the right edge does not move back by the bits that the scale cuts off.
  return static_cast<std::uint16_t>(std::min((window_to_offer(c) + unit - 1) >> c.rcv.scale, 65535u));
}

void Tcp::grow_receive_space(Connection& c, std::uint32_t bytes_read) {
  // Linux's dynamic right-sizing: if the application reads more than the window per round trip, the window was the
  // limit, so it may hold twice what was read.
  ReceiveSpace& space = c.space;
  space.read += bytes_read;
  const Duration round_trip = std::max(c.rtt.srtt(), Duration{1ms});
  if (!config_.moderate_rcvbuf || space.locked != 0 || env_.now - space.since < round_trip) return;
  const std::uint32_t wanted = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(std::uint64_t{2} * space.read + 16u * c.rcv.mss, config_.rmem.max / 2));
  space.bytes = std::max(space.bytes, wanted);
  space.read = 0;
  space.since = env_.now;
}

std::uint32_t Tcp::send_memory_limit(const Connection& c) const {
  if (c.sndbuf_locked != 0) return c.sndbuf_locked;
  // Linux's tcp_sndbuf_expand: two congestion windows.
  const std::uint64_t segments = std::max<std::uint64_t>(c.congestion.cwnd() / c.mss + 1, 10);
  const std::uint64_t wanted = std::max<std::uint64_t>(config_.wmem.initial, 2 * segments * memory_per_segment(c.mss));
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, config_.wmem.max));
}

std::uint32_t Tcp::send_room(const Connection& c) const {
  const std::uint32_t limit = send_memory_limit(c);
  const std::uint32_t held = c.sending.memory();
  return held >= limit ? 0 : (limit - held) / memory_per_segment(c.mss) * c.mss;
}

}  // namespace millrace::tcp
