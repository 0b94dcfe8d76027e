// SPDX-License-Identifier: BSD-3-Clause
// The two ends of each stream, in one engine, over its stack's lo. Called by main; calls Sockets.
#include "apps/iperf/traffic.hpp"

#include <algorithm>
#include <cerrno>

namespace millrace::iperf {
namespace {

constexpr std::uint16_t port = 5201;  // iperf3's
constexpr std::uint32_t tcp_length = 128 * 1024, udp_length = 1472, largest_datagram = 65507;
constexpr unsigned datagrams_of_a_turn = 32;

}  // namespace

Traffic::Traffic(Engine& engine, const Options& options) : engine_(engine), options_(options) {
  if (options_.length == 0) options_.length = options_.udp ? udp_length : tcp_length;
  if (options_.udp) options_.length = std::min(options_.length, largest_datagram);
  server_ = {options_.v6 ? *IpAddress::parse("::1") : IpAddress::v4(127, 0, 0, 1), port};
  out_.resize(options_.length);
  in_.resize(std::max(options_.length, tcp_length));
  for (std::size_t i = 0; i < out_.size(); ++i) out_[i] = static_cast<std::uint8_t>('0' + i % 10);
}

Result<void> Traffic::begin() {
  for (const bool serves : {true, false}) {
    const std::uint16_t where = serves ? static_cast<std::uint16_t>(options_.lcores - 1) : std::uint16_t{0};
    const auto begun = engine_.on_each_lcore([&](Sockets& sockets) -> Result<void> {
      if (sockets.lcore() != where) return {};
      return serves ? serve(sockets) : connect(sockets);
    });
    if (!begun) return begun;
  }
  return {};
}

Result<void> Traffic::serve(Sockets& sockets) {
  if (!options_.udp)
    return sockets.listen(server_, options_.streams, [this](Stream& stream) { stream.on_readable([this](Stream& readable) { receive(readable); }); });
  Result<UdpSocket*> socket = sockets.bind_udp(server_);
  if (!socket) return tl::unexpected(socket.error());
  (*socket)->set_option(socket::Option::rcvbuf, 4 << 20);
  (*socket)->on_readable([this](UdpSocket& readable) { receive(readable); });
  return {};
}

Result<void> Traffic::connect(Sockets& sockets) {
  for (std::uint16_t i = 0; i < options_.streams; ++i) {
    if (options_.udp) {
      Result<UdpSocket*> socket = sockets.bind_udp({options_.v6 ? *IpAddress::parse("::1") : IpAddress::v4(127, 0, 0, 1), 0});
      if (!socket) return tl::unexpected(socket.error());
      clients_.push_back(*socket);
      continue;
    }
    Result<Stream*> stream = sockets.connect(server_);
    if (!stream) return tl::unexpected(stream.error());
    (*stream)->on_connected([this](Stream& connected) { send(connected); });
    (*stream)->on_writable([this](Stream& writable) { send(writable); });
  }
  if (options_.udp && !engine_.post(0, [this](Sockets& s) { send_burst(s); })) return failure(ENOBUFS, "the inbox of lcore 0 is full");
  return {};
}

void Traffic::send(Stream& stream) {
  for (;;) {
    const std::int64_t n = stream.write(out_);
    if (n > 0) add(sent_bytes_, static_cast<std::uint64_t>(n));
    if (n < static_cast<std::int64_t>(out_.size())) return;
  }
}

void Traffic::receive(Stream& stream) {
  std::int64_t n = 0;
  while ((n = stream.read(in_)) > 0) add(received_bytes_, static_cast<std::uint64_t>(n));
  if (n == 0) stream.close();
}

void Traffic::receive(UdpSocket& socket) {
  Endpoint from;
  for (std::int64_t n = 0; (n = socket.receive_from(in_, from)) >= 0;) {
    add(received_bytes_, static_cast<std::uint64_t>(n));
    add(received_datagrams_, 1);
  }
}

// A turn of the application's, then the next: packets have theirs in between.
void Traffic::send_burst(Sockets&) {
  for (unsigned i = 0; i < datagrams_of_a_turn; ++i) {
    const std::int64_t n = clients_[i % clients_.size()]->send_to(out_, server_);
    if (n < 0) break;  // no buffer is free: later
    add(sent_bytes_, static_cast<std::uint64_t>(n));
    add(sent_datagrams_, 1);
  }
  static_cast<void>(engine_.post(0, [this](Sockets& s) { send_burst(s); }));
}

Totals Traffic::totals() const {
  return {sent_bytes_.load(std::memory_order_relaxed), received_bytes_.load(std::memory_order_relaxed), sent_datagrams_.load(std::memory_order_relaxed),
          received_datagrams_.load(std::memory_order_relaxed)};
}

}  // namespace millrace::iperf
