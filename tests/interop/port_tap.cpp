// SPDX-License-Identifier: BSD-3-Clause
// The ethdev port over DPDK's TAP driver, with the Linux kernel as the other side, in a network namespace of this
// process's own. Needs root; skipped without.
#include "drivers/ethdev/ethdev_port.hpp"
#include "drivers/ethdev/flow_rule.hpp"

#include <millrace/base/byte_order.hpp>
#include <millrace/runtime/eal.hpp>

#include "tests/interop/port_host.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/netns.hpp"

#include <rte_ethdev.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

using namespace millrace;
using namespace std::chrono_literals;
using test::Host;
using test::KernelInterface;
using test::PacketSocket;
using test::RawFrame;

namespace {

// Before main, for EAL's threads have to be born in the namespace.
const bool in_namespace = [] {
  if (const auto reason = test::enter_network_namespace()) {
    std::fprintf(stderr, "SKIP: %s\n", reason->c_str());
    std::exit(test::exit_skipped);
  }
  test::new_interfaces_without_ipv6();
  return true;
}();

ethdev::Options tap(Host& host, std::uint16_t mtu = 1500) {
  return {.name = "net_tap0", .args = "iface=mr0", .ifindex = 5, .mtu = mtu, .pools = {&*host.pool}};
}

std::unique_ptr<port::Port> open_tap(const ethdev::Options& options) {
  auto port = ethdev::open(options);
  if (!port) FAIL(port.error().message);
  return std::move(*port);
}

/// A frame from us to the kernel.
RawFrame to_kernel(const port::Port& port, bool v6, std::uint8_t proto, std::size_t payload) {
  return {.v6 = v6,
          .proto = proto,
          .payload = payload,
          .source = port.info().mac,
          .destination = KernelInterface("mr0").mac(),
          .source_host = 2,
          .destination_host = 1};
}

int udp_socket(const char* address) {
  const auto local = IpAddress::parse(address);
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(2000);
  in.sin_addr.s_addr = htonl(local->v4_number());
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&in), sizeof in) == 0);
  timeval patience{2, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

}  // namespace

TEST_CASE("frames cross the TAP in both directions, bit for bit") {
  Host host;
  auto port = open_tap(tap(host));
  PacketSocket kernel(KernelInterface("mr0"));
  CHECK(port->info().driver == "net_tap");
  CHECK(port->info().mac != KernelInterface("mr0").mac());
  CHECK_FALSE(port->info().mac.is_multicast());
  CHECK(port->link().up);
  for (const std::size_t payload : {0u, 1u, 18u, 500u, 1471u, 1472u}) {
    const auto inward =
        RawFrame{.payload = payload, .source = KernelInterface("mr0").mac(), .destination = port->info().mac}.bytes();
    kernel.send(inward);
    pkt::Packet got = host.receive(*port);
    REQUIRE(got);
    CHECK(test::bytes_of(got) == inward);
    CHECK(got.meta().ifindex == 5);
    CHECK(got.meta().rx_time == host.env.now);
    CHECK(got.meta().gso_segs == 1);
    CHECK(got.meta().l4_offset == 0);
    CHECK(got.meta().checksum == pkt::ChecksumVerdict::unknown);
    pkt::consume(std::move(got));

    const RawFrame outward = to_kernel(*port, false, 17, payload);
    host.send(*port, host.pool.packet(outward.bytes()));
    CHECK(kernel.receive(2s) == outward.bytes());
  }
  CHECK(host.stats->port[stats::Port::rx_packets] == 6);
  CHECK(host.stats->port[stats::Port::tx_packets] == 6);
  CHECK(port->device_stats().rx_packets == 6);
  CHECK(port->device_stats().tx_packets == 6);
}

TEST_CASE("checksums asked for are finished, over chains with odd cuts, both families") {
  Host host;
  auto port = open_tap(tap(host));
  PacketSocket kernel(KernelInterface("mr0"));
  for (const bool v6 : {false, true}) {
    for (const std::uint8_t proto : {std::uint8_t{6}, std::uint8_t{17}}) {
      const RawFrame frame = to_kernel(*port, v6, proto, 701);
      host.send(*port, host.unfinished(frame, 3, 77));
      CHECK(kernel.receive(2s) == frame.bytes());
    }
  }
}

