// SPDX-License-Identifier: BSD-3-Clause
// Our side of UDP, compiled as the library is shipped: gro::Gro and runtime::Receive as the rx poller calls them, a stack
// with one socket, TxPath. Called by udp.cpp.
#include "tests/bench/udp_ours.hpp"

#include <algorithm>
#include <stdexcept>

namespace millrace::bench {
namespace {

constexpr std::size_t rx_burst = 32;
constexpr MacAddress mac{{2, 0, 0, 0, 0, 2}};
constexpr IpAddress address = IpAddress::v4(10, 77, 0, 2);
// A port that verifies no checksums, so that UDP does.
constexpr gro::Arrival arrival{.mac = mac, .ifindex = 1, .napi_id = 1, .has_verdicts = false};

// It sends chains, as virtio, igb and ENA do, and no more.
constexpr port::Offloads device_offloads{.tx_multi_segment = true};

std::uint64_t sum_of(std::span<const std::uint8_t> bytes) {
  std::uint64_t sum = 0;
  for (const std::uint8_t byte : bytes) sum += byte;
  return sum;
}

}  // namespace

std::uint16_t UdpSink::transmit(Env& env, pkt::Burst& burst) {
  static const port::Info info{.offloads = device_offloads};
  port::prepare(env, burst, info);
  const std::uint16_t n = burst.size();
  burst.take_all([&](pkt::Packet frame) {
    ++totals_.sent;
    totals_.sent_bytes += frame.length();
    if (kept != nullptr) {
      kept->emplace_back(frame.length());
      frame.copy_out(0, kept->back());
    }
    recycle(env, std::move(frame));
  });
  return n;
}

UdpOurs::UdpOurs(pkt::Pool& pool, const Wanted& wanted)
    : wanted_(wanted), gro_({.udp_ports = &gro_ports_}), tx_(env_, {.queue = &sink_, .owner = 0, .rings = rings_, .owner_waker = waker_, .ifindex = arrival.ifindex, .offloads = device_offloads}) {
  env_.now = Instant(1s);
  env_.pool = &pool;
  env_.wheel = &wheel_;
  env_.stats = &stats_;
  env_.secret = {1, 2};
  socket::Stack::Options options;
  options.udp.gro_ports = &gro_ports_;
  stack_ = std::make_unique<socket::Stack>(env_, flows_, options);
  const auto added = stack_->add_interface({.ifindex = arrival.ifindex, .name = "eth0", .mac = mac, .addresses = {{address, 24}}, .output = &tx_});
  if (!added) throw std::runtime_error(added.error().message);
  stacks_[arrival.ifindex] = stack_.get();
  receive_ = std::make_unique<runtime::Receive>(env_, limits_, steer_, runtime::Receive::Wiring{.rings = rings_, .wakers = wakers_, .by_ifindex = stacks_, .hand_over = hand_over_});
  const auto bound = stack_->sockets().bind_udp({address, UdpLoad::local_port});
  if (!bound) throw std::runtime_error(bound.error().message);
  socket_ = *bound;
  socket_->set_option(socket::Option::udp_gro, wanted.merges);
  socket_->set_option(socket::Option::rcvbuf, 1 << 20);
  socket_->on_readable([this](UdpSocket& socket) { work(socket); });
}

UdpOurs::~UdpOurs() { stack_->shut_down(); }

void UdpOurs::receive(std::span<pkt::Mbuf* const> packets) {
  while (!packets.empty()) {
    const auto part = packets.first(std::min(rx_burst, packets.size()));
    packets = packets.subspan(part.size());
    if (wanted_.from == From::poll) {
      std::copy(part.begin(), part.end(), burst_.spare());
      burst_.commit(static_cast<std::uint16_t>(part.size()));
      gro_.receive(env_, burst_, arrival, up_);
      gro_.flush_all(env_, up_);
      receive_->steer(up_);
    } else {
      for (pkt::Mbuf* m : part) {
        static_cast<void>(gro::arrive(*m, arrival));
        up_.push_back(pkt::Packet::adopt(m));
      }
      receive_->netif_receive_list(up_);
    }
    flush();
  }
}

void UdpOurs::flush() {
  stack_->flush();
  tx_.flush();
}

void UdpOurs::take(UdpSocket& socket) {
  pkt::PacketList datagrams;
  socket.receive_packets(datagrams);
  for (pkt::Mbuf* m = datagrams.front(); m != nullptr; m = m->meta.list_next) {
    totals_.datagrams += m->meta.gso_size != 0 ? m->meta.gso_segs : 1u;
    totals_.bytes += m->pkt_len;
    if (!verifies_) continue;
    for (pkt::Mbuf* part = m; part != nullptr; part = part->next) totals_.digest += sum_of({part->data(), part->data_len});
  }
  if (wanted_.work == UdpWork::take) return pkt::consume(datagrams);
  while (!datagrams.empty()) {
    Endpoint from;
    pkt::PacketList answers = UdpSocket::take_of_one_sender(datagrams, from);
    while (!answers.empty()) static_cast<void>(socket.send_packets(answers, from));
  }
}

void UdpOurs::work(UdpSocket& socket) {
  if (wanted_.work != UdpWork::copy) return take(socket);
  Endpoint from;
  socket::Control control;
  const std::int64_t n = wanted_.merges ? socket.receive_from(bytes_, from, control) : socket.receive_from(bytes_, from);
  if (n < 0) return;
  const std::span<const std::uint8_t> got(bytes_.data(), static_cast<std::size_t>(n));
  totals_.datagrams += control.segment_size != 0 ? (got.size() + control.segment_size - 1) / control.segment_size : 1u;
  totals_.bytes += got.size();
  if (verifies_) totals_.digest += sum_of(got);
}

}  // namespace millrace::bench
