// SPDX-License-Identifier: BSD-3-Clause
// QEMU's devices as subjects of the conformance suite: those of the guest that MILLRACE_GUEST names (run.py). Called by the suite.
#include <millrace/runtime/eal.hpp>

#include "tests/conformance/subject.hpp"
#include "tests/qemu/kernel_nic.hpp"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <utility>

namespace millrace::conformance {
namespace {

using Clock = std::chrono::steady_clock;

/// How long nothing more has to come until nothing is under way.
constexpr auto silence = std::chrono::milliseconds(100);

class QemuDevice final : public Subject {
 public:
  /// Its name for DPDK, for QEMU and of the kernel's NIC at the other end of its cable follow from its number in the guest.
  QemuDevice(unsigned number, std::size_t shortest, Traits what)
      : Subject(std::move(what)), address("0000:00:0" + std::to_string(2 * number + 2) + ".0"), nic_("dut" + std::to_string(number)), peer_("eth" + std::to_string(number)), shortest_(shortest) {}

  Result<void> attach(ethdev::Options options, const MakePort& make_port) override {
    static_cast<void>(peer_.received());
    options.name = address;
    Result<void> made = make_port(options);
    if (made) discard(options.rx_queues);
    return made;
  }

  bool inject(std::span<const std::uint8_t> frame) override {
    if (!is_up_) return false;
    peer_.send(frame);
    ++counts_.rx_frames;
    counts_.rx_bytes += std::max(frame.size(), shortest_);
    return true;
  }
  std::vector<Frame> sent(std::size_t count) override {
    std::vector<Frame> all;
    const auto end = Clock::now() + std::chrono::seconds(2);
    do {
      for (Frame& frame : peer_.received()) all.push_back(std::move(frame));
      if (all.size() < count) std::this_thread::sleep_for(std::chrono::microseconds(100));
    } while (all.size() < count && Clock::now() < end);
    for (const Frame& frame : all) {
      ++counts_.tx_frames;
      counts_.tx_bytes += frame.size();
    }
    return all;
  }
  std::optional<Counts> counts() const override { return counts_; }
  void set_cable(bool up) override {
    qemu::set_link(nic_, up);
    is_up_ = up;
  }

  const std::string address;

 private:
  /// QEMU keeps what it cannot deliver yet, which no cable does: until there is a link, and what an earlier port did not take. All of
  /// it, up to a silence.
  void discard(std::uint16_t queues) const {
    std::uint16_t id = 0;
    if (rte_eth_dev_get_port_by_name(address.c_str(), &id) != 0) return;
    const auto is_up = [id] {
      rte_eth_link link{};
      return rte_eth_link_get_nowait(id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
    };
    for (const auto end = Clock::now() + std::chrono::seconds(2); !is_up() && Clock::now() < end;) {
    }
    for (auto end = Clock::now() + silence; Clock::now() < end;) {
      for (std::uint16_t queue = 0; queue < queues; ++queue) {
        std::array<rte_mbuf*, 32> burst{};
        const std::uint16_t count = rte_eth_rx_burst(id, queue, burst.data(), burst.size());
        if (count != 0) end = Clock::now() + silence;
        rte_pktmbuf_free_bulk(burst.data(), count);
      }
    }
  }

  const std::string nic_;
  qemu::KernelNic peer_;
  const std::size_t shortest_;  ///< of what arrives: shorter frames are padded
  bool is_up_ = true;
  Counts counts_;
};

std::vector<std::unique_ptr<QemuDevice>> make_subjects() {
  const char* const guest = std::getenv("MILLRACE_GUEST");
  const std::string name = guest != nullptr ? guest : "";
  std::vector<std::unique_ptr<QemuDevice>> all;
  const auto add = [&](std::size_t shortest, Traits traits) {
    traits.lacks.emplace(Lack::places, "QEMU keeps what the device has no place for: net/queue.c: qemu_net_queue_append()");
    traits.lacks.emplace(Lack::far_end, "a cable's far end is known by the link alone");
    all.push_back(std::make_unique<QemuDevice>(static_cast<unsigned>(all.size()), shortest, std::move(traits)));
  };
  const std::string no_chains = "virtqueue.h: vring_desc_init_indirect_packed(): no chains on a packed ring";
  const std::string no_verdict = "tun.c: a TAP device passes no verdict on";
  if (name == "igb") {
    add(60, {.name = "igb", .driver = "net_e1000_igb", .queues = 4, .hashes = true});
  } else if (name == "virtio") {
    add(0, {.name = "split ring", .driver = "net_virtio", .checksums = false, .tso = false});
    add(0, {.name = "packed ring", .driver = "net_virtio", .checksums = false, .tso = false});
  } else if (name == "virtio-tap") {
    add(0, {.name = "split ring, offloads", .driver = "net_virtio", .lacks = {{Lack::verdicts, no_verdict}}});
    add(0, {.name = "packed ring, offloads", .driver = "net_virtio", .tso = false, .lacks = {{Lack::verdicts, no_verdict}, {Lack::segments, no_chains}}});
    add(0, {.name = "four queues, offloads", .driver = "net_virtio", .queues = 4, .hashes = true, .lacks = {{Lack::verdicts, no_verdict}}});
  } else {
    throw std::runtime_error("MILLRACE_GUEST names no guest of run.py: '" + name + "'");
  }
  return all;
}

std::vector<std::unique_ptr<Subject>> with_eal() {
  // QEMU's igb loses a frame of which a buffer lies in two pages that are not neighbours in the guest's memory
  // (net_tx_pkt_add_raw_fragment_pci(), 10.0): within huge pages no packet's does.
  runtime::EalConfig eal{.hugepages = true};
  std::vector<std::unique_ptr<Subject>> all;
  for (auto& subject : make_subjects()) {
    eal.pci_devices.push_back(subject->address);
    all.push_back(std::move(subject));
  }
  eal.extra = {"--iova-mode=va"};
  if (const auto started = runtime::eal_start(eal); !started) throw std::runtime_error(started.error().message);
  return all;
}

}  // namespace

const std::vector<std::unique_ptr<Subject>>& subjects() {
  static const auto& all = *new std::vector<std::unique_ptr<Subject>>(with_eal());
  return all;
}

}  // namespace millrace::conformance
