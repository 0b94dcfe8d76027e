// SPDX-License-Identifier: BSD-3-Clause
// The ethdev port over virtio-user, with DPDK's vhost library as the device's other side, both in this process.
#include "drivers/ethdev/ethdev_port.hpp"

#include <millrace/base/byte_order.hpp>

#include "tests/interop/port_host.hpp"
#include "tests/support/catch.hpp"

#include <rte_ethdev.h>
#include <unistd.h>

#include <chrono>
#include <thread>

using namespace millrace;
using namespace std::chrono_literals;
using test::Host;
using test::RawFrame;

namespace {

std::unique_ptr<port::Port> open_port(const ethdev::Options& options) {
  auto port = ethdev::open(options);
  if (!port) FAIL(port.error().message);
  return std::move(*port);
}

/// A pair of ports; virtio-user goes first when they are closed.
struct Pair {
  std::string socket = "/tmp/millrace_vhost_" + std::to_string(getpid()) + ".sock";
  std::unique_ptr<port::Port> vhost;
  std::unique_ptr<port::Port> virtio;

  Pair(Host& backend, Host& guest, const std::string& extra, std::uint16_t mtu, bool checksums,
       ethdev::Options::Interrupts interrupts = ethdev::Options::Interrupts::off, bool lro = false) {
    vhost = open_port({.name = "net_vhost0",
                       .args = "iface=" + socket + ",queues=1" + (lro ? ",tso=1" : ""),
                       .ifindex = 1,
                       .mtu = mtu,
                       .interrupts = interrupts,
                       .checksum_offload = checksums,
                       .pools = {&*backend.pool}});
    virtio = open_port({.name = "net_virtio_user0",
                        .args = "path=" + socket + ",queues=1" + extra,
                        .ifindex = 2,
                        .rx_ring = 256,
                        .tx_ring = 256,
                        .mtu = mtu,
                        .lro = lro,
                        .interrupts = interrupts,
                        .checksum_offload = checksums,
                        .pools = {&*guest.pool}});
    const auto end = std::chrono::steady_clock::now() + 5s;
    while (!vhost->link().up && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
  }
  ~Pair() {
    virtio.reset();
    vhost.reset();
    unlink(socket.c_str());
  }
};

/// The packet's bytes once its checksum, if it came partial, has been brought to an end as a receiver would.
std::vector<std::uint8_t> finished(const pkt::Packet& packet, const RawFrame& frame) {
  auto bytes = test::bytes_of(packet);
  if (packet.meta().checksum == pkt::ChecksumVerdict::partial) {
    CHECK(load_be16(&bytes[frame.sum_offset()]) == frame.pseudo_sum());
    store_be16(&bytes[frame.sum_offset()], frame.checksum());
  }
  return bytes;
}

void cross(Host& from, port::Port& out, Host& to, port::Port& in, const RawFrame& frame, std::size_t first,
           std::size_t piece) {
  from.send(out, from.unfinished(frame, first, piece));
  pkt::Packet got = to.receive(in);
  REQUIRE(got);
  CHECK(finished(got, frame) == frame.bytes());
  CHECK(got.meta().ifindex == (in.info().driver == "net_vhost" ? 1 : 2));
  CHECK(got.meta().gso_segs == 1);
  pkt::consume(std::move(got));
}

}  // namespace

TEST_CASE("virtio-user and vhost carry packets both ways, split and packed rings, with and without offloads") {
  for (const std::string ring : {"", ",packed_vq=1"}) {
    for (const bool checksums : {true, false}) {
      INFO("ring '" << ring << "' checksums " << checksums);
      Host backend;
      Host guest;
      Pair pair(backend, guest, ring, 1500, checksums);
      REQUIRE(pair.vhost->link().up);
      REQUIRE(pair.virtio->link().up);
      CHECK(pair.virtio->info().driver == "net_virtio_user");
      CHECK(pair.virtio->info().offloads.tx_tcp_checksum == checksums);
      CHECK(pair.virtio->info().offloads.rx_l4_checksum == checksums);
      for (std::size_t n = 0; n < 100; ++n) {
        const RawFrame frame{
            .v6 = n % 2 == 0, .proto = static_cast<std::uint8_t>(n % 3 == 0 ? 6 : 17), .payload = 13 * n};
        cross(guest, *pair.virtio, backend, *pair.vhost, frame, n % 7, 101);
        cross(backend, *pair.vhost, guest, *pair.virtio, frame, n % 7, 101);
      }
      CHECK((guest.stats->port[stats::Port::tx_csum_software] == 0) == checksums);
    }
  }
}

TEST_CASE("virtio gives sent buffers back while they are few; a ring smaller than what was asked for is no obstacle") {
  for (const std::string ring : {"", ",queue_size=64"}) {
    Host backend;
    Host guest;
    Pair pair(backend, guest, ring, 1500, true);
    REQUIRE(pair.vhost->link().up);
    const std::uint32_t received_into = guest.pool->in_use();
    for (std::uint32_t n = 0; n < 1000; ++n) {
      cross(guest, *pair.virtio, backend, *pair.vhost, {.proto = 17, .payload = 20}, 20, 1);
      CHECK(guest.pool->in_use() <= received_into + 64 + 2);
    }
  }
}

TEST_CASE("a checksum left to the device arrives as partial") {
  Host backend;
  Host guest;
  Pair pair(backend, guest, "", 1500, true);
  const RawFrame frame{.proto = 6, .payload = 100};
  backend.send(*pair.vhost, backend.unfinished(frame, 100, 1));
  pkt::Packet got = guest.receive(*pair.virtio);
  REQUIRE(got);
  CHECK(got.meta().checksum == pkt::ChecksumVerdict::partial);
  pkt::consume(std::move(got));
}

TEST_CASE("E17: with lro a frame of many segments crosses virtio whole, with their size and number") {
  Host backend;
  Host guest;
  Pair pair(backend, guest, "", 1500, true, ethdev::Options::Interrupts::off, true);
  CHECK(pair.virtio->info().offloads.rx_lro);
  const RawFrame frame{.proto = 6, .payload = 5001};
  pkt::Packet packet = backend.unfinished(frame, 1000, 1000);
  auto& m = reinterpret_cast<rte_mbuf&>(packet.mbuf());
  m.ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG;
  m.l2_len = 14;
  m.l3_len = 20;
  m.l4_len = 20;
  m.tso_segsz = 1000;
  // Straight to the driver: the vhost port does not announce that its other side takes such frames.
  std::uint16_t id = 0;
  REQUIRE(rte_eth_dev_get_port_by_name("net_vhost0", &id) == 0);
  auto* raw = reinterpret_cast<rte_mbuf*>(packet.release());
  REQUIRE(rte_eth_tx_burst(id, 0, &raw, 1) == 1);
  pkt::Packet got = guest.receive(*pair.virtio);
  REQUIRE(got);
  CHECK(got.length() == frame.bytes().size());
  CHECK((got.mbuf().ol_flags & pkt::flag::rx_lro) != 0);
  CHECK(got.meta().gso_size == 1000);
  CHECK(got.meta().gso_segs == 6);
  CHECK(got.meta().checksum == pkt::ChecksumVerdict::partial);
  pkt::consume(std::move(got));
}

TEST_CASE("B3: an armed queue has an event when a packet comes, a masked one none; both sides, split and packed rings") {
  for (const std::string ring : {"", ",packed_vq=1"}) {
    Host backend;
    Host guest;
    Pair pair(backend, guest, ring, 1500, true, ethdev::Options::Interrupts::needed);
    REQUIRE(pair.vhost->link().up);
    const RawFrame frame{.payload = 100};
    test::wakes_by_interrupt(guest, *pair.virtio, [&] { backend.send(*pair.vhost, backend.unfinished(frame, 100, 1)); });
    test::wakes_by_interrupt(backend, *pair.vhost, [&] { guest.send(*pair.virtio, guest.unfinished(frame, 100, 1)); });
  }
}

TEST_CASE("jumbo frames of 9000 bytes over several buffers") {
  Host backend;
  Host guest;
  Pair pair(backend, guest, "", 9000, true);
  REQUIRE(pair.vhost->link().up);
  const RawFrame frame{.v6 = true, .proto = 6, .payload = 9000 - 60};
  cross(guest, *pair.virtio, backend, *pair.vhost, frame, 1001, 1501);
  cross(backend, *pair.vhost, guest, *pair.virtio, frame, 1001, 1501);
}

TEST_CASE("without its peer virtio-user fails to open and says so") {
  Host host;
  const auto port =
      ethdev::open({.name = "net_virtio_user0", .args = "path=/tmp/millrace_nobody.sock", .pools = {&*host.pool}});
  REQUIRE_FALSE(port);
  CHECK(port.error().message.find("net_virtio_user0") != std::string::npos);
}
