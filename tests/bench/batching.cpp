// SPDX-License-Identifier: BSD-3-Clause
// Interrupt coalescing and GRO at work on one stream: the product's lcore, poller and GRO, a device of a few lines, a clock
// that is set. Called by batching_test.cpp and batching_bench.cpp. Clauses: receive_path E20, B3, B5.
#include "tests/bench/batching.hpp"

#include "tests/unit/runtime/bare_lcore.hpp"

#include <millrace/runtime/clock.hpp>
#include <millrace/runtime/rx_poller.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/tcp.hpp>

#include <algorithm>
#include <sys/eventfd.h>
#include <unistd.h>

namespace millrace::bench {
namespace {

constexpr std::uint32_t packets = 4096;
constexpr double frame_time_ns = 1230.4;  // of 1,538 bytes on the wire at 10 Gbit/s
constexpr Duration pass_cost = 1us;       // of an interrupt and a poll

/// The device and the line behind it.
class Stream final : public port::RxQueue {
 public:
  explicit Stream(int load_percent) : gap_ns_(frame_time_ns * 100 / load_percent), fd_(eventfd(0, EFD_NONBLOCK)) {}
  ~Stream() override { close(fd_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// What has arrived by `now` waits in the ring; an armed interrupt fires.
  void advance(Instant now) {
    const std::uint32_t before = arrived_;
    while (arrived_ < packets && arrival(arrived_) <= now) ++arrived_;
    if (arrived_ == before || !std::exchange(armed_, false)) return;
    fired_ = true;
    const std::uint64_t one = 1;
    static_cast<void>(!write(fd_, &one, sizeof one));
  }
  [[nodiscard]] Instant next_arrival() const { return arrived_ < packets ? arrival(arrived_) : never; }
  [[nodiscard]] bool at_end() const { return taken_ == packets; }
  [[nodiscard]] Duration waited() const { return waited_; }
  /// Polls that found packets, and that no interrupt brought about.
  [[nodiscard]] std::uint32_t timed_polls() const { return timed_polls_; }

  std::uint16_t receive(Env& env, pkt::Burst& burst, std::uint16_t budget) override {
    advance(env.now);
    std::uint16_t n = 0;
    for (; n < budget && taken_ < arrived_; ++n, ++taken_) {
      waited_ += env.now - arrival(taken_);
      burst.push(frame(env, taken_));
    }
    if (n > 0 && std::exchange(last_poll_, env.now) != env.now && !std::exchange(fired_, false)) ++timed_polls_;
    return n;
  }
  int event_fd() const override { return fd_; }
  void arm() override { armed_ = true; }
  void disarm() override { armed_ = false; }
  int waiting() const override { return static_cast<int>(arrived_ - taken_); }

 private:
  [[nodiscard]] Instant arrival(std::uint32_t n) const { return Instant{} + 1ms + Duration(static_cast<std::int64_t>(gap_ns_ * n)); }

  // A full frame, the n-th of the stream, whose checksum the device has found right.
  static pkt::Packet frame(Env& env, std::uint32_t n) {
    constexpr std::uint16_t payload = 1460;
    constexpr std::uint16_t headers = wire::ipv4_header_bytes + wire::tcp_header_bytes;
    pkt::Packet packet = env.pool->allocate();
    MR_ASSERT(packet);
    std::uint8_t* const out = packet.append(wire::ethernet_header_bytes + headers + payload);
    wire::emit(wire::EthernetHeader{{{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 9}}, wire::ethertype::ipv4}, out);
    wire::Ipv4Header ip{.source = IpAddress::v4(10, 77, 0, 9), .destination = IpAddress::v4(10, 77, 0, 1)};
    ip.total_length = headers + payload;
    ip.id = static_cast<std::uint16_t>(n);
    ip.proto = wire::ip_proto::tcp;
    wire::emit(ip, out + wire::ethernet_header_bytes);
    wire::TcpHeader tcp{.source_port = 1000, .destination_port = 2000, .seq = n * payload, .ack = 1};
    tcp.header_length = wire::tcp_header_bytes;
    tcp.flags = wire::tcp_flag::ack;
    wire::emit(tcp, out + wire::ethernet_header_bytes + wire::ipv4_header_bytes);
    packet.meta().ifindex = 1;
    packet.meta().rx_time = env.now;
    packet.meta().checksum = pkt::ChecksumVerdict::good;
    return packet;
  }

  const double gap_ns_;
  const int fd_;
  bool armed_ = false;
  bool fired_ = false;
  Instant last_poll_ = never;
  std::uint32_t timed_polls_ = 0;
  std::uint32_t arrived_ = 0;
  std::uint32_t taken_ = 0;
  Duration waited_{0};
};

}  // namespace

Batching measure_batching(pkt::Pool& pool, const BatchingCase& c) {
  Stream stream(c.load_percent);
  runtime::ManualClock clock;
  clock.charge(pass_cost);
  test::BareLcore bare(clock);
  bare.lcore.env().pool = &pool;
  bare.lcore.adopt(std::make_unique<runtime::RxPoller>(
      runtime::RxPoller::Wiring{.queue = stream,
                                .receive = *bare.lcore.parts.receive,
                                .arrival = {.mac = {{2, 0, 0, 0, 0, 1}}, .ifindex = 1, .napi_id = 0x10001},
                                .mode = runtime::RxMode::interrupt,
                                .coalesce = {.rx_usecs = c.rx_usecs}},
      gro::Config{.enabled = c.gro}));
  while (!stream.at_end()) {
    stream.advance(clock.peek());
    if (bare.lcore.run_once()) continue;
    const Instant next = std::min(stream.next_arrival(), bare.lcore.next_deadline());
    if (next > clock.peek()) clock.set(next);
  }
  bare.lcore.shut_down();
  const stats::LcoreStats& stats = bare.lcore.stats();
  // At the end of a hold-off a device interrupts if something came meanwhile; ours polls.
  const auto interrupts = stats.softnet[stats::Softnet::interrupts] + (c.rx_usecs != Duration::zero() ? stream.timed_polls() : 0);
  return {.interrupts_per_packet = static_cast<double>(interrupts) / packets,
          .packets_per_frame = static_cast<double>(stats.gro[stats::Gro::packets]) / static_cast<double>(stats.gro[stats::Gro::packets_out]),
          .wait_us = std::chrono::duration<double, std::micro>(stream.waited()).count() / packets};
}

}  // namespace millrace::bench
