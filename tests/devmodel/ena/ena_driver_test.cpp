// SPDX-License-Identifier: BSD-3-Clause
// DPDK's own net_ena on the model: ethdev calls and nothing of the product between. Each device of this program is another
// kind of ENA, since EAL starts once.
#include "tests/devmodel/ena/ena.hpp"
#include "tests/devmodel/ena/test_frames.hpp"
#include "tests/devmodel/slot.hpp"
#include "tests/support/catch.hpp"

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <rte_mbuf.h>
#include <rte_timer.h>
#include <rte_version.h>

#include <sys/epoll.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <stdexcept>

using namespace millrace::devmodel;
using namespace millrace::devmodel::ena;
using ena::test::finished;
using ena::test::Flow;
using ena::test::unfinished;
using ena::test::with_pseudo_header;

namespace {

constexpr std::uint16_t ring_size = 256;

struct Plugged {
  Slot slot;
  Ena device;
  std::vector<Frame> wire;

  explicit Plugged(Profile profile = {}) : device(slot, std::move(profile)) {
    device.stop_keep_alive(true);
    slot.plug(device);
    device.connect([this](Frame frame) { wire.push_back(std::move(frame)); });
  }
};

/// Keeps the driver from low latency queues.
constexpr const char* without_llq = RTE_VERSION >= RTE_VERSION_NUM(24, 7, 0, 0) ? ",llq_policy=0" : ",enable_llq=0";

struct Machines {
  Plugged plain;       // low latency queues, as the driver finds best
  Plugged host_rings;  // and without, by devargs
  Plugged modest{Profile{.meta_caching = false, .max_tx_burst_bytes = 2048, .rss_key = false, .rss_fields = false}};
  Plugged mortal;  // it is pulled out in the end
  rte_mempool* pool = nullptr;

  Machines() {
    std::vector<std::string> arguments{"ena", "--no-huge", "-m", "256", "--no-shconf", "--no-telemetry", "--iova-mode=va", "--log-level=4",
                                       "-a", plain.slot.name(), "-a", host_rings.slot.name() + without_llq,
                                       "-a", modest.slot.name(), "-a", mortal.slot.name()};
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) throw std::runtime_error("rte_eal_init");
    pool = rte_pktmbuf_pool_create("frames", 8191, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    if (pool == nullptr) throw std::runtime_error("no pool");
  }
  // EAL's interrupt thread must have let go of the devices before they go.
  ~Machines() {
    hear_faults();
    std::uint16_t id = 0;
    RTE_ETH_FOREACH_DEV(id) rte_eth_dev_close(id);
    rte_eal_cleanup();
  }
  Machines(const Machines&) = delete;
  Machines& operator=(const Machines&) = delete;
};

Machines& machines() {
  static Machines all;
  return all;
}

/// A started port, stopped at the end; its buffers must then be back.
class Port {
 public:
  explicit Port(Plugged& machine, std::uint16_t queues = 1, bool rx_interrupts = false) : machine_(machine), queues_(queues) {
    hear_faults();
    REQUIRE(rte_eth_dev_get_port_by_name(machine.slot.name().c_str(), &id) == 0);
    rte_eth_conf conf{};
    conf.intr_conf.lsc = 1;
    conf.intr_conf.rxq = rx_interrupts ? 1 : 0;
    conf.rxmode.mtu = 9000;
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_CHECKSUM | RTE_ETH_RX_OFFLOAD_RSS_HASH | RTE_ETH_RX_OFFLOAD_SCATTER;
    conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
                           RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    std::copy(ena::test::microsoft_key.begin(), ena::test::microsoft_key.end(), key_.begin());
    conf.rx_adv_conf.rss_conf = {key_.data(), static_cast<std::uint8_t>(key_.size()), RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                                 RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP};
    REQUIRE(rte_eth_dev_configure(id, queues, queues, &conf) == 0);
    for (std::uint16_t q = 0; q < queues; ++q) {
      REQUIRE(rte_eth_rx_queue_setup(id, q, ring_size, 0, nullptr, machines().pool) == 0);
      REQUIRE(rte_eth_tx_queue_setup(id, q, ring_size, 0, nullptr) == 0);
    }
    machine_.device.stop_keep_alive(false);
    start();
    machine_.wire.clear();
  }
  // Between two test cases EAL's interrupt thread must have nothing to do: Catch2 takes its faults away for a while.
  ~Port() {
    machine_.device.stop_keep_alive(true);
    CHECK(rte_eth_dev_stop(id) == 0);
    CHECK(rte_mempool_full(machines().pool) == 1);
    CHECK(machine_.slot.violations() == std::vector<std::string>{});
  }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  void start() const { REQUIRE(rte_eth_dev_start(id) == 0); }

