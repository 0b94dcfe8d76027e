// SPDX-License-Identifier: BSD-3-Clause
// Packet sockets: a tap on each lcore, read by one thread, and frames sent as they are. Called by applications; calls the
// lcores' taps and tx paths. packet_rcv(), packet_snd() of net/packet/af_packet.c.
#include <millrace/engine/packet_socket.hpp>

#include <millrace/base/byte_order.hpp>
#include <millrace/config/limits.hpp>
#include <millrace/engine/impl.hpp>
#include <millrace/env/build_packet.hpp>
#include <millrace/wire/ethernet.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <thread>

namespace millrace {

struct PacketSocket::Impl {
  Engine::Impl& engine;
  std::vector<std::unique_ptr<capture::Tap>> taps{};  ///< by lcore

  [[nodiscard]] PacketKind kind_of(const capture::Frame& frame) const;
};

namespace {

constexpr std::uint8_t bit(TapPoint point) { return static_cast<std::uint8_t>(1u << static_cast<unsigned>(point)); }

// "ether proto 0x0806 and (...)"; empty: every frame.
std::string filter_of(const PacketSocket::Options& options) {
  if (options.protocol == PacketHandler::all) return options.filter;
  std::array<char, 32> proto{};
  std::snprintf(proto.data(), proto.size(), "ether proto 0x%04x", unsigned{options.protocol});
  return options.filter.empty() ? std::string(proto.data()) : std::string(proto.data()).append(" and (").append(options.filter).append(")");
}

Result<capture::Interest> interest_of(const Engine& engine, const PacketSocket::Options& options) {
  capture::Interest interest{.points = bit(TapPoint::steered), .interfaces = ~std::uint64_t{0}};
  if (!options.ignore_outgoing) interest.points |= bit(TapPoint::out);
  if (!options.port.empty()) {
    const Result<std::uint16_t> ifindex = engine.ifindex(options.port);
    if (!ifindex) return tl::unexpected(ifindex.error());
    interest.interfaces = std::uint64_t{1} << (*ifindex & 63);
  }
  if (const std::string filter = filter_of(options); !filter.empty()) {
    auto compiled = bpf::Filter::compile(filter);
    if (!compiled) return tl::unexpected(compiled.error());
    interest.filter = *compiled;
  }
  return interest;
}

}  // namespace

Result<std::unique_ptr<PacketSocket>> Engine::open_packet_socket(const PacketSocket::Options& options) {
  if (!config::limit::buffer_bytes.contains(options.buffer_bytes))
    return failure(EINVAL, "packet socket: buffer_bytes must be " + config::limit::buffer_bytes.to_string());
  const Result<capture::Interest> interest = interest_of(*this, options);
  if (!interest) return failure(interest.error().code, std::string("packet socket: ").append(interest.error().message));
  auto impl = std::unique_ptr<PacketSocket::Impl>(new PacketSocket::Impl{*impl_});
  for (std::uint16_t id = 0; id < lcores(); ++id) impl->taps.push_back(std::make_unique<capture::Tap>(options.buffer_bytes));
  impl_->control_all([&](std::uint16_t lcore) { impl_->lcores[lcore]->parts.taps->add(*impl->taps[lcore], *interest); });
  return std::make_unique<PacketSocket>(std::move(impl));
}

PacketSocket::PacketSocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

PacketSocket::~PacketSocket() {
  impl_->engine.control_all([&](std::uint16_t lcore) { impl_->engine.lcores[lcore]->parts.taps->remove(*impl_->taps[lcore]); });
}

// eth_type_trans(); an interface that is no port is lo.
PacketKind PacketSocket::Impl::kind_of(const capture::Frame& frame) const {
  if (frame.direction == capture::Direction::out) return PacketKind::outgoing;
  const bool is_port = frame.interface < engine.ports.size();
  const MacAddress own = is_port ? engine.ports[frame.interface]->info().mac : MacAddress{};
  if (std::equal(own.bytes.begin(), own.bytes.end(), frame.bytes.begin())) return PacketKind::host;
  if ((frame.bytes[0] & 1) == 0) return PacketKind::other_host;
  const bool is_broadcast = std::all_of(frame.bytes.begin(), frame.bytes.begin() + 6, [](std::uint8_t byte) { return byte == 0xff; });
  return is_broadcast ? PacketKind::broadcast : PacketKind::multicast;
}

std::int64_t PacketSocket::receive(std::span<std::uint8_t> into, PacketAddress& from) {
  capture::Tap* earliest = nullptr;
  capture::Frame frame;
  for (const auto& tap : impl_->taps) {
    capture::Frame candidate;
    if (!tap->front(candidate) || (earliest != nullptr && frame.time <= candidate.time)) continue;
    earliest = tap.get();
    frame = candidate;
  }
  if (earliest == nullptr) return -EAGAIN;
  std::copy_n(frame.bytes.begin(), std::min(frame.bytes.size(), into.size()), into.begin());
  from = {};
  from.ifindex = static_cast<std::uint16_t>(frame.interface + 1);
  from.time = frame.time;
  if (const auto ethernet = wire::EthernetView::parse(frame.bytes)) {
    from.protocol = ethernet->ethertype();
    from.source = ethernet->source();
    from.kind = impl_->kind_of(frame);
  }
  const std::int64_t length = frame.original_length;
  earliest->pop();
  return length;
}

std::int64_t PacketSocket::receive(std::span<std::uint8_t> into, PacketAddress& from, Duration timeout) {
  const Instant until = impl_->engine.monotonic.now() + timeout;
  for (;;) {
    const std::int64_t length = receive(into, from);
    if (length != -EAGAIN || impl_->engine.monotonic.now() >= until) return length;
    std::this_thread::sleep_for(std::min<Duration>(1ms, until - impl_->engine.monotonic.now()));
  }
}

std::int64_t PacketSocket::send(std::span<const std::uint8_t> frame, std::uint16_t ifindex) {
  Engine::Impl& engine = impl_->engine;
  if (ifindex == 0 || ifindex > engine.ports.size()) return -ENXIO;
  const std::size_t port = ifindex - 1u;
  if (frame.size() < wire::ethernet_header_bytes) return -EINVAL;
  if (frame.size() > engine.ports[port]->info().mtu + wire::ethernet_header_bytes + wire::vlan_tag_bytes) return -EMSGSIZE;
  if (!engine.is_up(port)) return -ENETDOWN;
  bool is_made = false;
  const std::uint16_t lcore = 0;
  engine.control(lcore, [&] {
    pkt::Packet packet = packet_of(engine.lcores[lcore]->env(), frame);
    if (!packet) return;
    is_made = true;
    engine.lcores[lcore]->parts.tx_paths[ifindex]->transmit(std::move(packet));
  });
  return is_made ? static_cast<std::int64_t>(frame.size()) : -ENOBUFS;
}

PacketSocket::Statistics PacketSocket::statistics() const {
  Statistics sum;
  for (const auto& tap : impl_->taps) {
    const capture::Tap::Totals one = tap->totals();
    sum.packets += one.recorded + one.dropped;
    sum.drops += one.dropped;
  }
  return sum;
}

}  // namespace millrace
