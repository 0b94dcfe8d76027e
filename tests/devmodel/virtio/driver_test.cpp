// SPDX-License-Identifier: BSD-3-Clause
// DPDK's own virtio driver, in our port, on the model of its device.
#include "drivers/ethdev/ethdev_port.hpp"

#include <millrace/runtime/eal.hpp>

#include "tests/devmodel/slot.hpp"
#include "tests/devmodel/virtio/net.hpp"
#include "tests/interop/port_host.hpp"
#include "tests/support/catch.hpp"

#include <array>
#include <stdexcept>

using namespace millrace;
using devmodel::virtio::Net;
using test::Host;
using test::RawFrame;

namespace {

/// A device in a slot. EAL starts once, so all that this program needs are there before.
struct Machine {
  devmodel::Slot slot;
  Net net;
  std::vector<devmodel::Frame> wire;

  explicit Machine(const Net::Options& options) : net(slot, options) {
    slot.plug(net);
    net.connect([this](devmodel::Frame frame) { wire.push_back(std::move(frame)); });
  }
};

struct Machines {
  Machine split{Net::Options{}};
  Machine packed{Net::Options{.packed = true}};
  Machine plain{Net::Options{.checksums = false, .tso = false, .mergeable = false, .control = false}};
  Machine queues{Net::Options{.queue_pairs = 4}};

  Machines() {
    runtime::EalConfig eal;
    for (const Machine* machine : {&split, &packed, &plain, &queues}) eal.pci_devices.push_back(machine->slot.name());
    eal.extra = {"--iova-mode=va"};
    if (const auto started = runtime::eal_start(eal); !started) throw std::runtime_error(started.error().message);
  }
};

Machines& machines() {
  static Machines all;
  return all;
}

std::unique_ptr<port::Port> open(Host& host, Machine& machine, std::uint16_t queues = 1) {
  devmodel::hear_faults();
  auto port = ethdev::open({.name = machine.slot.name(), .ifindex = 1, .rx_queues = queues, .tx_queues = queues, .rx_ring = 256, .tx_ring = 256, .pools = {&*host.pool}});
  if (!port) FAIL(port.error().message);
  return std::move(*port);
}

RawFrame to_us(const port::Port& port, bool v6, std::uint8_t proto, std::size_t payload) {
  return {.v6 = v6, .proto = proto, .payload = payload, .destination = port.info().mac};
}

}  // namespace

TEST_CASE("virtio: frames cross bit for bit, split and packed rings, with and without offloads; counters are the device's") {
  machines();
  for (Machine* const machine : {&machines().split, &machines().packed, &machines().plain}) {
    Host host;
    auto port = open(host, *machine);
    CHECK(port->info().driver == "net_virtio");
    CHECK(port->info().mac == MacAddress{Net::mac});
    CHECK(port->link().up);
    for (std::size_t n = 0; n < 300; ++n) {
      const RawFrame inward = to_us(*port, n % 2 == 0, n % 3 == 0 ? 6 : 17, 4 * n);
      REQUIRE(machine->net.receive(inward.bytes()));
      pkt::Packet got = host.receive(*port);
      REQUIRE(got);
      CHECK(test::bytes_of(got) == inward.bytes());
      pkt::consume(std::move(got));

      const RawFrame outward{.v6 = n % 2 == 0, .proto = static_cast<std::uint8_t>(n % 3 == 0 ? 6 : 17), .payload = 4 * n};
      host.send(*port, host.unfinished(outward, n % 7, 301));
      REQUIRE(machine->wire.size() == 1);
      CHECK(machine->wire.front() == outward.bytes());
      machine->wire.clear();
    }
    const Net::Truth& truth = machine->net.truth();
    CHECK(truth.rx_frames == 300);
    CHECK(truth.tx_frames == 300);
    CHECK(port->device_stats().rx_packets == 300);
    CHECK(port->device_stats().tx_packets == 300);
    CHECK(port->device_stats().rx_bytes == truth.rx_bytes);
    CHECK(port->device_stats().tx_bytes == truth.tx_bytes);
    CHECK(machine->slot.violations() == std::vector<std::string>{});
  }
}

TEST_CASE("virtio: a port that was closed can be opened again, and leaves no buffer behind") {
  Machine& machine = machines().split;
  for (int round = 0; round < 3; ++round) {
    Host host;
    auto port = open(host, machine);
    const RawFrame frame = to_us(*port, false, 17, 100);
    REQUIRE(machine.net.receive(frame.bytes()));
    pkt::Packet got = host.receive(*port);
    REQUIRE(got);
    pkt::consume(std::move(got));
    machine.net.receive(frame.bytes());  // still in the ring when the port goes
  }
}

TEST_CASE("virtio: a full ring takes as many frames as it has places, the device counts the others") {
  Machine& machine = machines().split;
  Host host;
  auto port = open(host, machine);
  const Net::Truth before = machine.net.truth();
  const RawFrame frame = to_us(*port, false, 17, 100);
  for (int i = 0; i < 300; ++i) static_cast<void>(machine.net.receive(frame.bytes()));
  CHECK(machine.net.truth().rx_frames - before.rx_frames == 256);
  CHECK(machine.net.truth().rx_no_buffer - before.rx_no_buffer == 44);
  for (int i = 0; i < 256; ++i) {
    pkt::Packet got = host.receive(*port);
    REQUIRE(got);
    pkt::consume(std::move(got));
  }
  CHECK(machine.net.receive(frame.bytes()));
  pkt::consume(host.receive(*port));
}

TEST_CASE("virtio: the cable is pulled and put back") {
  Machine& machine = machines().split;
  Host host;
  auto port = open(host, machine);
  machine.net.set_link(false);
  CHECK_FALSE(port->link().up);
  CHECK_FALSE(machine.net.receive(to_us(*port, false, 17, 100).bytes()));
  machine.net.set_link(true);
  CHECK(port->link().up);
  CHECK(machine.net.receive(to_us(*port, false, 17, 100).bytes()));
  pkt::consume(host.receive(*port));
  CHECK(machine.slot.violations() == std::vector<std::string>{});
}

TEST_CASE("virtio: four queues, each with frames of its own both ways") {
  Machine& machine = machines().queues;
  Host host(4095);
  auto port = open(host, machine, 4);
  CHECK(port->info().rx_queues == 4);
  std::array<unsigned, 4> seen{};
  for (std::uint16_t flow = 0; flow < 64; ++flow) {
    RawFrame frame = to_us(*port, false, 17, 100);
    frame.source_port = flow;
    REQUIRE(machine.net.receive(frame.bytes()));
    pkt::Packet got = host.receive(*port);
    REQUIRE(got);
    ++seen.at(got.meta().rx_queue);
    pkt::consume(std::move(got));
    host.send(*port, host.pool.packet(frame.bytes()), static_cast<std::uint16_t>(flow % 4));
  }
  for (const unsigned count : seen) CHECK(count == 16);
  CHECK(machine.wire.size() == 64);
  CHECK(machine.slot.violations() == std::vector<std::string>{});
}
