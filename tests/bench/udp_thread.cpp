// SPDX-License-Identifier: BSD-3-Clause
// UDP to a thread on another CPU, by its ThreadQueue, beside a callback on the lcore, which this thread drives. The frames come
// from a net_ring device. Called by udp.cpp; calls Engine.
#include "tests/bench/udp.hpp"

#include "tests/bench/statistics.hpp"
#include "tests/bench/timing.hpp"

#include <millrace/base/byte_order.hpp>
#include <millrace/engine/engine.hpp>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <sched.h>
#include <stdexcept>
#include <thread>

namespace millrace::bench {
namespace {

constexpr const char* device = "net_ring7";
constexpr std::uint16_t burst = 32;
constexpr std::uint64_t in_flight = 64;  // what the default SO_RCVBUF takes
constexpr std::uint64_t datagrams_of_a_round = 64 * 1024;
constexpr unsigned rounds = 15;
constexpr double patience_ns = 5e9;
constexpr std::uint16_t thread_port = UdpLoad::local_port;
constexpr std::uint16_t callback_port = UdpLoad::local_port + 1;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// The engine, driven by who calls round(), and the thread.
class World {
 public:
  World(int other_cpu, std::size_t payload) : load_(datagrams(burst, payload)) {
    Config config;
    config.seed = 1;
    config.eal.pool_packets = 4095;
    config.ports.push_back({.name = "ring", .driver = config::PortDriver::vdev, .device = device, .rx_mode = config::RxMode::poll});
    config.stacks.push_back({.name = "bench", .interfaces = {{.port = "ring", .name = "eth0", .addresses = {{IpAddress::v4(10, 77, 0, 2), 24}}}}, .routes = {}});
    engine_ = must(Engine::create(config));
    if (rte_eth_dev_get_port_by_name(device, &port_) != 0) throw std::runtime_error("net_ring has no port id");
    rte_eth_macaddr_get(port_, &mac_);  // its own, whatever the configuration says
    must(engine_->bind_udp({IpAddress::v4(10, 77, 0, 2), callback_port}, [this](UdpSocket& bound) {
      bound.on_readable([this](UdpSocket& socket) {
        Endpoint from;
        if (socket.receive_from(bytes_, from) > 0) by_callback_.store(by_callback_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      });
    }));
    queue_ = must(engine_->attach_thread());
    socket_ = must(queue_->bind_udp({IpAddress::v4(10, 77, 0, 2), thread_port}));
    thread_ = std::thread([this, other_cpu] { take(other_cpu); });
  }
  ~World() {
    stop_.store(true);
    thread_.join();
    engine_.reset();
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Nanoseconds a datagram, or nothing when not all came.
  double round(bool by_thread) {
    const std::atomic<std::uint64_t>& got = by_thread ? by_thread_ : by_callback_;
    const std::uint64_t before = got.load(std::memory_order_acquire), start = tsc();
    for (std::uint64_t sent = 0; got.load(std::memory_order_acquire) - before < datagrams_of_a_round;) {
      if (sent < datagrams_of_a_round && sent - (got.load(std::memory_order_acquire) - before) <= in_flight - burst) sent += send(by_thread);
      engine_->run_once();
      if (ns_of(tsc() - start) > patience_ns) return NAN;
    }
    return ns_of(tsc() - start) / static_cast<double>(datagrams_of_a_round);
  }

 private:
  std::uint16_t send(bool by_thread) {
    std::array<rte_mbuf*, burst> frames{};
    if (rte_pktmbuf_alloc_bulk(load_.pool_handle(), frames.data(), burst) != 0) return 0;
    for (std::uint16_t i = 0; i < burst; ++i) {
      const FrameBytes& bytes = load_.frames()[i];
      auto* const into = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(frames[i], static_cast<std::uint16_t>(bytes.size())));
      std::memcpy(into, bytes.data(), bytes.size());
      std::memcpy(into, &mac_, sizeof mac_);
      if (!by_thread) aim_at_callback(into);
    }
    const std::uint16_t n = rte_eth_tx_burst(port_, 0, frames.data(), burst);
    for (std::uint16_t i = n; i < burst; ++i) rte_pktmbuf_free(frames[i]);
    return n;
  }
  // The next port, and a checksum that is one less for it.
  static void aim_at_callback(std::uint8_t* frame) {
    constexpr std::size_t port_at = 36, sum_at = 40;
    store_be16(frame + port_at, callback_port);
    const std::uint32_t sum = std::uint32_t{load_be16(frame + sum_at)} + 0xfffeu;  // one's complement
    store_be16(frame + sum_at, static_cast<std::uint16_t>((sum & 0xffff) + (sum >> 16)));
  }
  void take(int cpu) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<unsigned>(cpu), &only);
    sched_setaffinity(0, sizeof only, &only);
    std::array<std::uint8_t, 2048> bytes;
    Endpoint from;
    while (!stop_.load(std::memory_order_relaxed)) {
      if (!queue_->next_event()) continue;
      while (queue_->receive_from(socket_, bytes, from) > 0) by_thread_.store(by_thread_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
    queue_.reset();
  }

  UdpLoad load_;
  std::unique_ptr<Engine> engine_;
  std::uint16_t port_ = 0;
  rte_ether_addr mac_{};
  std::array<std::uint8_t, 2048> bytes_{};
  std::unique_ptr<ThreadQueue> queue_;
  ThreadQueue::Socket socket_ = 0;
  alignas(64) std::atomic<std::uint64_t> by_thread_{0};
  alignas(64) std::atomic<std::uint64_t> by_callback_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

void measure(Bench& bench, std::size_t payload) {
  Figure figure{.id = "UDP",
                .name = "to:thread,bytes:" + std::to_string(payload),
                .peer_name = "to_callback",
                .goal = Goal::ratio_at_least(0.5)};
  if (bench.other_cpu < 0) {
    figure.skip = "there is one CPU only";
    return bench.report.figure(std::move(figure));
  }
  World world(bench.other_cpu, payload);
  std::vector<double> ours, peer, ratios;
  for (unsigned i = 0; i < rounds; ++i) {
    ours.push_back(world.round(true));
    peer.push_back(world.round(false));
    if (std::isnan(ours.back()) || std::isnan(peer.back())) return bench.report.failure("UDP", figure.name, "not every datagram came within 5 s");
    ratios.push_back(peer.back() / ours.back());
  }
  figure.ours = median(ours);
  figure.peer = median(peer);
  figure.ratio = median(ratios);
  figure.added = figure.ours - figure.peer;
  bench.report.figure(std::move(figure));
}

}  // namespace

void run_udp_thread(Bench& bench) {
  bench.load.look();
  bench.report.note("ns a datagram from a net_ring device through an engine to who copies it: a thread on another CPU, or the lcore's callback");
  for (const std::size_t payload : {64u, 1472u}) measure(bench, payload);
}

}  // namespace millrace::bench
