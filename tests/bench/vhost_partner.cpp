// SPDX-License-Identifier: BSD-3-Clause
// The far end of B5 on virtio-user, by DPDK's calls alone, so that it is the same for our loop and for testpmd. Called by
// port_testpmd_virtio.cpp.
#include "tests/bench/vhost_partner.hpp"

#include "tests/bench/thread_time.hpp"

#include <millrace/runtime/eal.hpp>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <array>
#include <cstring>
#include <pthread.h>
#include <sched.h>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace millrace::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint16_t burst_size = 32;
constexpr auto patience = std::chrono::seconds(3);
constexpr auto quiet = std::chrono::seconds(1);  // after which what is under way is lost

void check(int result, const char* what) {
  if (result != 0) throw std::runtime_error(std::string("the vhost port: ") + what + ": " + std::to_string(result));
}

}  // namespace

VhostPartner::VhostPartner(std::string name, std::vector<std::uint8_t> frame)
    : name_(std::move(name)), socket_("/tmp/millrace_" + name_ + '.' + std::to_string(getpid())), frame_(std::move(frame)) {
  unlink(socket_.c_str());
  pool_ = rte_pktmbuf_pool_create(name_.c_str(), 1023, 128, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool_ == nullptr) throw std::runtime_error("no memory for the vhost port's buffers");
  check(rte_eal_hotplug_add("vdev", name_.c_str(), ("iface=" + socket_ + ",queues=1").c_str()), "making it");
  check(rte_eth_dev_get_port_by_name(name_.c_str(), &port_), "finding it");
  const rte_eth_conf conf{};
  check(rte_eth_dev_configure(port_, 1, 1, &conf), "its queues");
  check(rte_eth_rx_queue_setup(port_, 0, ring, 0, nullptr, pool_), "its rx queue");
  check(rte_eth_tx_queue_setup(port_, 0, ring, 0, nullptr), "its tx queue");
  check(rte_eth_dev_start(port_), "starting it");
}

VhostPartner::~VhostPartner() {
  if (thread_.joinable()) thread_.join();
  rte_eth_dev_stop(port_);
  rte_eth_dev_close(port_);
  rte_eal_hotplug_remove("vdev", name_.c_str());
  rte_mempool_free(pool_);
  unlink(socket_.c_str());
}

void VhostPartner::await_link() const {
  const auto give_up = Clock::now() + patience;
  rte_eth_link link{};
  while (rte_eth_link_get_nowait(port_, &link) != 0 || link.link_status != RTE_ETH_LINK_UP) {
    if (Clock::now() > give_up) throw std::runtime_error("the vhost port stays down");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void VhostPartner::begin(unsigned cpu, std::chrono::milliseconds length) {
  is_done_.store(false);
  sent_ = returned_ = wrong_ = 0;
  thread_ = std::thread([this, cpu, length] {
    work(cpu, length);
    is_done_.store(true, std::memory_order_release);
  });
}

VhostPartner::Round VhostPartner::end() {
  thread_.join();
  if (sent_ != returned_ || returned_ == 0 || wrong_ != 0)
    throw std::runtime_error("of " + std::to_string(sent_) + " frames sent " + std::to_string(returned_) + " came back, " + std::to_string(wrong_) + " of them not as they were");
  return {.packets = returned_, .preempted = preempted_};
}

void VhostPartner::work(unsigned cpu, std::chrono::milliseconds length) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(cpu, &only);
  pthread_setaffinity_np(pthread_self(), sizeof only, &only);
  const runtime::ThreadRegistration for_the_cache_of_the_pool;
  const ThreadTime before = thread_time(this_thread);
  fill();
  reflect(length);
  preempted_ = was_preempted(before, thread_time(this_thread));
}

void VhostPartner::reflect(std::chrono::milliseconds length) {
  const auto end = Clock::now() + length;
  auto heard = Clock::now();
  while (returned_ < sent_) {
    std::array<rte_mbuf*, burst_size> burst{};
    const std::uint16_t n = receive(burst.data());
    const auto now = Clock::now();
    if (n != 0) heard = now;
    if (now - heard > quiet) return;
    if (now < end) send(burst.data(), n);
    else rte_pktmbuf_free_bulk(burst.data(), n);
  }
}

void VhostPartner::fill() {
  for (std::uint16_t i = 0; i < frames; i = static_cast<std::uint16_t>(i + burst_size)) {
    std::array<rte_mbuf*, burst_size> burst{};
    if (rte_pktmbuf_alloc_bulk(pool_, burst.data(), burst_size) != 0) return;
    for (rte_mbuf* const m : burst) std::memcpy(rte_pktmbuf_append(m, static_cast<std::uint16_t>(frame_.size())), frame_.data(), frame_.size());
    send(burst.data(), burst_size);
  }
}

std::uint16_t VhostPartner::receive(rte_mbuf** burst) {
  const std::uint16_t n = rte_eth_rx_burst(port_, 0, burst, burst_size);
  for (std::uint16_t i = 0; i < n; ++i)
    if (burst[i]->pkt_len != frame_.size() || std::memcmp(rte_pktmbuf_mtod(burst[i], const void*), frame_.data(), frame_.size()) != 0) ++wrong_;
  returned_ += n;
  return n;
}

// The ring has room for all frames that there are, once the other end has given its buffers back.
void VhostPartner::send(rte_mbuf** burst, std::uint16_t count) {
  const auto give_up = Clock::now() + quiet;
  std::uint16_t done = 0;
  while (done < count && Clock::now() < give_up) done = static_cast<std::uint16_t>(done + rte_eth_tx_burst(port_, 0, burst + done, static_cast<std::uint16_t>(count - done)));
  sent_ += count;  // what was not taken is missed as lost
  rte_pktmbuf_free_bulk(burst + done, static_cast<unsigned>(count - done));
}

}  // namespace millrace::bench
