// SPDX-License-Identifier: BSD-3-Clause
// The scripted peer of TCP's tests: wire only, no look at the inside of a connection.
#include "tests/support/tcp_peer.hpp"

#include "tests/support/catch.hpp"

#include <millrace/wire/checksum.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>
#include <cerrno>

namespace millrace::test {
namespace {

constexpr char flag_letters[] = "FSRPAU";

std::uint8_t flag_bits(const std::string& letters) {
  std::uint8_t bits = 0;
  for (int i = 0; i < 6; ++i)
    if (letters.find(flag_letters[i]) != std::string::npos) bits = static_cast<std::uint8_t>(bits | 1u << i);
  return bits;
}

std::string flag_text(std::uint8_t bits) {
  std::string text;
  for (int i = 0; i < 6; ++i)
    if ((bits >> i & 1) != 0) text += flag_letters[i];
  return text;
}

std::string sorted(std::string text) {
  std::sort(text.begin(), text.end());
  return text;
}

std::string describe(const Captured& c, std::uint32_t stack_iss, std::uint32_t peer_iss) {
  return "seq " + std::to_string(c.header.seq - stack_iss) + " ack " + std::to_string(c.header.ack - peer_iss) + " flags " +
         flag_text(c.header.flags) + " window " + std::to_string(c.header.window) + " data " +
         std::to_string(c.payload.size());
}

}  // namespace

TcpWorld::TcpWorld(const tcp::Config& config, std::uint32_t packets)
    : pool(packets), wheel(Instant{1000s}), owners(4096, 7), tcp(env, *this, owners, 0, config) {
  env.now = Instant{1000s};
  env.pool = &*pool;
  env.wheel = &wheel;
  env.stats = &stats;
  env.secret = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
}

TcpWorld::~TcpWorld() { tcp.shutdown_all(); }

void TcpWorld::run() {
  tcp.flush();
  // Bounded: a stack that always has something due at once is broken.
  for (int i = 0; i < 10000 && wheel.next_expiry() <= env.now; ++i) {
    wheel.advance(env.now);
    tcp.flush();
  }
}

void TcpWorld::advance(Duration time) {
  const Instant until = env.now + time;
  while (wheel.next_expiry() <= until) {
    env.now = std::max(env.now, wheel.next_expiry());
    wheel.advance(env.now);
    tcp.flush();
  }
  env.now = until;
}

ip::SendVerdict TcpWorld::send(pkt::Packet datagram, const ip::SendHeader& header) {
  if (verdict != ip::SendVerdict::sent) {
    drop(env, std::move(datagram), stats::DropReason::no_buffer);
    return verdict;
  }
  const std::uint32_t ip_header = header.destination.is_v4() ? 20 : 40;
  const pkt::Meta& meta = datagram.meta();
  const std::uint32_t largest = meta.gso_size != 0 ? std::uint32_t{meta.payload_offset} + meta.gso_size : datagram.length();
  if (largest + ip_header > mtu) {
    drop(env, std::move(datagram), stats::DropReason::no_buffer);
    return ip::SendVerdict::too_big;
  }
  CHECK(datagram.meta().tx_checksum == pkt::ChecksumRequest::tcp);
  const std::vector<std::uint8_t> bytes = bytes_of(datagram);
  const auto view = wire::TcpView::parse(datagram.data());
  REQUIRE(view.has_value());
  Captured c{header, view->header(), wire::TcpOptions::parse(view->options()), {}, env.now};
  CHECK(c.header.checksum == 0);
  c.payload.assign(bytes.begin() + static_cast<std::ptrdiff_t>(view->header_length()), bytes.end());
  if (meta.gso_size != 0) {
    CHECK(meta.payload_offset == view->header_length());
    CHECK(meta.gso_segs == (c.payload.size() + meta.gso_size - 1) / meta.gso_size);
  }
  ++packets_given;
  cut(c, meta.gso_size);
  stats.port.add(stats::Port::tx_packets);
  recycle(env, std::move(datagram));
  return ip::SendVerdict::sent;
}

// What the wire would show of it.
void TcpWorld::cut(Captured c, std::uint16_t gso_size) {
  while (gso_size != 0 && c.payload.size() > gso_size) {
    Captured first = c;
    first.payload.resize(gso_size);
    first.header.flags &= static_cast<std::uint8_t>(~(wire::tcp_flag::fin | wire::tcp_flag::psh));
    sent.push_back(std::move(first));
    c.header.seq += gso_size;
    c.payload.erase(c.payload.begin(), c.payload.begin() + gso_size);
  }
  sent.push_back(std::move(c));
}

std::optional<IpAddress> TcpWorld::source_for(const IpAddress& destination) const {
  if (!routed) return std::nullopt;
  return destination.is_v4() ? v4 : v6;
}

ip::Delivery TcpPeer::delivery() const {
  return {.source = local_.address, .destination = stack_.address, .hop_limit = 64, .traffic_class = 0, .interface = nullptr};
}

pkt::Packet TcpPeer::datagram(const Seg& s) {
  const std::uint32_t length = s.length_.value_or(0);
  const std::string letters = s.flags_.value_or(length > 0 ? "PA" : "A");
  const std::uint32_t at = s.seq_.value_or(nxt);
  wire::TcpHeader h{.source_port = local_.port, .destination_port = stack_.port, .seq = iss + at, .flags = flag_bits(letters)};
  if (letters.find('A') != std::string::npos) h.ack = stack_iss + s.ack_.value_or(seen);
  h.window = static_cast<std::uint16_t>(s.window_.value_or(window));
  wire::TcpOptions options;
  const bool syn = letters.find('S') != std::string::npos;
  if (syn) {
    options.mss = s.mss_.value_or(offers_mss);
    options.window_scale = s.scale_ ? s.scale_ : offers_scale;
  }
  if (s.ts_value_ || (offers_timestamps && !s.bare_)) {
    options.has_timestamps = true;
    options.ts_value = s.ts_value_.value_or(clock);
    options.ts_echo = s.ts_echo_.value_or(last_stamp);
  }
  h.header_length = static_cast<std::uint8_t>(wire::tcp_header_bytes + wire::emitted_length(options));
  std::vector<std::uint8_t> bytes(h.header_length + length);
  wire::emit(h, bytes.data());
  wire::emit(options, bytes.data() + wire::tcp_header_bytes);
  for (std::uint32_t i = 0; i < length; ++i) bytes[h.header_length + i] = pattern(at + (syn ? 1 : 0) + i);
  wire::Sum sum = wire::pseudo_header(local_.address, stack_.address, wire::ip_proto::tcp, static_cast<std::uint32_t>(bytes.size()));
  sum.add(bytes);
  wire::set_tcp_checksum(bytes.data(), sum.checksum());
  if (!s.seq_) {
    nxt += length;
    for (char f : letters) nxt += f == 'S' || f == 'F' ? 1 : 0;
  }
  // As drivers deliver: buffers of 2048 bytes, chained when the packet is larger.
  pkt::Packet packet;
  for (std::size_t from = 0; from < bytes.size(); from += 2048) {
    pkt::Packet part = world_.pool.packet(std::span(bytes).subspan(from, std::min<std::size_t>(2048, bytes.size() - from)));
    if (packet) {
      join(world_.env, packet, std::move(part));
    } else {
      packet = std::move(part);
    }
  }
  if (s.merged_ > 1) {
    packet.meta().gso_segs = s.merged_;
    packet.meta().gso_size = static_cast<std::uint16_t>((length + s.merged_ - 1) / s.merged_);
    packet.meta().checksum = pkt::ChecksumVerdict::good;
  }
  return packet;
}

void TcpPeer::sends(const Seg& segment) { sends({segment}); }

void TcpPeer::sends(std::initializer_list<Seg> burst) {
  for (const Seg& segment : burst) world_.tcp.receive(datagram(segment), delivery());
  world_.run();
}

void TcpPeer::observe(const Captured& c) {
  if ((c.header.flags & wire::tcp_flag::syn) != 0) {
    stack_iss = c.header.seq;
    seen = 0;
  }
  if (c.options.has_timestamps) last_stamp = c.options.ts_value;
  const std::uint32_t begin = c.header.seq - stack_iss;
  std::uint32_t length = static_cast<std::uint32_t>(c.payload.size());
  if ((c.header.flags & (wire::tcp_flag::syn | wire::tcp_flag::fin)) != 0) ++length;
  if (begin == seen) seen += length;  // in order only, as a receiver without a queue
}

Captured TcpPeer::expects(const Seg& s) {
  REQUIRE_FALSE(world_.sent.empty());
  Captured c = world_.sent.front();
  world_.sent.pop_front();
  observe(c);
  INFO("stack sent: " << describe(c, stack_iss, iss));
  CHECK(c.header.destination_port == local_.port);
  CHECK(c.ip.destination == local_.address);
  const std::uint32_t begin = c.header.seq - stack_iss;
  if (s.seq_) CHECK(begin == *s.seq_);
  if (s.ack_) CHECK(c.header.ack - iss == *s.ack_);
  if (s.flags_) CHECK(sorted(flag_text(c.header.flags)) == sorted(*s.flags_));
  if (s.window_) CHECK(c.header.window == *s.window_);
  if (s.length_) CHECK(c.payload.size() == *s.length_);
  if (s.ts_value_) CHECK(c.options.ts_value == *s.ts_value_);
  if (s.ts_echo_) CHECK(c.options.ts_echo == *s.ts_echo_);
  if (s.mss_) CHECK(c.options.mss == *s.mss_);
  if (s.scale_) CHECK(c.options.window_scale == s.scale_);
  bool intact = true;
  for (std::uint32_t i = 0; i < c.payload.size(); ++i) intact &= c.payload[i] == pattern(begin + i);
  CHECK(intact);
  return c;
}

void TcpPeer::expects_nothing() {
  if (!world_.sent.empty()) UNSCOPED_INFO("stack sent: " << describe(world_.sent.front(), stack_iss, iss));
  CHECK(world_.sent.empty());
}

std::size_t TcpPeer::skips_all() {
  const std::size_t n = world_.sent.size();
  for (const Captured& c : world_.sent) observe(c);
  world_.sent.clear();
  return n;
}

Established::Established(const Opening& o) : world(o.config), peer(world) {
  if (o.ipv6) {
    const IpAddress remote{{0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};
    peer.~TcpPeer();
    new (&peer) TcpPeer(world, {remote, 5000}, {TcpWorld::v6, 80});
  }
  peer.offers_scale = o.scale;
  peer.offers_mss = o.mss;
  peer.offers_timestamps = o.timestamps;
  peer.window = o.window;
  if (o.passive) {
    auto made = world.tcp.listen({o.ipv6 ? TcpWorld::v6 : TcpWorld::v4, 80}, 8, app);
    REQUIRE(made);
    listener = *made;
    peer.sends(flags("S"));
    peer.expects(flags("SA").seq(0).ack(1));
    peer.sends(flags("A"));
    connection = listener->accept();
    REQUIRE(connection != nullptr);
    connection->set_events(&app);
  } else {
    auto made = world.tcp.connect(peer.local(), app);
    REQUIRE(made);
    connection = *made;
    world.run();
    peer.set_stack(connection->local());
    peer.expects(flags("S").seq(0));
    peer.sends(flags("SA"));
    peer.expects(flags("A").seq(1).ack(1));
  }
  world.run();
  peer.expects_nothing();
  app.take();
}

Established::~Established() { world.tcp.shutdown_all(); }

std::int64_t Established::writes(std::uint32_t n) {
  std::vector<std::uint8_t> bytes(n);
  for (std::uint32_t i = 0; i < n; ++i) bytes[i] = pattern(1 + written + i);
  const std::int64_t taken = connection->write(bytes);
  if (taken > 0) written += static_cast<std::uint32_t>(taken);
  world.run();
  return taken;
}

std::int64_t Established::reads() {
  std::int64_t sum = 0;
  std::vector<std::uint8_t> bytes(4096);
  for (;;) {
    const std::int64_t n = connection->read(bytes);
    if (n <= 0) {
      world.run();
      return sum > 0 ? sum : n;
    }
    bool intact = true;
    for (std::int64_t i = 0; i < n; ++i)
      intact &= bytes[static_cast<std::size_t>(i)] == pattern(1 + read + static_cast<std::uint32_t>(i));
    CHECK(intact);
    read += static_cast<std::uint32_t>(n);
    sum += n;
  }
}

}  // namespace millrace::test
