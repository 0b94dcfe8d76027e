// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/ethdev/queues.hpp"

#include "drivers/ethdev/ethdev_port.hpp"

#include <millrace/base/byte_order.hpp>
#include <millrace/pkt/rx_stamp.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/lcore_env.hpp"
#include "tests/support/raw_frame.hpp"

#include <algorithm>
#include <array>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <vector>

using namespace millrace;
using test::RawFrame;

TEST_CASE("receive_path E10: the four verdicts of DPDK; NONE is both bits together") {
  using pkt::ChecksumVerdict;
  CHECK(ethdev::verdict_of(0) == ChecksumVerdict::unknown);
  CHECK(ethdev::verdict_of(RTE_MBUF_F_RX_L4_CKSUM_GOOD) == ChecksumVerdict::good);
  CHECK(ethdev::verdict_of(RTE_MBUF_F_RX_L4_CKSUM_BAD) == ChecksumVerdict::bad);
  CHECK(ethdev::verdict_of(RTE_MBUF_F_RX_L4_CKSUM_NONE) == ChecksumVerdict::partial);
  // The IP header's verdict does not speak for layer 4.
  CHECK(ethdev::verdict_of(RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_RSS_HASH) == ChecksumVerdict::unknown);
}

TEST_CASE("offload requests carry flags, lengths and the pseudo-header sum, for both families and protocols") {
  test::TestPool pool;
  for (const bool v6 : {false, true}) {
    for (const std::uint8_t proto : {std::uint8_t{6}, std::uint8_t{17}}) {
      const RawFrame frame{.v6 = v6, .proto = proto};
      pkt::Packet packet = pool.packet(frame.unfinished());
      packet.meta().l3_offset = 14;
      packet.meta().l4_offset = static_cast<std::uint16_t>(frame.l4_offset());
      packet.meta().tx_checksum = proto == 6 ? pkt::ChecksumRequest::tcp : pkt::ChecksumRequest::udp;
      packet.mbuf().tx_offload = ~0ull;
      ethdev::request_offloads(packet.mbuf());
      const auto& m = reinterpret_cast<const rte_mbuf&>(packet.mbuf());
      CHECK((m.ol_flags & RTE_MBUF_F_TX_L4_MASK) == (proto == 6 ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM));
      CHECK((m.ol_flags & (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6)) == (v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4));
      CHECK((m.ol_flags & RTE_MBUF_F_TX_IP_CKSUM) == 0);
      CHECK(m.l2_len == 14);
      CHECK(m.l3_len == (v6 ? 40 : 20));
      CHECK(m.tso_segsz == 0);
      CHECK(load_be16(packet.data().data() + frame.sum_offset()) == frame.pseudo_sum());
      pkt::consume(std::move(packet));
    }
  }
}

TEST_CASE("a packet that asks for nothing goes without the flags that another port left on it") {
  test::TestPool pool;
  pkt::Packet packet = pool.packet(RawFrame{}.bytes());
  packet.mbuf().ol_flags = RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_RX_RSS_HASH;
  ethdev::request_offloads(packet.mbuf());
  CHECK(packet.mbuf().ol_flags == RTE_MBUF_F_RX_RSS_HASH);
  CHECK(test::bytes_of(packet) == RawFrame{}.bytes());
  pkt::consume(std::move(packet));
}

namespace {

// What stands behind a port id that no device has: refuses packets of one byte value, sends all others.
constexpr std::uint16_t fake_port = RTE_MAX_ETHPORTS - 1;
constexpr std::uint8_t refused = 0xee;

std::uint16_t fake_prepare(void*, rte_mbuf** packets, std::uint16_t count) {
  for (std::uint16_t i = 0; i < count; ++i)
    if (*rte_pktmbuf_mtod(packets[i], std::uint8_t*) == refused) return i;
  return count;
}

std::uint64_t flags_sent = 0;
std::uint16_t segments_sent = 0;

std::uint16_t fake_burst(void*, rte_mbuf** packets, std::uint16_t count) {
  for (std::uint16_t i = 0; i < count; ++i) {
    flags_sent |= packets[i]->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK;
    segments_sent |= packets[i]->nb_segs;
  }
  rte_pktmbuf_free_bulk(packets, count);
  return count;
}

struct FakeDevice {
  FakeDevice() {
    rte_eth_fp_ops[fake_port].tx_pkt_prepare = fake_prepare;
    rte_eth_fp_ops[fake_port].tx_pkt_burst = fake_burst;
    rte_eth_fp_ops[fake_port].txq.data = queues.data();
  }
  ~FakeDevice() { rte_eth_fp_ops[fake_port] = before; }
  const struct rte_eth_fp_ops before = rte_eth_fp_ops[fake_port];
  std::array<void*, 1> queues{};
};

}  // namespace

