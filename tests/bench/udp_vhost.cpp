// SPDX-License-Identifier: BSD-3-Clause
// UDP over virtio-user: an engine that echoes, in a process of its own, beside DPDK's testpmd in another. This process has the
// vhost ports, sends and counts; of the two only one runs at a time. Called by udp.cpp; starts this program again.
#include "tests/bench/udp_vhost.hpp"

#include "tests/bench/instructions.hpp"
#include "tests/bench/statistics.hpp"
#include "tests/bench/timing.hpp"
#include "tests/bench/udp_load.hpp"
#include "tests/support/raw_frame.hpp"

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace millrace::bench {
namespace {

constexpr std::uint16_t burst = 32;
constexpr std::uint16_t ring = 1024;
constexpr std::uint32_t in_flight = 512;
constexpr auto patience = std::chrono::seconds(10);
constexpr auto one_round = std::chrono::milliseconds(200);
constexpr unsigned rounds = 15;
constexpr MacAddress mac{{2, 0, 0, 0, 0, 2}};

/// Who forms the checksums of what is sent to the echo: the sender, so that the receiver verifies them, or a device that both ends
/// take for one, as hypervisors have it between their guests (VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM). Either end offers it.
enum class Sums : std::uint8_t { complete, offloaded };

/// With the sum of the pseudo header in the checksum's place.
std::vector<FrameBytes> unfinished(std::vector<FrameBytes> frames) {
  for (FrameBytes& frame : frames) {
    auto* const ip = reinterpret_cast<rte_ipv4_hdr*>(frame.data() + sizeof(rte_ether_hdr));
    reinterpret_cast<rte_udp_hdr*>(ip + 1)->dgram_cksum = rte_ipv4_phdr_cksum(ip, 0);
  }
  return frames;
}

/// A child process, stopped but while it is its turn.
class Child {
 public:
  Child(const std::vector<std::string>& command, unsigned cpu) {
    std::array<int, 2> pipe{};
    if (::pipe(pipe.data()) != 0) throw std::runtime_error("pipe");
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);  // also of a parent that was killed
      cpu_set_t only;
      CPU_ZERO(&only);
      CPU_SET(cpu, &only);
      sched_setaffinity(0, sizeof only, &only);
      dup2(pipe[0], 0);  // testpmd goes on while its input stays open
      const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
      dup2(nowhere, 1);
      if (is_quiet(command)) dup2(nowhere, 2);
      std::vector<char*> arguments;
      for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
      arguments.push_back(nullptr);
      execvp(arguments[0], arguments.data());
      _exit(127);
    }
    close(pipe[0]);
    input_ = pipe[1];
  }
  ~Child() {
    kill(pid_, SIGKILL);
    kill(pid_, SIGCONT);
    waitpid(pid_, nullptr, 0);
    close(input_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  void run() const { kill(pid_, SIGCONT); }
  void stop() const { kill(pid_, SIGSTOP); }
  [[nodiscard]] bool is_alive() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }

 private:
  // EAL tells of all it does.
  static bool is_quiet(const std::vector<std::string>& command) { return command[0] == "dpdk-testpmd"; }
  pid_t pid_ = -1;
  int input_ = -1;
};

/// One vhost port and what is at its other end.
class Peer {
 public:
  Peer(const std::string& device, const std::string& socket, rte_mempool* pool, Sums sums) : device_(device), socket_(socket), sums_(sums) {
    unlink(socket.c_str());
    if (rte_eal_hotplug_add("vdev", device.c_str(), ("iface=" + socket + ",queues=1").c_str()) != 0 || rte_eth_dev_get_port_by_name(device.c_str(), &port_) != 0)
      throw std::runtime_error("there is no vhost port");
    // Else the vhost driver forms in software what its other end has left to it.
    constexpr std::uint64_t rx_sums = RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
    constexpr std::uint64_t tx_sums = RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
    rte_eth_conf conf{};
    conf.rxmode.offloads = rx_sums;
    conf.txmode.offloads = tx_sums;
    if (rte_eth_dev_configure(port_, 1, 1, &conf) != 0 || rte_eth_rx_queue_setup(port_, 0, ring, 0, nullptr, pool) != 0 ||
        rte_eth_tx_queue_setup(port_, 0, ring, 0, nullptr) != 0 || rte_eth_dev_start(port_) != 0)
      throw std::runtime_error("the vhost port does not start");
  }
  ~Peer() {
    child_.reset();
    rte_eth_dev_stop(port_);
    rte_eth_dev_close(port_);
    rte_eal_hotplug_remove("vdev", device_.c_str());
    unlink(socket_.c_str());
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// Starts who echoes, and waits until something comes back. False: nothing did.
  bool start(const std::vector<std::string>& command, int cpu, const UdpLoad& load) {
    child_ = std::make_unique<Child>(command, static_cast<unsigned>(cpu));
    const auto give_up = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < give_up && child_->is_alive()) {
      send_arp(load.pool_handle());
      send(load, burst);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (receive(load.frames()[0].size()) != 0) return true;
    }
    return false;
  }
  void drain() {
    for (int quiet = 0; quiet < 50; ++quiet) {
      if (receive(0) != 0) quiet = 0;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }
  /// Nanoseconds a datagram there and back, sent as fast as they return.
  double round(const UdpLoad& load) {
    child_->run();
    send_arp(load.pool_handle());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    drain();
    const std::size_t length = load.frames()[0].size();
    std::uint64_t sent = 0, got = 0;
    std::uint64_t heard = tsc();
    const std::uint64_t start = heard, ticks = static_cast<std::uint64_t>(std::chrono::duration<double>(one_round).count() * static_cast<double>(rte_get_tsc_hz()));
    while (tsc() - start < ticks) {
      if (sent - got < in_flight) sent += send(load, burst);
      if (const std::uint32_t n = receive(length); n != 0) {
        got += n;
        heard = tsc();
      } else if (ns_of(tsc() - heard) > 2e6) {
        lost += sent - got;  // what was lost is not waited for
        sent = got;
        heard = tsc();
      }
    }
    const double ns = ns_of(tsc() - start) / static_cast<double>(std::max<std::uint64_t>(got, 1));
    drain();
    child_->stop();
    return ns;
  }
  std::uint64_t lost = 0;
  std::uint64_t wrong = 0;  ///< neither the length nor the sender that was to be expected

 private:
  std::uint32_t send(const UdpLoad& load, std::uint16_t count) {
    std::array<rte_mbuf*, burst> frames{};
    if (rte_pktmbuf_alloc_bulk(load.pool_handle(), frames.data(), count) != 0) return 0;
    for (std::uint16_t i = 0; i < count; ++i) {
      const FrameBytes& bytes = load.frames()[i];
      std::memcpy(rte_pktmbuf_append(frames[i], static_cast<std::uint16_t>(bytes.size())), bytes.data(), bytes.size());
      if (sums_ == Sums::complete) continue;
      frames[i]->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
      frames[i]->l2_len = sizeof(rte_ether_hdr);
      frames[i]->l3_len = sizeof(rte_ipv4_hdr);
    }
    const std::uint16_t n = rte_eth_tx_burst(port_, 0, frames.data(), count);
    for (std::uint16_t i = n; i < count; ++i) rte_pktmbuf_free(frames[i]);
    return n;
  }
  void send_arp(rte_mempool* pool) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool);
    const FrameBytes bytes = arp_request();
    if (m == nullptr) return;
    std::memcpy(rte_pktmbuf_append(m, static_cast<std::uint16_t>(bytes.size())), bytes.data(), bytes.size());
    if (rte_eth_tx_burst(port_, 0, &m, 1) == 0) rte_pktmbuf_free(m);
  }
  /// How many frames of that length have come back, from the address that they were sent to.
  std::uint32_t receive(std::size_t length) {
    std::array<rte_mbuf*, burst> frames{};
    const std::uint16_t n = rte_eth_rx_burst(port_, 0, frames.data(), burst);
    std::uint32_t echoed = 0;
    for (std::uint16_t i = 0; i < n; ++i) {
      const auto* const bytes = rte_pktmbuf_mtod(frames[i], const std::uint8_t*);
      if (frames[i]->pkt_len == length && std::memcmp(bytes + 6, mac.bytes.data(), mac.bytes.size()) == 0) {
        ++echoed;
      } else if (length != 0 && bytes[12] == 8 && bytes[13] == 0) {
        ++wrong;
      }
    }
    rte_pktmbuf_free_bulk(frames.data(), n);
    return echoed;
  }

  std::string device_, socket_;
  Sums sums_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Child> child_;
};