TEST_CASE("the kernel's own UDP socket takes our datagrams and its own arrive whole") {
  Host host;
  auto port = open_tap(tap(host));
  KernelInterface mr0("mr0");
  mr0.add_address(*IpPrefix::parse("10.77.0.1/24"));
  mr0.add_neighbor(*IpAddress::parse("10.77.0.2"), port->info().mac);
  const int fd = udp_socket("10.77.0.1");

  const RawFrame frame = to_kernel(*port, false, 17, 1001);
  host.send(*port, host.unfinished(frame, 1, 33));
  std::vector<std::uint8_t> datagram(4096);
  sockaddr_in from{};
  socklen_t from_length = sizeof from;
  const ssize_t n = recvfrom(fd, datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&from), &from_length);
  REQUIRE(n == 1001);
  CHECK(std::equal(datagram.begin(), datagram.begin() + n, frame.bytes().begin() + 42));

  REQUIRE(sendto(fd, datagram.data(), 1001, 0, reinterpret_cast<sockaddr*>(&from), from_length) == 1001);
  pkt::Packet got = host.receive(*port);
  REQUIRE(got);
  const auto bytes = test::bytes_of(got);
  REQUIRE(bytes.size() == frame.bytes().size());
  CHECK(std::equal(bytes.begin() + 42, bytes.end(), datagram.begin()));
  CHECK(load_be16(&bytes[34]) == 2000);
  CHECK(load_be16(&bytes[36]) == 1000);
  // Addresses changed places, which leaves the pseudo header's sum as it is.
  CHECK(test::naive_sum(std::span(bytes).subspan(34), frame.pseudo_sum()) == 0xffff);
  pkt::consume(std::move(got));
  close(fd);
}

TEST_CASE("jumbo frames of 9000 bytes, in one buffer and in several") {
  for (const std::uint16_t data_room : {std::uint16_t{2048}, std::uint16_t{9216}}) {
    Host host(1023, data_room);
    auto port = open_tap(tap(host, 9000));
    KernelInterface mr0("mr0");
    CHECK(mr0.mtu() == 9000);
    CHECK(port->info().mtu == 9000);
    PacketSocket kernel(mr0);
    RawFrame inward{.v6 = true, .proto = 6, .payload = 9000 - 60, .source = mr0.mac(), .destination = port->info().mac};
    kernel.send(inward.bytes());
    pkt::Packet got = host.receive(*port);
    REQUIRE(got);
    CHECK(got.segments() == (data_room == 2048 ? 5 : 1));
    CHECK(test::bytes_of(got) == inward.bytes());
    pkt::consume(std::move(got));

    const RawFrame outward = to_kernel(*port, false, 17, 9000 - 28);
    host.send(*port, host.unfinished(outward, 1000, 1501));
    CHECK(kernel.receive(2s) == outward.bytes());
  }
}

TEST_CASE("a burst keeps its order") {
  Host host;
  auto port = open_tap(tap(host));
  PacketSocket kernel(KernelInterface("mr0"));
  for (std::uint16_t n = 0; n < 100; ++n)
    kernel.send(
        RawFrame{.source_port = n, .source = KernelInterface("mr0").mac(), .destination = port->info().mac}.bytes());
  for (std::uint16_t n = 0; n < 100; ++n) {
    pkt::Packet got = host.receive(*port);
    REQUIRE(got);
    CHECK(load_be16(got.data().data() + 34) == n);
    pkt::consume(std::move(got));
  }
}

TEST_CASE("B3: each frame is an event of the queue's descriptor, and an idle queue has none") {
  Host host;
  ethdev::Options options = tap(host);
  options.interrupts = ethdev::Options::Interrupts::needed;
  auto port = open_tap(options);
  PacketSocket kernel(KernelInterface("mr0"));
  test::wakes_by_interrupt(host, *port, [&] {
    kernel.send(RawFrame{.source = KernelInterface("mr0").mac(), .destination = port->info().mac}.bytes());
  });
}

TEST_CASE("TAP has as many rx as tx queues; Info tells") {
  Host host;
  ethdev::Options options = tap(host);
  options.tx_queues = 2;
  auto port = open_tap(options);
  CHECK(port->info().rx_queues == 2);
  CHECK(port->info().tx_queues == 2);
  PacketSocket kernel(KernelInterface("mr0"));
  for (std::uint16_t queue = 0; queue < 2; ++queue) {
    const RawFrame frame = to_kernel(*port, false, 17, 10u + queue);
    host.send(*port, host.pool.packet(frame.bytes()), queue);
    CHECK(kernel.receive(2s) == frame.bytes());
  }
}

TEST_CASE("what the kernel does not take stays with the caller") {
  Host host;
  auto port = open_tap(tap(host));
  KernelInterface("mr0").set_up(false);
  pkt::Burst burst;
  burst.push(host.pool.packet(to_kernel(*port, false, 17, 10).bytes()));
  CHECK(port->tx_queue(0).transmit(host.env, burst) == 0);
  CHECK(burst.size() == 1);
  CHECK_FALSE(port->link().up);
  CHECK(host.stats->port[stats::Port::tx_packets] == 0);
  KernelInterface("mr0").set_up(true);
  CHECK(port->tx_queue(0).transmit(host.env, burst) == 1);
  CHECK(burst.empty());
}