  /// One frame from any queue; empty when there is none.
  Frame receive() {
    for (std::uint16_t q = 0; q < queues_; ++q) {
      rte_mbuf* got = nullptr;
      if (rte_eth_rx_burst(id, q, &got, 1) == 0) continue;
      queue = q;
      flags = got->ol_flags;
      hash = got->hash.rss;
      segments = got->nb_segs;
      Frame frame(got->pkt_len);
      const void* data = rte_pktmbuf_read(got, 0, got->pkt_len, frame.data());
      if (data != frame.data()) std::memcpy(frame.data(), data, frame.size());
      rte_pktmbuf_free(got);
      return frame;
    }
    return {};
  }

  /// In buffers of `piece` bytes.
  void send(const Frame& frame, std::size_t piece = 2000, const std::function<void(rte_mbuf&)>& ask = {}, std::uint16_t q = 0) {
    rte_mbuf* packet = nullptr;
    for (std::size_t at = 0; at < frame.size(); at += piece) {
      rte_mbuf* const part = rte_pktmbuf_alloc(machines().pool);
      REQUIRE(part != nullptr);
      const std::size_t bytes = std::min(piece, frame.size() - at);
      std::memcpy(rte_pktmbuf_append(part, static_cast<std::uint16_t>(bytes)), &frame[at], bytes);
      if (packet == nullptr) packet = part;
      else REQUIRE(rte_pktmbuf_chain(packet, part) == 0);
    }
    if (ask) ask(*packet);
    REQUIRE(rte_eth_tx_prepare(id, q, &packet, 1) == 1);
    REQUIRE(rte_eth_tx_burst(id, q, &packet, 1) == 1);
  }

  std::uint16_t id = 0;
  std::uint16_t queue = 0;
  std::uint64_t flags = 0;
  std::uint32_t hash = 0;
  unsigned segments = 0;

 private:
  Plugged& machine_;
  std::uint16_t queues_;
  std::array<std::uint8_t, 40> key_{};
};

/// The driver takes 16 buffers and the meta descriptor; rte_eth_tx_prepare does not look at what asks for no offload.
std::size_t piece_of(std::size_t bytes) { return bytes / 16 + 1; }

/// Up to two seconds: management interrupts are handled by a thread of EAL's.
bool soon(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    rte_delay_us_sleep(1000);
  }
  return false;
}

bool link_is_up(std::uint16_t id) {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

std::uint64_t extended(std::uint16_t id, const std::string& name) {
  std::uint64_t number = 0, value = 0;
  REQUIRE(rte_eth_xstats_get_id_by_name(id, name.c_str(), &number) == 0);
  REQUIRE(rte_eth_xstats_get_by_id(id, &number, &value, 1) == 1);
  return value;
}

void ask_for_sums(rte_mbuf& packet, const Flow& flow) {
  packet.l2_len = 14;
  packet.l3_len = flow.v6 ? 40 : 20;
  packet.l4_len = flow.tcp ? 20 : 8;
  packet.ol_flags = (flow.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM) |
                    (flow.tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM);
}

}  // namespace

TEST_CASE("net_ena probes the device and reads what it is") {
  for (Plugged* const machine : {&machines().plain, &machines().host_rings, &machines().modest}) {
    std::uint16_t id = 0;
    REQUIRE(rte_eth_dev_get_port_by_name(machine->slot.name().c_str(), &id) == 0);
    rte_eth_dev_info info{};
    REQUIRE(rte_eth_dev_info_get(id, &info) == 0);
    CHECK(std::string(info.driver_name) == "net_ena");
    CHECK(info.max_rx_queues == 16);
    CHECK(info.reta_size == 128);
    CHECK(info.rx_desc_lim.nb_max == 8192);
    CHECK(info.tx_desc_lim.nb_max == 1024);
    CHECK(info.max_mtu == 9216);
    rte_ether_addr mac{};
    REQUIRE(rte_eth_macaddr_get(id, &mac) == 0);
    CHECK(std::equal(mac.addr_bytes, mac.addr_bytes + 6, Profile().mac.begin()));
    CHECK(machine->device.settings().host_os == 3);  // ENA_ADMIN_OS_DPDK
    CHECK(machine->slot.violations() == std::vector<std::string>{});
  }
}