TEST_CASE("what the driver refuses is dropped by name, wherever it stands, and the rest is sent") {
  test::LcoreEnv lcore;
  const FakeDevice device;
  const port::Info info{.mtu = 1500, .offloads = {.tx_multi_segment = true}};
  ethdev::EthdevTx queue(fake_port, 0, info);
  for (const auto& bytes : {std::vector<std::uint8_t>{1, refused, 2}, {refused, refused, 3}, {4, refused}, {refused}, {5, 6}}) {
    const auto wanted = static_cast<std::uint64_t>(std::count(bytes.begin(), bytes.end(), refused));
    const auto refused_before = lcore.stats.drop[stats::DropReason::tx_refused];
    const auto sent_before = lcore.stats.port[stats::Port::tx_packets];
    pkt::Burst burst;
    for (const std::uint8_t byte : bytes) burst.push(lcore.pool.packet(std::vector<std::uint8_t>(60, byte)));
    queue.transmit(lcore.env, burst);
    CHECK(burst.empty());
    CHECK(lcore.stats.drop[stats::DropReason::tx_refused] - refused_before == wanted);
    CHECK(lcore.stats.port[stats::Port::tx_packets] - sent_before == bytes.size() - wanted);
  }
}

TEST_CASE("B5: one frame that is not plain has the whole burst prepared: length, runt, stale flag, checksum, chain; bytes add up") {
  const FakeDevice device;
  const port::Info info{.mtu = 1500, .offloads = {}};
  ethdev::EthdevTx queue(fake_port, 0, info);
  const RawFrame udp{.payload = 40};
  enum What { plain, longest, too_long, runt, flag, checksum, chain };
  for (const What what : {plain, longest, too_long, runt, flag, checksum, chain}) {
    CAPTURE(what);
    test::LcoreEnv lcore(0, 63);
    const auto& counted = lcore.stats;
    const auto udp_bytes = udp.unfinished();
    const std::size_t length = what == longest ? 1518 : what == too_long ? 1519 : what == runt ? 13 : 60;
    pkt::Packet odd = lcore.pool.packet(what == checksum ? udp_bytes : std::vector<std::uint8_t>(length, 1));
    if (what == flag) odd.mbuf().ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4;
    if (what == chain) odd.chain(lcore.pool.packet(std::vector<std::uint8_t>(20, 2)));
    if (what == checksum) {
      odd.meta().l3_offset = 14;
      odd.meta().l4_offset = 34;
      odd.meta().tx_checksum = pkt::ChecksumRequest::udp;
    }
    const std::size_t bytes = odd.length();
    pkt::Burst burst;
    burst.push(lcore.pool.packet(std::vector<std::uint8_t>(60, 5)));
    burst.push(std::move(odd));
    burst.push(lcore.pool.packet(std::vector<std::uint8_t>(70, 6)));
    const bool goes = what != too_long && what != runt;
    CHECK(queue.transmit(lcore.env, burst) == (goes ? 3 : 2));
    const auto& tx = counted.port;
    CHECK(tx[stats::Port::tx_bytes] == 130 + (goes ? bytes : 0));
    CHECK(counted.drop[stats::DropReason::tx_too_long] == (what == too_long ? 1 : 0));
    CHECK(counted.drop[stats::DropReason::bad_frame] == (what == runt ? 1 : 0));
    CHECK(tx[stats::Port::tx_csum_software] == (what == checksum ? 1 : 0));
    CHECK(flags_sent == 0);
    CHECK(segments_sent == 1);
    flags_sent = segments_sent = 0;
  }
}