TEST_CASE("closing removes the interface; no signal handler was left") {
  Host host;
  { auto port = open_tap(tap(host)); }
  CHECK_FALSE(KernelInterface("mr0").exists());
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) {
    struct sigaction action {};
    sigaction(signal, nullptr, &action);
    CHECK(action.sa_handler == SIG_DFL);
  }
}

TEST_CASE("a failed open names the cause and leaves nothing") {
  Host host;
  ethdev::Options taken = tap(host);
  taken.args = "iface=lo";
  const auto no_tap = ethdev::open(taken);
  REQUIRE_FALSE(no_tap);
  CHECK(no_tap.error().message.find("iface=lo") != std::string::npos);

  ethdev::Options many = tap(host);
  many.rx_queues = 1000;
  const auto no_queues = ethdev::open(many);
  REQUIRE_FALSE(no_queues);
  CHECK(no_queues.error().message.find("1000 rx") != std::string::npos);
  CHECK_FALSE(KernelInterface("mr0").exists());

  ethdev::Options huge = tap(host, 65535);
  CHECK_FALSE(ethdev::open(huge));
  CHECK_FALSE(KernelInterface("mr0").exists());
}

TEST_CASE("without CAP_NET_ADMIN the error says what to do, and nothing else is printed") {
  Host host;
  int noise[2];
  REQUIRE(pipe(noise) == 0);
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(noise[1], STDOUT_FILENO);
    dup2(noise[1], STDERR_FILENO);
    if (setuid(65534) != 0) _exit(2);
    const auto port = ethdev::open(tap(host));
    _exit(!port && port.error().code == EPERM && port.error().message.find("CAP_NET_ADMIN") != std::string::npos ? 0
                                                                                                                 : 1);
  }
  close(noise[1]);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  char text[256];
  CHECK(read(noise[0], text, sizeof text) == 0);
  close(noise[0]);
}

TEST_CASE("F9: the TAP driver understands flow rules; the kernel brings a flow to its queue, or the port says that it cannot") {
  Host host;
  ethdev::Options options = tap(host);
  options.rx_queues = options.tx_queues = 4;
  auto port = open_tap(options);
  PacketSocket kernel(KernelInterface("mr0"));
  FlowKey flow{.local = IpAddress::v4(10, 77, 0, 2), .remote = IpAddress::v4(10, 77, 0, 1), .local_port = 2000, .remote_port = 1000, .stack = 0, .proto = 17, .bound = 0};

  // The driver reads the rule before it asks the kernel.
  std::uint16_t id = 0;
  REQUIRE(rte_eth_dev_get_port_by_name("net_tap0", &id) == 0);
  const auto validate = [&](const wire::FlowRule& rule) {
    const ethdev::FlowSpec spec(rule);
    return rte_flow_validate(id, &spec.attr(), spec.pattern(), spec.actions(), nullptr);
  };
  FlowKey flow6 = flow;
  flow6.local = *IpAddress::parse("fd00:77::2");
  flow6.remote = *IpAddress::parse("fd00:77::1");
  flow6.proto = 6;
  CHECK(validate({flow, 3}) == 0);
  CHECK(validate({flow6, 3}) == 0);
  CHECK(validate({flow, 4}) != 0);

  // Whether the kernel can depends on its traffic control: cls_flower, act_skbedit, sch_multiq.
  const auto can = port->can_steer_flows();
  if (!can) {
    CHECK(can.error().message.find("the device refuses the flow rule: ") == 0);
    CHECK(can.error().message.find("Kernel too old for flower support") != std::string::npos);
    WARN(can.error().message);
    return;
  }
  const auto queue_of = [&] {
    kernel.send(RawFrame{.payload = 18, .source_port = 1000, .source = KernelInterface("mr0").mac(), .destination = port->info().mac}.bytes());
    pkt::Packet got = host.receive(*port);
    REQUIRE(got);
    const std::uint16_t queue = got.meta().rx_queue;
    pkt::consume(std::move(got));
    return queue;
  };
  const auto other = static_cast<std::uint16_t>((queue_of() + 1) % 4);
  const auto rule = port->add_flow_rule({flow, other});
  REQUIRE(rule);
  for (int i = 0; i < 10; ++i) CHECK(queue_of() == other);
  CHECK(port->remove_flow_rule(*rule));
}
