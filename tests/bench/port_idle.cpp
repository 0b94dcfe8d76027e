// SPDX-License-Identifier: BSD-3-Clause
// B5, the idle engine: its share of a core, and the time from a call or a packet to the lcore that handles it, beside
// the bare machine's busy loop and eventfd. A TAP device and a virtio-user one have rx interrupts; the former is in a network namespace of
// this process's own. Called by port_cost.cpp; calls Engine.
#include "tests/bench/port_idle.hpp"

#include "drivers/ethdev/ethdev_port.hpp"
#include "tests/bench/bare_loop.hpp"
#include "tests/bench/port_ring.hpp"
#include "tests/bench/statistics.hpp"
#include "tests/bench/timing.hpp"
#include "tests/support/netns.hpp"
#include "tests/support/raw_frame.hpp"

#include <millrace/engine/engine.hpp>
#include <millrace/pkt/pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <span>
#include <stdexcept>
#include <string>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <time.h>
#include <unistd.h>

namespace millrace::bench {
namespace {

constexpr auto idle_time = std::chrono::seconds(2);
constexpr auto busy_time = std::chrono::milliseconds(300);
constexpr int wakes = 500;
constexpr auto patience = std::chrono::seconds(1);
constexpr double most_percent = 1;
constexpr double most_ns = 50'000;
constexpr std::uint16_t udp_port = 2000;
constexpr MacAddress mac{{2, 0, 0, 0, 0, 2}};

/// While it lives, this thread may also run on the engine's CPU: what an engine's threads may do is judged by the
/// thread that makes it.
class BothCpus {
 public:
  explicit BothCpus(const Bench& bench) {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t both = before_;
    CPU_SET(static_cast<unsigned>(bench.other_cpu), &both);
    sched_setaffinity(0, sizeof both, &both);
  }
  ~BothCpus() { sched_setaffinity(0, sizeof before_, &before_); }
  BothCpus(const BothCpus&) = delete;
  BothCpus& operator=(const BothCpus&) = delete;

