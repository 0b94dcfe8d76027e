// SPDX-License-Identifier: BSD-3-Clause
// virtio-user whose backend is another process, which is killed; and faults of virtio-user and vhost that nothing covers yet. Part of
// the program that runs the conformance suite on them.
#include "tests/conformance/opened.hpp"
#include "tests/media/dpdk_peer.hpp"
#include "tests/support/unix_socket.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

using namespace millrace;
using namespace millrace::media;
using namespace std::chrono_literals;
using conformance::link_becomes;
using test::RawFrame;

namespace {

constexpr const char* path_variable = "MILLRACE_ECHO_SOCKET";

/// A process that sends back what it receives, as a vhost backend on a socket.
class EchoProcess {
 public:
  explicit EchoProcess(const std::string& path) {
    unlink(path.c_str());
    setenv(path_variable, path.c_str(), 1);
    pid_ = fork();
    if (pid_ == 0) {
      execl("/proc/self/exe", "echo", "echo process", nullptr);
      _exit(1);
    }
    REQUIRE(wait_until([&] { return test::is_listening(path); }, 10s));
  }
  ~EchoProcess() { die(); }
  EchoProcess(const EchoProcess&) = delete;
  EchoProcess& operator=(const EchoProcess&) = delete;

  void die() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
};

bool echoes(test::Host& host, port::Port& port) {
  const auto frame = RawFrame{.payload = 100}.bytes();
  const auto end = std::chrono::steady_clock::now() + 5s;
  while (std::chrono::steady_clock::now() < end) {
    pkt::Burst burst;
    burst.push(host.pool.packet(frame));
    port.tx_queue(0).transmit(host.env, burst);
    burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
    std::this_thread::sleep_for(1ms);
    pkt::Burst back;
    const bool is_back = port.rx_queue(0).receive(host.env, back, 32) > 0;
    back.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
    if (is_back) return true;
  }
  return false;
}

std::unique_ptr<port::Port> open_port(const ethdev::Options& options) {
  auto port = ethdev::open(options);
  if (!port) FAIL(port.error().message);
  return std::move(*port);
}

conformance::Subject& subject_of(const std::string& name) {
  for (const auto& subject : conformance::subjects())
    if (subject->traits.name == name) return *subject;
  throw std::runtime_error("no subject " + name);
}

std::atomic<int> broken_pipes{0};

}  // namespace

// What EchoProcess runs.
TEST_CASE("echo process", "[.]") {
  static_cast<void>(conformance::subjects());
  DpdkPeer backend("net_vhost_peer", "iface=" + std::string(std::getenv(path_variable)));
  backend.start();
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (std::chrono::steady_clock::now() < end) {
    std::vector<Frame> frames;
    backend.receive(frames);
    for (const Frame& frame : frames) backend.send(frame);
    if (frames.empty()) std::this_thread::sleep_for(100us);
  }
}

TEST_CASE("a backend's process is killed, and another takes its place: the port's link tells, and the port opens anew") {
  static_cast<void>(conformance::subjects());
  test::Host host(2047);
  const std::string path = own_path("echo");
  const ethdev::Options options{.name = "net_virtio_user0", .args = "path=" + path, .ifindex = 1, .rx_ring = 256, .tx_ring = 256, .pools = {&*host.pool}};
  for (int round = 0; round < 2; ++round) {
    EchoProcess echo(path);
    auto port = open_port(options);
    CHECK(link_becomes(*port, true));
    CHECK(echoes(host, *port));
    echo.die();
    CHECK(link_becomes(*port, false));
    pkt::Burst burst;
    for (int i = 0; i < 32; ++i) burst.push(host.pool.packet(RawFrame{.payload = 100}.bytes()));
    port->tx_queue(0).transmit(host.env, burst);
    burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
  }
  unlink(path.c_str());
}

// What virtio-user sends to tell the backend of its end breaks the pipe: an application that has not said otherwise is killed.
TEST_CASE("a port whose backend has gone closes without SIGPIPE") {
  conformance::Subject& subject = subject_of("virtio-user, split ring");
  const auto before = std::signal(SIGPIPE, [](int) { ++broken_pipes; });
  {
    conformance::Host host(subject);
    const conformance::Opened opened(subject, conformance::options_for(host, subject));
    subject.lose();
  }
  std::signal(SIGPIPE, before);
  CHECK(broken_pipes == 0);
}

// vhost_dev_tx_sw_csum() sums a chain by rte_raw_cksum_mbuf(), which loses a carry where a buffer begins at an odd place (22.11).
TEST_CASE("a guest of vhost that takes no partial checksums gets a chain with a whole one") {
  static_cast<void>(conformance::subjects());
  test::Host host(2047);
  const std::string path = own_path("sums");
  auto port = open_port({.name = "net_vhost0", .args = "iface=" + path, .ifindex = 1, .pools = {&*host.pool}});
  std::vector<Frame> frames;
  {
    DpdkPeer guest("net_virtio_user_peer", "path=" + path);
    guest.start();
    REQUIRE(link_becomes(*port, true));
    std::this_thread::sleep_for(10ms);
    host.send(*port, host.unfinished({.proto = 17, .payload = 1000}, 101, 101));
    wait_until([&] {
      guest.receive(frames);
      return !frames.empty();
    });
  }
  REQUIRE(frames.size() == 1);
  CHECK(frames.front() == RawFrame{.proto = 17, .payload = 1000}.bytes());
}

// virtio_xmit_pkts_packed() looks for sent buffers when its ring is full, whatever tx_free_thresh says.
TEST_CASE("virtio gives sent buffers back while they are few, on a packed ring, too", "[!shouldfail]") {
  conformance::Subject& subject = subject_of("virtio-user, packed ring");
  conformance::Host host(subject);
  const conformance::Opened opened(subject, conformance::options_for(host, subject));
  const std::uint32_t received_into = host.pool->in_use();
  std::uint32_t most = 0;
  for (int i = 0; i < 500; ++i) {
    host.send(*opened.port, host.pool.packet(RawFrame{.payload = 100}.bytes()));
    CHECK(subject.sent(1).size() == 1);
    most = std::max(most, host.pool->in_use() - received_into);
  }
  CHECK(most <= 64 + 2);
}