TEST_CASE("B5: a checksum that the device finishes is asked for with the pseudo header's sum in the field, and costs no preparation") {
  const FakeDevice device;
  const port::Info info{.mtu = 1500, .offloads = {.tx_udp_checksum = true}};
  ethdev::EthdevTx queue(fake_port, 0, info);
  test::LcoreEnv lcore(0, 63);
  for (const bool v6 : {false, true}) {
    const RawFrame udp{.v6 = v6, .payload = 40};
    pkt::Packet asking = lcore.pool.packet(udp.unfinished());
    asking.meta().l3_offset = 14;
    asking.meta().l4_offset = static_cast<std::uint16_t>(udp.l4_offset());
    asking.meta().tx_checksum = pkt::ChecksumRequest::udp;
    const std::uint8_t* const field = asking.data().data() + udp.l4_offset() + 6;
    pkt::Burst burst;
    burst.push(lcore.pool.packet(std::vector<std::uint8_t>(60, 5)));
    burst.push(std::move(asking));
    CHECK(queue.transmit(lcore.env, burst) == 2);
    CHECK(flags_sent == (RTE_MBUF_F_TX_UDP_CKSUM | (v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4)));
    CHECK(load_be16(field) == test::naive_sum({}, udp.pseudo_sum()));
    CHECK(lcore.stats.port[stats::Port::tx_csum_software] == 0);
    flags_sent = segments_sent = 0;
  }
}

TEST_CASE("a driver whose tx_prepare only writes sums is not asked for frames of one buffer, and is for others") {
  const FakeDevice device;
  for (const char* driver : {"net_virtio_user", "net_virtio", "net_other"}) {
    const port::Info info{.driver = driver, .mtu = 1500, .offloads = {.tx_multi_segment = true}};
    ethdev::EthdevTx queue(fake_port, 0, info);
    test::LcoreEnv lcore(0, 63);
    const auto send_refused = [&](bool in_two) {
      pkt::Packet frame = lcore.pool.packet(std::vector<std::uint8_t>(60, refused));
      if (in_two) frame.chain(lcore.pool.packet(std::vector<std::uint8_t>(20, 2)));
      pkt::Burst burst;
      burst.push(std::move(frame));
      return queue.transmit(lcore.env, burst);
    };
    CHECK(send_refused(false) == (std::string_view(driver) == "net_other" ? 0 : 1));
    CHECK(send_refused(true) == 0);
  }
}

TEST_CASE("E17, E10: of a frame that the device merged the size of its segments is the device's word, their number follows") {
  test::TestPool pool;
  const auto described = [&](std::size_t payload, std::uint16_t size, std::uint64_t flags, std::uint8_t proto = 6) {
    pkt::Packet packet = pool.packet(RawFrame{.proto = proto, .payload = payload}.bytes());
    packet.mbuf().ol_flags = flags;
    packet.meta().gso_segs = 1;
    reinterpret_cast<rte_mbuf&>(packet.mbuf()).tso_segsz = size;
    ethdev::describe_merged(packet.mbuf());
    const std::pair<int, int> said{packet.meta().gso_size, packet.meta().gso_segs};
    pkt::consume(std::move(packet));
    return said;
  };
  using Said = std::pair<int, int>;
  CHECK(described(1000, 100, RTE_MBUF_F_RX_LRO) == Said{100, 10});
  CHECK(described(1001, 100, RTE_MBUF_F_RX_LRO) == Said{100, 11});
  CHECK(described(100, 100, RTE_MBUF_F_RX_LRO) == Said{0, 1});
  CHECK(described(1000, 100, 0) == Said{0, 1});
  CHECK(described(1000, 0, RTE_MBUF_F_RX_LRO) == Said{0, 1});
  CHECK(described(0, 100, RTE_MBUF_F_RX_LRO) == Said{0, 1});
  CHECK(described(1000, 100, RTE_MBUF_F_RX_LRO, 58) == Said{0, 1});
}

namespace {

std::vector<pkt::Mbuf*> arriving;

std::uint16_t fake_rx_burst(void*, rte_mbuf** packets, std::uint16_t count) {
  const auto n = static_cast<std::uint16_t>(std::min<std::size_t>(count, arriving.size()));
  for (std::uint16_t i = 0; i < n; ++i) packets[i] = reinterpret_cast<rte_mbuf*>(arriving[i]);
  arriving.erase(arriving.begin(), arriving.begin() + n);
  return n;
}

}  // namespace