 private:
  cpu_set_t before_;
};

/// Where the engine and the kernel meet on the TAP device.
const char* const tap_name = "mrbench0";
const IpAddress tap_here = IpAddress::v4(10, 78, 0, 2);
const IpAddress tap_kernel = IpAddress::v4(10, 78, 0, 1);

/// An engine whose lcore runs on the CPU that is not the caller's, with an address on the last of the ports.
std::unique_ptr<Engine> start_engine(const Bench& bench, std::vector<config::Port> ports, const IpAddress& address) {
  const BothCpus wider(bench);
  Config config;
  config.seed = 1;
  config.eal.pool_packets = 2048;
  config.lcores[0].cpu = static_cast<unsigned>(bench.other_cpu);
  config.stacks.push_back({.name = "bench", .interfaces = {{.port = ports.back().name, .name = "eth0", .addresses = {{address, 24}}}}, .routes = {}});
  config.ports = std::move(ports);
  auto engine = Engine::create(config);
  if (!engine) throw std::runtime_error(engine.error().message);
  if (const auto started = (*engine)->start(); !started) throw std::runtime_error(started.error().message);
  return std::move(*engine);
}

double cpu_seconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

/// CPU time per wall time of f(), percent of a core.
template <class F>
double percent_of_core(clockid_t clock, F&& f) {
  const auto start = std::chrono::steady_clock::now();
  const double cpu_start = cpu_seconds(clock);
  f();
  const double cpu = cpu_seconds(clock) - cpu_start;
  return 100 * cpu / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

constexpr const char* idle_in_memory = "idle:engine,lcores:1,ports:2";
constexpr const char* idle_with_tap = "idle:engine,lcores:1,tap:1";
constexpr const char* idle_with_virtio = "idle:engine,lcores:1,virtio_user:1";

void idle_cost(Bench& bench, const char* name) {
  // The whole process is looked at: this thread sleeps, so what is used is the lcore's.
  const double ours = percent_of_core(CLOCK_PROCESS_CPUTIME_ID, [] { std::this_thread::sleep_for(idle_time); });
  PortRing ring;
  const double ticks = std::chrono::duration<double>(busy_time).count() * static_cast<double>(rte_get_tsc_hz());
  const double busy = percent_of_core(CLOCK_THREAD_CPUTIME_ID,
                                      [&] { peer::bare_poll(ring.port_id(), static_cast<std::uint64_t>(ticks)); });
  bench.report.figure({.id = "B5",
                       .name = name,
                       .unit = "pct",
                       .ours = ours,
                       .peer = busy,
                       .peer_name = "bare_busy_loop",
                       .ratio = busy / ours,
                       .added = ours - busy,
                       .goal = Goal::ours_at_most(most_percent)});
}

/// Latencies, in ns, of something that `cause` brings about and `happened_at` tells the TSC of: 0 until it happened.
std::vector<double> latencies(std::atomic<std::uint64_t>& happened_at, const std::function<void()>& cause) {
  std::vector<double> all;
  for (int i = 0; i < wakes; ++i) {
    happened_at.store(0);
    // Long enough for the other side to fall asleep, and not in step with its sleeps.
    std::this_thread::sleep_for(std::chrono::microseconds(2000 + i * 37 % 200));
    const auto give_up = std::chrono::steady_clock::now() + patience;
    const std::uint64_t start = tsc();
    cause();
    while (happened_at.load(std::memory_order_acquire) == 0)
      if (std::chrono::steady_clock::now() > give_up) return {};
    all.push_back(ns_of(happened_at.load() - start));
  }
  return all;
}

std::vector<double> through_inbox(Engine& engine) {
  std::atomic<std::uint64_t> ran_at{0};
  return latencies(ran_at, [&] {
    if (!engine.post(0, [&](Sockets&) { ran_at.store(tsc(), std::memory_order_release); }))
      throw std::runtime_error("the inbox is full");
  });
}

/// The TSC at which a datagram to that address was read last.
std::atomic<std::uint64_t> read_at{0};

void bind_reader(Engine& engine, const IpAddress& address) {
  const auto bound = engine.bind_udp({address, udp_port}, [](UdpSocket& socket) {
    socket.on_readable([](UdpSocket& readable) {
      read_at.store(tsc(), std::memory_order_release);
      std::array<std::uint8_t, 64> bytes;
      Endpoint from;
      while (readable.receive_from(bytes, from) >= 0) {
      }
    });
  });
  if (!bound) throw std::runtime_error(bound.error().message);
}

/// A frame to where the reader is; it is RawFrame's own address.
std::vector<std::uint8_t> wake_frame() { return test::RawFrame{.destination_port = udp_port, .destination = mac}.bytes(); }
const IpAddress frame_address = IpAddress::v4(10, 77, 0, 2);

std::vector<double> through_port(Engine& engine) {
  bind_reader(engine, frame_address);
  return latencies(read_at, [&, frame = wake_frame()] { engine.inject("sim", frame); });
}

/// The device's side of a vhost-user socket; nothing of it runs but in send().
class VhostEnd {
 public:
  VhostEnd() {
    auto pool = pkt::Pool::create({.name = "bench_idle", .packets = 2047});
    if (!pool) throw std::runtime_error(pool.error().message);
    pool_ = std::move(*pool);
    env_.pool = pool_.get();
    env_.stats = &stats_;
    auto port = ethdev::open({.name = "net_vhost_idle", .args = "iface=" + socket, .pools = {pool_.get()}});
    if (!port) throw std::runtime_error(port.error().message);
    port_ = std::move(*port);
  }
  void await_link() const {
    const auto give_up = std::chrono::steady_clock::now() + patience;
    while (!port_->link().up)
      if (std::chrono::steady_clock::now() > give_up) throw std::runtime_error("the vhost port stays down");
  }
  void send(std::span<const std::uint8_t> frame) {
    pkt::Packet packet = pool_->allocate();
    std::copy(frame.begin(), frame.end(), packet.append(static_cast<std::uint16_t>(frame.size())));
    pkt::Burst burst;
    burst.push(std::move(packet));
    if (port_->tx_queue(0).transmit(env_, burst) != 1) throw std::runtime_error("the vhost port takes no frame");
  }
  static inline const std::string socket = "/tmp/millrace_idle." + std::to_string(getpid());

 private:
  std::unique_ptr<pkt::Pool> pool_;
  stats::LcoreStats stats_;
  Env env_;
  std::unique_ptr<port::Port> port_;
};

std::vector<double> through_virtio(Engine& engine, VhostEnd& far_end) {
  bind_reader(engine, frame_address);
  return latencies(read_at, [&, frame = wake_frame()] { far_end.send(frame); });
}

/// A datagram that the kernel sends: its own way through its stack and the device is in the figure.
std::vector<double> through_tap(Engine& engine) {
  bind_reader(engine, tap_here);
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(udp_port);
  to.sin_addr.s_addr = htonl(tap_here.v4_number());
  const auto send = [&] {
    if (sendto(fd, "wake", 4, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 4) throw std::runtime_error("sendto");
  };
  send();  // the kernel finds its neighbour
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  std::vector<double> all = latencies(read_at, send);
  close(fd);
  return all;
}

/// A thread on `cpu` that sleeps on an eventfd and does nothing else: what the machine itself takes.
std::vector<double> through_eventfd(unsigned cpu) {
  const int fd = eventfd(0, EFD_CLOEXEC);
  std::atomic<std::uint64_t> awake_at{0};
  std::atomic<bool> stop{false};
  std::thread sleeper([&] {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    pollfd p{fd, POLLIN, 0};
    std::uint64_t count = 0;
    while (!stop.load()) {
      if (poll(&p, 1, 100) <= 0) continue;
      awake_at.store(tsc(), std::memory_order_release);
      if (read(fd, &count, sizeof count) < 0) break;
    }
  });
  const std::uint64_t one = 1;
  std::vector<double> all = latencies(awake_at, [&] {
    if (write(fd, &one, sizeof one) < 0) throw std::runtime_error("eventfd");
  });
  stop.store(true);
  sleeper.join();
  close(fd);
  return all;
}

void figures(Bench& bench, const std::string& what, const std::vector<double>& ours, const std::vector<double>& peer) {
  if (ours.empty() || peer.empty()) return bench.report.failure("B5", what, "a wake-up did not come within a second");
  for (const auto& [name, q] : {std::pair{"p50", 0.5}, std::pair{"p99", 0.99}}) {
    const double our_ns = quantile(ours, q);
    const double peer_ns = quantile(peer, q);
    bench.report.figure({.id = "B5",
                         .name = what + ",at:" + name,
                         .ours = our_ns,
                         .peer = peer_ns,
                         .peer_name = "bare_eventfd",
                         .ratio = peer_ns / our_ns,
                         .added = our_ns - peer_ns,
                         .goal = Goal::ours_at_most(most_ns)});
  }
}

void in_memory(Bench& bench, const std::vector<double>& bare) {
  const auto engine = start_engine(bench, {{.name = "ring", .driver = config::PortDriver::vdev, .device = "net_ring1"}, {.name = "sim", .mac = mac}}, frame_address);
  idle_cost(bench, idle_in_memory);
  figures(bench, "wake:inbox", through_inbox(*engine), bare);
  figures(bench, "wake:port", through_port(*engine), bare);
  engine->stop();
}

void on_virtio_user(Bench& bench, const std::vector<double>& bare) {
  VhostEnd far_end;
  const std::string device = "net_virtio_user_idle,path=" + VhostEnd::socket + ",queues=1,mac=" + mac.to_string();
  const auto engine = start_engine(bench, {{.name = "virtio", .driver = config::PortDriver::vdev, .device = device, .rx_mode = config::RxMode::interrupt}}, frame_address);
  far_end.await_link();
  idle_cost(bench, idle_with_virtio);
  figures(bench, "wake:virtio_user", through_virtio(*engine, far_end), bare);
  engine->stop();
}

void on_tap(Bench& bench, const std::vector<double>& bare) {
  const auto engine = start_engine(bench, {{.name = "tap", .driver = config::PortDriver::tap, .iface = tap_name}}, tap_here);
  test::KernelInterface kernel(tap_name);
  kernel.disable_ipv6();
  kernel.set_up(true);
  kernel.add_address({tap_kernel, 24});
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  idle_cost(bench, idle_with_tap);
  figures(bench, "wake:tap", through_tap(*engine), bare);
  engine->stop();
}

}  // namespace

void run_idle(Bench& bench) {
  bench.load.look();
  bench.report.note("");
  const auto skip = [&](const char* name, const std::string& why) {
    bench.report.figure({.id = "B5", .name = name, .goal = Goal::ours_at_most(name[0] == 'i' ? most_percent : most_ns), .skip = why});
  };
  if (bench.other_cpu < 0) {
    for (const char* name : {idle_in_memory, "wake:inbox,at:p50", "wake:inbox,at:p99", "wake:port,at:p50", "wake:port,at:p99", idle_with_virtio,
                             "wake:virtio_user,at:p50", "wake:virtio_user,at:p99", idle_with_tap, "wake:tap,at:p50", "wake:tap,at:p99"})
      skip(name, "the lcore needs a CPU of its own, and this process may use one only");
    return;
  }
  const std::vector<double> bare = through_eventfd(static_cast<unsigned>(bench.other_cpu));
  in_memory(bench, bare);
  on_virtio_user(bench, bare);
  if (const auto no_namespace = test::enter_network_namespace()) {
    for (const char* name : {idle_with_tap, "wake:tap,at:p50", "wake:tap,at:p99"}) skip(name, *no_namespace);
  } else {
    on_tap(bench, bare);
  }
  bench.report.note(
      "ns from the call to the lcore's handler; wake:port is a frame on a sim port, which wakes nobody: the lcore's "
      "next look finds it; wake:virtio_user and wake:tap are frames of vhost's and of the kernel's, which wake the lcore by the device's interrupt");
}

}  // namespace millrace::bench