TEST_CASE("net_ena: frames cross bit for bit, through every kind of ring and several rounds of it") {
  for (Plugged* const machine : {&machines().plain, &machines().host_rings, &machines().modest}) {
    const std::uint64_t sent_before = machine->device.counts().tx_frames;
    Port port(*machine);
    for (std::size_t n = 0; n < 700; ++n) {
      const Flow flow{.v6 = n % 2 == 0, .tcp = n % 3 == 0, .payload = 5 * n};
      REQUIRE(machine->device.receive(finished(flow)));
      REQUIRE(port.receive() == finished(flow));
      CHECK((port.flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD);
      port.send(finished(flow), piece_of(finished(flow).size()) + n % 1000);
      REQUIRE(machine->wire.size() == 1);
      CHECK(machine->wire.front() == finished(flow));
      machine->wire.clear();
    }
    rte_eth_stats stats{};
    REQUIRE(rte_eth_stats_get(port.id, &stats) == 0);
    const Counts truth = machine->device.counts();
    CHECK(stats.ipackets == truth.rx_frames);
    CHECK(stats.opackets == truth.tx_frames);
    CHECK(stats.ibytes == truth.rx_bytes);
    CHECK(stats.obytes == truth.tx_bytes);
    CHECK(truth.tx_frames - sent_before == 700);
  }
}

TEST_CASE("net_ena: four queues by Microsoft's hash, each sending too") {
  for (Plugged* const machine : {&machines().plain, &machines().host_rings}) {
    Port port(*machine, 4);
    std::array<unsigned, 4> seen{};
    for (std::uint16_t n = 0; n < 256; ++n) {
      const Flow flow{.v6 = n % 2 == 0, .tcp = true, .source_port = n};
      REQUIRE(machine->device.receive(finished(flow)));
      REQUIRE(port.receive() == finished(flow));
      CHECK((port.flags & RTE_MBUF_F_RX_RSS_HASH) != 0);
      CHECK(port.queue == port.hash % 128 % 4);
      ++seen.at(port.queue);
      port.send(finished(flow), 2000, {}, static_cast<std::uint16_t>(n % 4));
    }
    for (const unsigned count : seen) CHECK(count > 32);
    CHECK(machine->wire.size() == 256);
    REQUIRE(machine->device.receive(finished({.tcp = true})));
    CHECK(port.receive() == finished({.tcp = true}));
    CHECK(port.hash == 0x51ccc178);

    rte_eth_rss_reta_entry64 table[2]{};
    for (auto& half : table) {
      half.mask = ~std::uint64_t{0};
      std::fill(std::begin(half.reta), std::end(half.reta), std::uint16_t{2});
    }
    REQUIRE(rte_eth_dev_rss_reta_update(port.id, table, 128) == 0);
    for (std::uint16_t n = 0; n < 16; ++n) {
      REQUIRE(machine->device.receive(finished({.source_port = n})));
      REQUIRE(port.receive() == finished({.source_port = n}));
      CHECK(port.queue == 2);
    }
  }
}

TEST_CASE("net_ena: checksums and segmentation by the device") {
  for (Plugged* const machine : {&machines().plain, &machines().host_rings, &machines().modest}) {
    Port port(*machine);
    for (std::size_t n = 0; n < 400; ++n) {
      const Flow flow{.v6 = n % 2 == 0, .tcp = n % 3 == 0, .payload = 7 * n};
      port.send(unfinished(flow), 60 + piece_of(7 * n), [&](rte_mbuf& packet) { ask_for_sums(packet, flow); });
      REQUIRE(machine->wire.size() == 1);
      CHECK(machine->wire.front() == finished(flow));
      machine->wire.clear();
    }
    const Flow large{.tcp = true, .payload = 8000};
    port.send(unfinished(large), 2000, [&](rte_mbuf& packet) {
      ask_for_sums(packet, large);
      packet.ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
      packet.tso_segsz = 1448;
    });
    REQUIRE(machine->wire.size() == 6);
    for (const Frame& segment : machine->wire) CHECK(ena::test::naive_sum(with_pseudo_header(segment, false)) == 0xffff);
    Frame bad = finished({});
    bad.back() ^= 1;
    REQUIRE(machine->device.receive(bad));
    REQUIRE(port.receive() == bad);
    CHECK((port.flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_GOOD);
  }
}

TEST_CASE("net_ena: a full ring, its drops, and buffers in any order") {
  Plugged& machine = machines().plain;
  Port port(machine);
  REQUIRE(soon([&] { return link_is_up(port.id); }));
  const std::uint64_t drops_before = machine.device.drops().rx;
  unsigned taken = 0;
  for (unsigned i = 0; i < ring_size - 1 + 44; ++i) taken += machine.device.receive(finished({})) ? 1 : 0;
  CHECK(taken == ring_size - 1);
  CHECK(machine.device.drops().rx - drops_before == 44);
  machine.device.keep_alive();
  CHECK(soon([&] {
    rte_eth_stats stats{};
    return rte_eth_stats_get(port.id, &stats) == 0 && stats.imissed == machine.device.drops().rx;
  }));
  for (unsigned i = 0; i < ring_size - 1; ++i) REQUIRE(port.receive() == finished({}));
  CHECK(port.receive().empty());
  machine.device.use_last_buffer_first(true);
  for (std::size_t n = 0; n < 1000; ++n) {
    const Flow flow{.payload = 8 * n};
    REQUIRE(machine.device.receive(finished(flow)));
    REQUIRE(port.receive() == finished(flow));
    CHECK(port.segments == (finished(flow).size() + RTE_MBUF_DEFAULT_DATAROOM - 1) / RTE_MBUF_DEFAULT_DATAROOM);
  }
  machine.device.use_last_buffer_first(false);
}

TEST_CASE("net_ena: link, MTU and the allowance counters") {
  Plugged& machine = machines().plain;
  Port port(machine);
  REQUIRE(soon([&] { return link_is_up(port.id); }));
  machine.device.set_link(false);
  CHECK(soon([&] { return !link_is_up(port.id); }));
  CHECK_FALSE(machine.device.receive(finished({})));
  machine.device.set_link(true);
  CHECK(soon([&] { return link_is_up(port.id); }));

  REQUIRE(rte_eth_dev_set_mtu(port.id, 1500) == 0);
  CHECK_FALSE(machine.device.receive(finished({.payload = 1477})));
  CHECK(machine.device.receive(finished({.payload = 1472})));
  CHECK(port.receive() == finished({.payload = 1472}));
  REQUIRE(rte_eth_dev_set_mtu(port.id, 9216) == 0);

  machine.device.allowances() = {1, 2, 3, 4, 5};
  CHECK(extended(port.id, "bw_in_allowance_exceeded") == 1);
  CHECK(extended(port.id, "bw_out_allowance_exceeded") == 2);
  CHECK(extended(port.id, "pps_allowance_exceeded") == 3);
  CHECK(extended(port.id, "conntrack_allowance_exceeded") == 4);
  CHECK(extended(port.id, "linklocal_allowance_exceeded") == 5);
}

TEST_CASE("net_ena: stop and start with frames in the rings") {
  for (Plugged* const machine : {&machines().plain, &machines().host_rings}) {
    Port port(*machine, 2);
    for (int round = 0; round < 3; ++round) {
      for (std::uint16_t n = 0; n < 20; ++n) {
        REQUIRE(machine->device.receive(finished({.source_port = n})));
        port.send(finished({}), 2000, {}, n % 2);
      }
      CHECK_FALSE(port.receive().empty());
      REQUIRE(rte_eth_dev_stop(port.id) == 0);
      CHECK_FALSE(machine->device.receive(finished({})));
      port.start();
    }
  }
}

TEST_CASE("net_ena: each queue has its interrupt") {
  Plugged& machine = machines().plain;
  Port port(machine, 2, true);
  const int epoll = epoll_create1(0);
  std::array<rte_epoll_event, 2> unused{};
  for (std::uint16_t q = 0; q < 2; ++q) REQUIRE(rte_eth_dev_rx_intr_ctl_q(port.id, q, epoll, RTE_INTR_EVENT_ADD, reinterpret_cast<void*>(std::uintptr_t{q})) == 0);
  std::array<unsigned, 2> woken{};
  for (std::uint16_t n = 0; n < 20; ++n) {
    for (std::uint16_t q = 0; q < 2; ++q) REQUIRE(rte_eth_dev_rx_intr_enable(port.id, q) == 0);
    while (rte_epoll_wait(epoll, unused.data(), 2, 0) > 0) {}
    REQUIRE(machine.device.receive(finished({.source_port = n})));
    rte_epoll_event event{};
    REQUIRE(rte_epoll_wait(epoll, &event, 1, 2000) == 1);
    REQUIRE_FALSE(port.receive().empty());
    CHECK(reinterpret_cast<std::uintptr_t>(event.epdata.data) == port.queue);
    ++woken.at(port.queue);
  }
  CHECK(woken[0] > 0);
  CHECK(woken[1] > 0);
  for (std::uint16_t q = 0; q < 2; ++q) static_cast<void>(rte_eth_dev_rx_intr_ctl_q(port.id, q, epoll, RTE_INTR_EVENT_DEL, nullptr));
}

TEST_CASE("net_ena: reset begins anew") {
  Plugged& machine = machines().host_rings;
  const std::uint64_t before = machine.device.counts().resets;
  { Port port(machine); }
  std::uint16_t id = 0;
  REQUIRE(rte_eth_dev_get_port_by_name(machine.slot.name().c_str(), &id) == 0);
  REQUIRE(rte_eth_dev_reset(id) == 0);
  CHECK(machine.device.counts().resets > before);
  Port port(machine);
  REQUIRE(machine.device.receive(finished({})));
  CHECK(port.receive() == finished({}));
}

TEST_CASE("net_ena: a device can be taken from the driver and given back") {
  Plugged& machine = machines().modest;
  for (int round = 0; round < 3; ++round) {
    hear_faults();
    REQUIRE(rte_eal_hotplug_remove("pci", machine.slot.name().c_str()) == 0);
    REQUIRE(rte_eal_hotplug_add("pci", machine.slot.name().c_str(), "") == 0);
    Port port(machine);
    REQUIRE(machine.device.receive(finished({})));
    CHECK(port.receive() == finished({}));
  }
}

TEST_CASE("net_ena: when the device falls silent the driver asks for a reset, and goes on after it") {
  Plugged& machine = machines().host_rings;
  std::uint16_t id = 0;
  bool asked = false;
  const auto on_reset = [](std::uint16_t, rte_eth_event_type, void* flag, void*) {
    *static_cast<bool*>(flag) = true;
    return 0;
  };
  {
    Port port(machine);
    id = port.id;
    REQUIRE(rte_eth_dev_callback_register(id, RTE_ETH_EVENT_INTR_RESET, on_reset, &asked) == 0);
    machine.device.update_hints({.driver_watchdog_timeout_ms = 500});  // instead of 3 seconds
    machine.device.stop_keep_alive(true);
    CHECK(soon([&] {
      rte_timer_manage();
      return asked;
    }));
  }
  CHECK(machine.device.last_reset_reason() == 1U);  // ENA_REGS_RESET_KEEP_ALIVE_TO
  REQUIRE(rte_eth_dev_callback_unregister(id, RTE_ETH_EVENT_INTR_RESET, on_reset, &asked) == 0);
  REQUIRE(rte_eth_dev_reset(id) == 0);
  Port port(machine);
  REQUIRE(machine.device.receive(finished({})));
  CHECK(port.receive() == finished({}));
}

TEST_CASE("net_ena: a device that has gone deaf or away leaves no buffer behind and nobody hanging") {
  Plugged& machine = machines().mortal;
  Port port(machine);
  machine.device.set_admin_deaf(true);
  rte_eth_stats stats{};
  CHECK(rte_eth_stats_get(port.id, &stats) != 0);  // after the second that CAPS allows
  CHECK(machine.device.receive(finished({})));
  CHECK(port.receive() == finished({}));
  machine.device.remove();
  CHECK_FALSE(machine.device.receive(finished({})));
  CHECK(port.receive().empty());
}