TEST_CASE("L7: the device's stamp comes with a packet of a port that stamps; of another it is some other port's, and goes") {
  test::LcoreEnv lcore;
  REQUIRE(pkt::register_rx_stamps());
  FakeDevice device;
  rte_eth_fp_ops[fake_port].rx_pkt_burst = fake_rx_burst;
  rte_eth_fp_ops[fake_port].rxq.data = device.queues.data();
  for (const bool stamps : {true, false}) {
    ethdev::EthdevRx queue(fake_port, 0, 1, pkt::headroom + 2048, {.rx_timestamp = stamps});
    for (const bool hashes : {true, false}) {
      queue.pass_hash_on(hashes);
      pkt::Packet sent = lcore.pool.packet(RawFrame{}.bytes());
      pkt::set_rx_stamp(sent.mbuf(), 42);
      sent.mbuf().ol_flags |= pkt::flag::rx_rss_hash;
      arriving.push_back(sent.release());
      pkt::Burst burst;
      REQUIRE(queue.receive(lcore.env, burst, 32) == 1);
      CHECK(pkt::rx_stamp(burst[0]) == (stamps ? std::optional<std::uint64_t>(42) : std::nullopt));
      CHECK(((burst[0].ol_flags & pkt::flag::rx_rss_hash) != 0) == hashes);
      burst.take_all([](pkt::Packet packet) { pkt::consume(std::move(packet)); });
    }
  }
}

TEST_CASE("a frame that is longer than its buffers, by the device's word, is dropped by name; those around it come") {
  test::LcoreEnv lcore;
  FakeDevice device;
  rte_eth_fp_ops[fake_port].rx_pkt_burst = fake_rx_burst;
  rte_eth_fp_ops[fake_port].rxq.data = device.queues.data();
  ethdev::EthdevRx queue(fake_port, 0, 1, pkt::headroom + 2048, {});
  const auto arrives = [&](std::uint16_t first_length, std::uint16_t second_length, std::uint32_t length) {
    pkt::Packet frame = lcore.pool.packet(RawFrame{}.bytes());
    if (second_length != 0) {
      frame.chain(lcore.pool.packet(RawFrame{}.bytes()));
      frame.mbuf().next->data_len = second_length;
    }
    frame.mbuf().data_len = first_length;
    frame.mbuf().pkt_len = length;
    arriving.push_back(frame.release());
  };
  pkt::Packet any = lcore.pool.packet({});
  const auto most = static_cast<std::uint16_t>(any.mbuf().buf_len - pkt::headroom);
  pkt::consume(std::move(any));
  arrives(100, 0, 100);
  arrives(static_cast<std::uint16_t>(most + 1), 0, most + 1u);
  arrives(most, 0, most);
  arrives(0xffff, 0, 0xffff);
  arrives(100, 50, 150);
  arrives(100, static_cast<std::uint16_t>(most + 1), most + 101u);
  arrives(100, 50, 151);
  pkt::Burst burst;
  REQUIRE(queue.receive(lcore.env, burst, 32) == 3);
  CHECK(burst[0].pkt_len == 100);
  CHECK(burst[1].pkt_len == most);
  CHECK(burst[2].pkt_len == 150);
  CHECK(lcore.stats.drop[stats::DropReason::bad_frame] == 4);
  CHECK(queue.counted.drops.value() == 4);
  burst.take_all([](pkt::Packet packet) { pkt::consume(std::move(packet)); });
}

TEST_CASE("a driver that gives nothing to whom asks for few frames is asked for more, which wait for the next call or go with the device") {
  test::TestPool pool;
  auto stats = std::make_unique<stats::LcoreStats>();
  Env env;
  env.pool = &*pool;
  env.stats = stats.get();
  const auto opened = ethdev::open({.name = "net_null_few", .args = "size=100", .pools = {&*pool}});
  REQUIRE(opened);
  port::Port& port = **opened;
  std::uint16_t id = 0;
  REQUIRE(rte_eth_dev_get_port_by_name("net_null_few", &id) == 0);
  ethdev::EthdevRx queue(id, 0, 1, pkt::headroom + 2048, {}, {.least_burst = 8});
  const auto takes = [&](std::uint16_t budget) {
    pkt::Burst burst;
    const std::uint16_t count = queue.receive(env, burst, budget);
    burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
    return count;
  };
  struct Step {
    std::uint16_t budget;
    std::uint64_t given;  // by the device, until then
  };
  for (const auto [budget, given] : {Step{3, 8}, {2, 8}, {10, 16}, {3, 24}, {32, 50}, {8, 58}, {0, 58}, {7, 66}}) {
    INFO("a budget of " << budget);
    CHECK(takes(budget) == budget);
    CHECK(port.device_stats().rx_packets == given);
  }
  CHECK(queue.counted.packets.value() == 65);
  CHECK(pool->in_use() == 1);
  queue.connect(ethdev::no_device, -1);
  CHECK(pool->in_use() == 0);
  CHECK(takes(1) == 0);
  queue.connect(id, -1);
  CHECK(takes(1) == 1);
}