std::string socket_of(const char* who) { return "/tmp/millrace_bench_" + std::to_string(getpid()) + "_" + who; }

// Its offloads are UDP's and TCP's checksum, in either direction.
std::vector<std::string> testpmd_command(const std::string& socket, int cpu, const std::string& mode) {
  const std::string core = std::to_string(cpu);
  return {"dpdk-testpmd", "--no-huge", "-m", "256", "--no-pci", "--no-shconf", "--no-telemetry", "--lcores", "0@" + core + ",1@" + core, "--vdev",
          "net_virtio_user0,path=" + socket + ",queues=1,queue_size=1024,mac=02:00:00:00:00:02", "--", "--rx-offloads=0xc", "--tx-offloads=0xc", "--forward-mode=" + mode, "--rxd=1024", "--txd=1024", "--burst=32", "--total-num-mbufs=8192"};
}

void measure(Bench& bench, std::size_t payload, Sums sums, const std::string& mode) {
  const bool complete = sums == Sums::complete;
  Figure figure{.id = "UDP",
                .name = "echo,medium:virtio-user,bytes:" + std::to_string(payload) + (complete ? ",sums:complete" : ",sums:offloaded"),
                .peer_name = mode == "macswap" ? "testpmd_macswap" : "testpmd_5tswap",
                .goal = Goal::ratio_at_least(0.9)};
  if (bench.other_cpu < 0) {
    figure.skip = "there is one CPU only";
    return bench.report.figure(std::move(figure));
  }
  UdpLoad load(complete ? datagrams(burst, payload) : unfinished(datagrams(burst, payload)));
  Peer ours("net_vhost_ours", socket_of("ours"), load.pool_handle(), sums), testpmd("net_vhost_testpmd", socket_of("testpmd"), load.pool_handle(), sums);
  const std::string cpu = std::to_string(bench.other_cpu);
  if (!testpmd.start(testpmd_command(socket_of("testpmd"), bench.other_cpu, mode), bench.other_cpu, load)) {
    figure.skip = "dpdk-testpmd (Debian: dpdk-dev) did not start, or has no " + mode;
    return bench.report.figure(std::move(figure));
  }
  testpmd.round(load);
  if (!ours.start({own_path(), "--udp-echo-child", socket_of("ours"), cpu}, bench.other_cpu, load)) return bench.report.failure("UDP", figure.name, "our echo did not answer");
  ours.round(load);
  std::vector<double> our_ns, peer_ns, ratios;
  for (unsigned i = 0; i < rounds; ++i) {
    our_ns.push_back(ours.round(load));
    peer_ns.push_back(testpmd.round(load));
    ratios.push_back(peer_ns.back() / our_ns.back());
  }
  figure.ours = median(our_ns);
  figure.peer = median(peer_ns);
  figure.ratio = median(ratios);
  figure.added = figure.ours - figure.peer;
  if (ours.wrong + testpmd.wrong != 0) return bench.report.failure("UDP", figure.name, "not what was sent came back");
  bench.report.note("lost: ours " + std::to_string(ours.lost) + ", testpmd " + std::to_string(testpmd.lost) + "; ratios from " + std::to_string(quantile(ratios, 0.25)) + " to " +
                    std::to_string(quantile(ratios, 0.75)));
  bench.report.figure(std::move(figure));
}

}  // namespace

void run_udp_vhost(Bench& bench) {
  bench.load.look();
  for (const std::size_t payload : {64u, 1472u})
    for (const Sums sums : {Sums::offloaded, Sums::complete})
      for (const char* mode : {"macswap", "5tswap"}) measure(bench, payload, sums, mode);
}

}  // namespace millrace::bench
