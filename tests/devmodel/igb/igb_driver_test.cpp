// SPDX-License-Identifier: BSD-3-Clause
// DPDK's own net_e1000_igb on the model, by DPDK's calls alone: what the conformance suite does not ask, since not every device has
// it. Part of the program that runs that suite on igb's subjects.
#include "tests/devmodel/igb/registers.hpp"
#include "tests/devmodel/igb/test_frames.hpp"
#include "tests/devmodel/subject.hpp"
#include "tests/support/catch.hpp"

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <thread>

using namespace millrace::devmodel;
using igb::FrameSpec;
using igb::make_frame;
using igb::with_tag;

namespace {

constexpr std::uint16_t ring = 256;

/// The first subject's port, configured and started; closed at the end, when all buffers have to be back and nothing may have gone
/// wrong.
class Running {
 public:
  explicit Running(std::uint16_t queues, rte_eth_conf conf = {}) : subject(*subjects().front()) {
    hear_faults();
    subject.wire.clear();
    const char* const name = subject.slot.name().c_str();
    if (rte_eth_dev_get_port_by_name(name, &port) != 0) {
      REQUIRE(rte_dev_probe(name) == 0);
      REQUIRE(rte_eth_dev_get_port_by_name(name, &port) == 0);
    }
    pool_ = rte_pktmbuf_pool_create("igb driver test", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    REQUIRE(pool_ != nullptr);
    if (queues > 1) {
      conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
      conf.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
    }
    REQUIRE(rte_eth_dev_configure(port, queues, queues, &conf) == 0);
    for (std::uint16_t q = 0; q < queues; ++q) {
      REQUIRE(rte_eth_rx_queue_setup(port, q, ring, 0, nullptr, pool_) == 0);
      REQUIRE(rte_eth_tx_queue_setup(port, q, ring, 0, nullptr) == 0);
    }
    REQUIRE(rte_eth_dev_start(port) == 0);
  }
  ~Running() {
    rte_eth_dev_info info{};
    CHECK(rte_eth_dev_info_get(port, &info) == 0);
    CHECK(rte_eth_dev_stop(port) == 0);
    CHECK(rte_eth_dev_close(port) == 0);
    CHECK(rte_dev_remove(info.device) == 0);
    CHECK(rte_mempool_avail_count(pool_) == 4095);
    rte_mempool_free(pool_);
    CHECK(subject.slot.violations() == std::vector<std::string>{});
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  struct Got {
    Frame frame;
    std::uint16_t queue = 0, tag = 0;
    std::uint32_t hash = 0;
    std::uint64_t flags = 0;
  };
  /// The one frame that waits, from whichever queue; empty when there is none.
  [[nodiscard]] Got receive() const {
    Got got;
    for (std::uint16_t q = 0; q < 16; ++q) {
      rte_eth_dev_info info{};
      if (rte_eth_dev_info_get(port, &info) != 0 || q >= info.nb_rx_queues) break;
      rte_mbuf* m = nullptr;
      if (rte_eth_rx_burst(port, q, &m, 1) == 0) continue;
      const auto* const data = rte_pktmbuf_mtod(m, const std::uint8_t*);
      got = {.frame = Frame(data, data + m->data_len), .queue = q, .tag = m->vlan_tci, .hash = m->hash.rss, .flags = m->ol_flags};
      rte_pktmbuf_free(m);
    }
    return got;
  }
  [[nodiscard]] rte_mbuf* packet(const Frame& frame) const {
    rte_mbuf* const m = rte_pktmbuf_alloc(pool_);
    REQUIRE(m != nullptr);
    std::memcpy(rte_pktmbuf_append(m, static_cast<std::uint16_t>(frame.size())), frame.data(), frame.size());
    return m;
  }
  [[nodiscard]] bool send(std::uint16_t queue, rte_mbuf* m) const { return rte_eth_tx_prepare(port, queue, &m, 1) == 1 && rte_eth_tx_burst(port, queue, &m, 1) == 1; }
  [[nodiscard]] bool takes(const Frame& frame) const { return subject.device->receive(frame) && !receive().frame.empty(); }

  Subject& subject;
  std::uint16_t port = 0;

 private:
  rte_mempool* pool_ = nullptr;
};

FrameSpec flow(std::uint16_t source_port) { return {.source_port = source_port}; }

std::map<std::string, std::uint64_t> xstats(std::uint16_t port) {
  std::vector<rte_eth_xstat_name> names(static_cast<std::size_t>(rte_eth_xstats_get_names(port, nullptr, 0)));
  std::vector<rte_eth_xstat> values(names.size());
  REQUIRE(rte_eth_xstats_get_names(port, names.data(), static_cast<unsigned>(names.size())) == static_cast<int>(names.size()));
  REQUIRE(rte_eth_xstats_get(port, values.data(), static_cast<unsigned>(values.size())) == static_cast<int>(values.size()));
  std::map<std::string, std::uint64_t> all;
  for (std::size_t i = 0; i < names.size(); ++i) all[names[i].name] = values[i].value;
  return all;
}

std::atomic<int> link_events{0};

int count_link_event(std::uint16_t, rte_eth_event_type, void*, void*) {
  ++link_events;
  return 0;
}

}  // namespace

TEST_CASE("igb driver: with one queue and with four it has the EEPROM's address and 1000 Mb/s, and frames cross both ways") {
  const std::uint16_t queues = GENERATE(std::uint16_t{1}, std::uint16_t{4});
  const Running r(queues);
  rte_ether_addr mac{};
  REQUIRE(rte_eth_macaddr_get(r.port, &mac) == 0);
  CHECK(std::equal(std::begin(mac.addr_bytes), std::end(mac.addr_bytes), std::array<std::uint8_t, 6>{0x02, 0, 0, 0, 0x82, 0x76}.begin()));
  rte_eth_link link{};
  REQUIRE(rte_eth_link_get_nowait(r.port, &link) == 0);
  CHECK(link.link_status == RTE_ETH_LINK_UP);
  CHECK(link.link_speed == RTE_ETH_SPEED_NUM_1G);
  CHECK(link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX);
  std::array<unsigned, 4> seen{};
  for (std::uint16_t i = 0; i < 1000; ++i) {
    const Frame frame = make_frame(flow(i));
    REQUIRE(r.subject.device->receive(frame));
    const auto got = r.receive();
    REQUIRE(got.frame == frame);
    ++seen.at(got.queue);
    REQUIRE(r.send(i % queues, r.packet(frame)));
    REQUIRE(r.subject.wire.back() == frame);
  }
  for (std::uint16_t q = 0; q < queues; ++q) CHECK(seen.at(q) >= 1000u / queues / 2);
}

TEST_CASE("igb driver: RSS hashes by the key that is set, and the table that is read back leads the frames") {
  const Running r(4);
  std::array<std::uint8_t, 40> key{};
  rte_eth_rss_conf conf{.rss_key = key.data(), .rss_key_len = key.size(), .rss_hf = 0};
  REQUIRE(rte_eth_dev_rss_hash_conf_get(r.port, &conf) == 0);
  CHECK(key[0] == 0x6d);  // the driver's default is the datasheet's example, 7.1.1.7.3
  CHECK(key[39] == 0xfa);
  std::array<rte_eth_rss_reta_entry64, 2> table{};
  for (auto& half : table) half.mask = ~std::uint64_t{0};
  REQUIRE(rte_eth_dev_rss_reta_query(r.port, table.data(), 128) == 0);
  REQUIRE(r.subject.device->receive(make_frame()));
  auto got = r.receive();
  CHECK((got.flags & RTE_MBUF_F_RX_RSS_HASH) != 0);
  CHECK(got.hash == 0x51ccc178);
  const unsigned entry = 0x51ccc178 % 128;
  CHECK(got.queue == table[entry / 64].reta[entry % 64]);
  table[entry / 64].reta[entry % 64] = 1;
  REQUIRE(rte_eth_dev_rss_reta_update(r.port, table.data(), 128) == 0);
  REQUIRE(r.subject.device->receive(make_frame()));
  CHECK(r.receive().queue == 1);
  key.fill(0x6d);
  conf.rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_TCP;
  REQUIRE(rte_eth_dev_rss_hash_update(r.port, &conf) == 0);
  REQUIRE(r.subject.device->receive(make_frame()));
  CHECK(r.receive().hash != 0x51ccc178);
}

TEST_CASE("igb driver: VLAN tags are stripped, filtered and inserted") {
  rte_eth_conf conf{};
  conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
  conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
  const Running r(1, conf);
  const Frame plain = make_frame();
  CHECK_FALSE(r.subject.device->receive(with_tag(plain, 0x6123)));
  REQUIRE(rte_eth_dev_vlan_filter(r.port, 0x123, 1) == 0);
  REQUIRE(r.subject.device->receive(with_tag(plain, 0x6123)));
  const auto got = r.receive();
  CHECK(got.frame == plain);
  CHECK(got.tag == 0x6123);
  CHECK((got.flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0);
  rte_mbuf* const m = r.packet(plain);
  m->ol_flags |= RTE_MBUF_F_TX_VLAN;
  m->vlan_tci = 0x2007;
  REQUIRE(r.send(0, m));
  CHECK(r.subject.wire.back() == with_tag(plain, 0x2007));
}

TEST_CASE("igb driver: addresses, multicast and promiscuity") {
  const Running r(1);
  Frame frame = make_frame();
  CHECK(r.takes(frame));
  frame[5] = 0x77;
  CHECK_FALSE(r.takes(frame));
  REQUIRE(rte_eth_promiscuous_enable(r.port) == 0);
  CHECK(r.takes(frame));
  REQUIRE(rte_eth_promiscuous_disable(r.port) == 0);
  CHECK_FALSE(r.takes(frame));
  rte_ether_addr second{{0x02, 0, 0, 0, 0x82, 0x77}};
  REQUIRE(rte_eth_dev_mac_addr_add(r.port, &second, 0) == 0);
  CHECK(r.takes(frame));
  rte_ether_addr group{{0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb}};
  std::copy_n(group.addr_bytes, 6, frame.begin());
  CHECK_FALSE(r.takes(frame));
  REQUIRE(rte_eth_dev_set_mc_addr_list(r.port, &group, 1) == 0);
  CHECK(r.takes(frame));
  REQUIRE(rte_eth_dev_set_mc_addr_list(r.port, nullptr, 0) == 0);
  CHECK_FALSE(r.takes(frame));
  REQUIRE(rte_eth_allmulticast_enable(r.port) == 0);
  CHECK(r.takes(frame));
  std::fill_n(frame.begin(), 6, std::uint8_t{0xff});
  CHECK(r.takes(frame));
}

TEST_CASE("igb driver: its extended statistics are what came and went") {
  const Running r(1);
  rte_eth_xstats_reset(r.port);
  for (const std::size_t payload : {6, 7, 300, 1000}) REQUIRE(r.takes(make_frame({.payload = payload})));
  Frame all = make_frame();
  std::fill_n(all.begin(), 6, std::uint8_t{0xff});
  REQUIRE(r.takes(all));
  REQUIRE(r.send(0, r.packet(make_frame({.payload = 6}))));
  const auto stats = xstats(r.port);
  CHECK(stats.at("rx_good_packets") == 5);
  CHECK(stats.at("rx_size_64_packets") == 1);
  CHECK(stats.at("rx_size_65_to_127_packets") == 2);
  CHECK(stats.at("rx_size_256_to_511_packets") == 1);
  CHECK(stats.at("rx_size_1024_to_max_packets") == 1);
  CHECK(stats.at("rx_broadcast_packets") == 1);
  CHECK(stats.at("tx_good_packets") == 1);
  CHECK(stats.at("tx_size_64_packets") == 1);
  CHECK(xstats(r.port) == stats);
}

TEST_CASE("igb driver: each of four queues wakes by an event of its own, armed again each time") {
  rte_eth_conf conf{};
  conf.intr_conf.rxq = 1;
  const Running r(4, conf);
  std::array<pollfd, 4> events{};
  for (std::uint16_t q = 0; q < 4; ++q) {
    events[q] = {.fd = rte_eth_dev_rx_intr_ctl_q_get_fd(r.port, q), .events = POLLIN, .revents = 0};
    REQUIRE(events[q].fd >= 0);
  }
  // Which queues have an event now, as bits; the events are taken.
  const auto woken = [&events] {
    poll(events.data(), events.size(), 0);
    unsigned bits = 0;
    for (unsigned q = 0; q < 4; ++q) {
      std::uint64_t count = 0;
      if ((events[q].revents & POLLIN) != 0 && read(events[q].fd, &count, sizeof count) == sizeof count) bits |= 1u << q;
    }
    return bits;
  };
  static_cast<void>(woken());
  for (std::uint16_t port = 0; port < 64; ++port) {
    for (std::uint16_t q = 0; q < 4; ++q) REQUIRE(rte_eth_dev_rx_intr_enable(r.port, q) == 0);
    REQUIRE(r.subject.device->receive(make_frame(flow(port))));
    const auto got = r.receive();
    REQUIRE(woken() == 1u << got.queue);
    REQUIRE(r.subject.device->receive(make_frame(flow(port))));  // masked by its own message
    REQUIRE(woken() == 0);
    REQUIRE(rte_eth_dev_rx_intr_enable(r.port, got.queue) == 0);  // and told of now
    REQUIRE(woken() == 1u << got.queue);
    REQUIRE(rte_eth_dev_rx_intr_disable(r.port, got.queue) == 0);
    REQUIRE_FALSE(r.receive().frame.empty());
    REQUIRE(r.subject.device->receive(make_frame(flow(port))));
    REQUIRE(woken() == 0);
    REQUIRE_FALSE(r.receive().frame.empty());
    REQUIRE(rte_eth_dev_rx_intr_enable(r.port, got.queue) == 0);
    static_cast<void>(woken());
  }
}

TEST_CASE("igb driver: TSO, whose frames are the packet again") {
  const bool v6 = GENERATE(false, true);
  const Running r(1);
  FrameSpec spec{.v6 = v6, .payload = 1900, .tcp_flags = 0x18, .sequence = 0xffffff00};
  if (v6) {
    spec.source = std::vector<std::uint8_t>(16, 0x20);
    spec.destination = std::vector<std::uint8_t>(16, 0xfd);
  }
  const Frame whole = make_frame(spec);
  const std::size_t headers = igb::transport_at(whole) + 20;
  rte_mbuf* const m = r.packet(whole);
  // IPv4's checksum has to be asked for, too: by that alone the driver tells the device that it is IPv4.
  m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | (v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
  m->l2_len = 14;
  m->l3_len = v6 ? 40 : 20;
  m->l4_len = 20;
  m->tso_segsz = 700;
  REQUIRE(r.send(0, m));
  REQUIRE(r.subject.wire.size() == 3);
  Frame payload;
  for (const Frame& f : r.subject.wire) {
    CHECK(igb::transport_sum_is_right(f));
    if (!v6) CHECK(igb::ip_sum_is_right(f));
    CHECK(f.size() == headers + (payload.size() < 1400 ? 700 : 500));
    payload.insert(payload.end(), f.begin() + static_cast<std::ptrdiff_t>(headers), f.end());
  }
  CHECK(payload == Frame(whole.begin() + static_cast<std::ptrdiff_t>(headers), whole.end()));
}

TEST_CASE("igb driver: a frame's FCS is kept when asked for, and counts in no length") {
  rte_eth_conf conf{};
  conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_KEEP_CRC;
  const Running r(1, conf);
  REQUIRE(r.subject.device->receive(make_frame()));
  CHECK(r.receive().frame == make_frame());
}

// The handler runs in EAL's interrupt thread, and this one waits for it: registers have one caller at a time.
TEST_CASE("igb driver: a link that goes and comes is told of by the LSC interrupt") {
  rte_eth_conf conf{};
  conf.intr_conf.lsc = 1;
  const Running r(1, conf);
  REQUIRE(rte_eth_dev_callback_register(r.port, RTE_ETH_EVENT_INTR_LSC, count_link_event, nullptr) == 0);
  const auto hears_of = [&r](bool up) {
    const int before = link_events;
    r.subject.device->set_link(up);
    for (int ms = 0; ms < 2000 && link_events == before; ++ms) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    rte_eth_link link{};
    return link_events == before + 1 && rte_eth_link_get_nowait(r.port, &link) == 0 && (link.link_status == RTE_ETH_LINK_UP) == up;
  };
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the start's own event
  CHECK(hears_of(false));
  CHECK(hears_of(true));
  CHECK(hears_of(false));
  CHECK(hears_of(true));
  REQUIRE(rte_eth_dev_callback_unregister(r.port, RTE_ETH_EVENT_INTR_LSC, count_link_event, nullptr) == 0);
}

TEST_CASE("igb driver: without a link the ring fills and the driver says no more than that; then all is sent") {
  const Running r(1);
  r.subject.device->set_link(false);
  unsigned taken = 0;
  for (; taken < 2 * ring; ++taken) {
    rte_mbuf* const m = r.packet(make_frame());
    if (r.send(0, m)) continue;
    rte_pktmbuf_free(m);
    break;
  }
  CHECK(taken < ring);
  CHECK(taken >= ring - 8);
  CHECK(r.subject.wire.empty());
  r.subject.device->set_link(true);
  CHECK(r.subject.wire.size() == taken);
  CHECK(r.send(0, r.packet(make_frame())));
}

TEST_CASE("igb driver: a port is stopped and started again between frames, ten times") {
  const Running r(4);
  const std::uint64_t resets = r.subject.device->counts().resets;
  for (unsigned round = 0; round < 10; ++round) {
    for (std::uint16_t i = 0; i < 20; ++i) REQUIRE(r.subject.device->receive(make_frame(flow(i))));
    REQUIRE(rte_eth_dev_stop(r.port) == 0);
    CHECK_FALSE(r.subject.device->receive(make_frame()));
    REQUIRE(rte_eth_dev_start(r.port) == 0);
    CHECK(r.takes(make_frame()));
    CHECK(r.send(3, r.packet(make_frame())));
  }
  CHECK(r.subject.device->counts().resets > resets + 10);
}
