// SPDX-License-Identifier: BSD-3-Clause
// B5 on virtio-user: our poll loop beside testpmd's io mode. Each has a port of its own on this CPU, and at its other end a
// VhostPartner on another one, the same for both. Called by port_cost.cpp; calls testpmd.cpp, vhost_partner.cpp and port_loops.cpp.
#include "tests/bench/port_testpmd.hpp"

#include "drivers/ethdev/ethdev_port.hpp"
#include "tests/bench/testpmd.hpp"
#include "tests/bench/timing.hpp"
#include "tests/bench/vhost_partner.hpp"
#include "tests/support/raw_frame.hpp"

#include <rte_ethdev.h>

#include <cstdio>
#include <stdexcept>

namespace millrace::bench {
namespace {

constexpr double most_ns = 2;
constexpr auto one_round = std::chrono::milliseconds(10);

struct Variant {
  const char* name;
  const char* args;
  bool checksum_offload = true;  ///< which the vectorized receiver does not know
};
constexpr Variant variants[] = {{"split_ring", ""},
                                {"packed_ring", ",packed_vq=1"},
                                {"split_ring_in_order", ",in_order=1"},
                                {"vectorized", ",vectorized=1,mrg_rxbuf=0,in_order=0", false}};

std::string device_args(const VhostPartner& partner, const Variant& variant) {
  return "path=" + partner.socket() + ",queues=1,queue_size=" + std::to_string(VhostPartner::ring) + ",mac=02:00:00:00:00:02" + variant.args;
}

std::vector<std::uint8_t> frame() { return test::RawFrame{.payload = PortRing::frame_length - (14 + 20 + 8)}.bytes(); }

/// Our port in this process, and its far end, which goes after it.
class Ours {
 public:
  explicit Ours(const Variant& variant) : far_end_("net_vhost_ours", frame()) {
    auto pool = pkt::Pool::create({.name = "bench_virtio", .packets = 1023});
    if (!pool) throw std::runtime_error(pool.error().message);
    pool_ = std::move(*pool);
    auto port = ethdev::open({.name = device, .args = device_args(far_end_, variant), .rx_ring = VhostPartner::ring, .tx_ring = VhostPartner::ring, .checksum_offload = variant.checksum_offload, .pools = {pool_.get()}});
    if (!port) throw std::runtime_error(port.error().message);
    port_ = std::move(*port);
    env_.pool = pool_.get();
    env_.stats = &stats_;
    far_end_.await_link();
    loop_ = std::make_unique<PollLoop>(PortEnds{env_, port_->rx_queue(0), port_->tx_queue(0)});
  }

  /// The time of those passes that found something, which is what testpmd counts of its own.
  Timed round(unsigned far_cpu) {
    std::uint64_t ticks = 0, packets = 0;
    const ThreadTime before = thread_time(this_thread);
    far_end_.begin(far_cpu, one_round);
    while (!far_end_.is_done()) {
      const std::uint64_t start = rte_rdtsc();
      const std::uint64_t n = loop_->pass();
      if (n == 0) continue;
      ticks += rte_rdtsc() - start;
      packets += n;
    }
    const ThreadTime after = thread_time(this_thread);
    const VhostPartner::Round far = far_end_.end();
    if (far.packets != packets) throw std::runtime_error("our side: it has sent " + std::to_string(packets) + " frames, which is not what came back");
    return {.ns = ns_of(ticks) / static_cast<double>(packets), .preempted = far.preempted || was_preempted(before, after)};
  }

  /// As words of testpmd's: what the device does for us is what it does for it.
  [[nodiscard]] static std::vector<std::string> offloads() {
    std::uint16_t id = 0;
    rte_eth_conf conf{};
    if (rte_eth_dev_get_port_by_name(device, &id) != 0 || rte_eth_dev_conf_get(id, &conf) != 0) throw std::runtime_error("our port has no configuration");
    const auto word = [](const char* name, std::uint64_t bits) {
      char text[64];
      std::snprintf(text, sizeof text, "--%s-offloads=0x%llx", name, static_cast<unsigned long long>(bits));
      return std::string(text);
    };
    return {word("rx", conf.rxmode.offloads), word("tx", conf.txmode.offloads)};
  }

 private:
  static constexpr const char* device = "net_virtio_user_ours";
  VhostPartner far_end_;
  std::unique_ptr<pkt::Pool> pool_;
  std::unique_ptr<port::Port> port_;
  stats::LcoreStats stats_;
  Env env_;
  std::unique_ptr<PollLoop> loop_;
};

Timed testpmd_round(Testpmd& testpmd, VhostPartner& far_end, unsigned far_cpu) {
  testpmd.begin();
  far_end.begin(far_cpu, one_round);
  const VhostPartner::Round far = far_end.end();
  const Testpmd::Forwarded all = testpmd.stop();
  if (all.dropped != 0 || all.received != far.packets || all.sent != far.packets)
    throw std::runtime_error("testpmd: " + std::to_string(all.received) + " received, " + std::to_string(all.sent) + " sent, " + std::to_string(all.dropped) + " dropped, " +
                             std::to_string(far.packets) + " came back");
  return {.ns = ns_of(1) * all.ticks_of_a_packet, .preempted = far.preempted || all.preempted};
}

void beside_testpmd(Bench& bench, const Variant& variant) {
  bench.load.look();
  Figure figure{.id = "B5", .name = std::string("layer:poll_loop,medium:virtio-user/") + variant.name + ",burst:32", .peer_name = Testpmd::peer_name, .goal = Goal::added_at_most(most_ns)};
  if (bench.other_cpu < 0) {
    figure.skip = "the vhost end needs a CPU of its own, and this process may use one only";
    return bench.report.figure(std::move(figure));
  }
  const auto far_cpu = static_cast<unsigned>(bench.other_cpu);
  Ours ours(variant);
  VhostPartner far_end("net_vhost_testpmd", frame());
  Testpmd::Options options{.device = "net_virtio_user0," + device_args(far_end, variant), .arguments = Ours::offloads()};
  for (const char* const word : {"--rxd=", "--txd="}) options.arguments.push_back(word + std::to_string(VhostPartner::ring));
  const auto testpmd = Testpmd::start(bench, options);
  if (!testpmd) {
    figure.skip = testpmd.error().message;
    return bench.report.figure(std::move(figure));
  }
  (*testpmd)->command("set record-core-cycles on");
  far_end.await_link();
  const Comparison result = compare(bench.control, {}, {.measure = [&] { return ours.round(far_cpu); }}, {.measure = [&] { return testpmd_round(**testpmd, far_end, far_cpu); }});
  bench.report.comparison(std::move(figure), result);
}

}  // namespace

void run_testpmd_virtio(Bench& bench) {
  for (const Variant& variant : variants) {
    try {
      beside_testpmd(bench, variant);
    } catch (const std::exception& error) {
      bench.report.failure("B5", std::string("layer:poll_loop,medium:virtio-user/") + variant.name + ",burst:32", error.what());
    }
  }
}

}  // namespace millrace::bench
