// SPDX-License-Identifier: BSD-3-Clause
// The ethdev port over vhost-user with DPDK's testpmd at the other end, in a process of its own that is killed and started again: in either
// role, as the side that listens and the one that connects. It sends back what it gets, queue by queue.
#include "drivers/ethdev/ethdev_port.hpp"

#include "tests/interop/port_host.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/unix_socket.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

using namespace millrace;
using namespace std::chrono_literals;
using test::Host;
using test::RawFrame;

namespace {

constexpr std::uint16_t ring = 256;

const std::string path = "/tmp/millrace_testpmd_" + std::to_string(getpid());

bool wait_until(const std::function<bool()>& done, std::chrono::milliseconds patience = 20s) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < end) {
    if (done()) return true;
    std::this_thread::sleep_for(1ms);
  }
  return false;
}

/// testpmd with one device.
class Testpmd {
 public:
  Testpmd(const std::string& device, unsigned queues) {
    const std::string of_each = std::to_string(queues);
    std::vector<std::string> words{"dpdk-testpmd",      "--no-huge",        "-m",           "128",       "--no-pci",   "--no-shconf",           "--no-telemetry", "--lcores",
                                   "0@(0-1),1@(0-1)",   "--vdev",           device,         "--",        "--forward-mode=io", "--burst=32",       "--total-num-mbufs=4096",
                                   "--rxq=" + of_each,  "--txq=" + of_each, "--rxd=256",    "--txd=256"};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    REQUIRE(pipe2(input_.data(), O_CLOEXEC) == 0);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, input_[0], STDIN_FILENO);  // it goes on while its input stays open
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_WRONLY, 0);
    const int failed = posix_spawnp(&pid_, argv[0], &files, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    if (failed != 0) FAIL("dpdk-testpmd cannot be run: install dpdk-dev");
  }
  ~Testpmd() { die(); }
  Testpmd(const Testpmd&) = delete;
  Testpmd& operator=(const Testpmd&) = delete;

  /// Without a word to the other end.
  void die() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(std::exchange(pid_, -1), nullptr, 0);
    for (const int fd : input_) close(fd);
  }

 private:
  pid_t pid_ = -1;
  std::array<int, 2> input_{};
};

/// A name of the socket that nothing of before is at.
struct Socket {
  Socket() { unlink(path.c_str()); }
  ~Socket() { unlink(path.c_str()); }
};

std::unique_ptr<port::Port> open_port(Host& host, const std::string& name, const std::string& args, std::uint16_t queues) {
  auto port = ethdev::open({.name = name, .args = args, .ifindex = 1, .rx_queues = queues, .tx_queues = queues, .rx_ring = ring, .tx_ring = ring, .pools = {&*host.pool}});
  if (!port) FAIL(port.error().message);
  return std::move(*port);
}

RawFrame frame(std::size_t n) { return {.v6 = n % 2 == 0, .proto = 17, .payload = 20 + n * 37 % 1400, .first_byte = static_cast<std::uint8_t>(n)}; }

void forget(pkt::Burst& burst) {
  burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
}

/// Whether testpmd has begun to send back: it takes what comes before that, and forwards it later or never.
bool answers(Host& host, port::Port& port) {
  return wait_until([&] {
    pkt::Burst out, back;
    out.push(host.pool.packet(frame(0).bytes()));
    port.tx_queue(0).transmit(host.env, out);
    forget(out);
    const bool is_back = port.rx_queue(0).receive(host.env, back, 32) != 0;
    forget(back);
    return is_back;
  });
}

void drain(Host& host, port::Port& port) {
  for (int quiet = 0; quiet < 50; ++quiet) {
    for (std::uint16_t q = 0; q < port.info().rx_queues; ++q) {
      pkt::Burst burst;
      if (port.rx_queue(q).receive(host.env, burst, 32) != 0) quiet = 0;
      forget(burst);
    }
    std::this_thread::sleep_for(1ms);
  }
}

/// Each queue's frames come back on it, all of them, in order and bit for bit.
void frames_return(Host& host, port::Port& port) {
  REQUIRE(answers(host, port));
  drain(host, port);
  constexpr std::size_t frames = 400;
  for (std::uint16_t q = 0; q < port.info().tx_queues; ++q) {
    INFO("queue " << q);
    std::vector<std::vector<std::uint8_t>> came;
    for (std::size_t n = 0; n < frames; n += 8) {
      pkt::Burst burst;
      for (std::size_t i = n; i < n + 8; ++i) burst.push(host.pool.packet(frame(i).bytes()));
      REQUIRE(wait_until([&] { return port.tx_queue(q).transmit(host.env, burst), burst.empty(); }));
      REQUIRE(wait_until([&] {
        pkt::Burst back;
        port.rx_queue(q).receive(host.env, back, 32);
        back.take_all([&](pkt::Packet p) {
          came.push_back(test::bytes_of(p));
          pkt::consume(std::move(p));
        });
        return came.size() >= n + 8;
      }));
    }
    REQUIRE(came.size() == frames);
    for (std::size_t n = 0; n < frames; ++n) REQUIRE(came[n] == frame(n).bytes());
  }
}

struct Variant {
  const char* name;
  const char* args;
  std::uint16_t queues = 1;
};

// What a virtio-user port negotiates.
constexpr Variant variants[] = {{"split ring", ""},
                                {"split ring, not mergeable", ",mrg_rxbuf=0"},
                                {"split ring in order", ",in_order=1"},
                                {"split ring in order, not mergeable", ",in_order=1,mrg_rxbuf=0"},
                                {"split ring, vectorized", ",in_order=0,mrg_rxbuf=0,vectorized=1"},
                                {"packed ring", ",packed_vq=1"},
                                {"packed ring in order", ",packed_vq=1,in_order=1"},
                                {"packed ring in order, not mergeable", ",packed_vq=1,in_order=1,mrg_rxbuf=0"},
                                {"packed ring, vectorized", ",packed_vq=1,mrg_rxbuf=0,in_order=1,vectorized=1"},
                                {"two queues", "", 2},
                                {"three queues, packed ring", ",packed_vq=1", 3},
                                {"four queues", "", 4}};

std::string virtio_args(const Variant& variant) { return "path=" + path + ",queue_size=256,queues=" + std::to_string(variant.queues) + variant.args; }
std::string vhost_args(std::uint16_t queues) { return "iface=" + path + ",queues=" + std::to_string(queues); }

/// Which end is made first; virtio-user as a server waits for its backend, which then has to be on its way.
enum class Begins : std::uint8_t { ours, theirs };

/// One port, and three lives of testpmd behind one another.
void goes_on(const std::string& theirs, const std::string& name, const std::string& args, Begins first) {
  const Socket socket;
  Host host(4095);
  std::unique_ptr<port::Port> port;
  if (first == Begins::ours) port = open_port(host, name, args, 1);
  for (int life = 0; life < 3; ++life) {
    INFO("life " << life);
    if (theirs.ends_with(",server=1")) unlink(path.c_str());
    Testpmd far_end(theirs, 1);
    if (!port) port = open_port(host, name, args, 1);
    REQUIRE(wait_until([&] { return port->link().up; }));
    frames_return(host, *port);
    far_end.die();
    REQUIRE(wait_until([&] { return !port->link().up; }));
  }
}

}  // namespace

TEST_CASE("testpmd: a virtio-user port and testpmd's vhost") {
  for (const Variant& variant : variants) {
    INFO(variant.name);
    const Socket socket;
    Host host(4095);
    Testpmd backend("net_vhost0," + vhost_args(variant.queues), variant.queues);
    REQUIRE(wait_until([] { return test::is_listening(path); }));
    const auto port = open_port(host, "net_virtio_user0", virtio_args(variant), variant.queues);
    frames_return(host, *port);
  }
}

TEST_CASE("testpmd: a vhost port and testpmd's virtio-user") {
  for (const Variant& variant : variants) {
    INFO(variant.name);
    const Socket socket;
    Host host(4095);
    const auto port = open_port(host, "net_vhost0", vhost_args(variant.queues), variant.queues);
    Testpmd guest("net_virtio_user0," + virtio_args(variant), variant.queues);
    REQUIRE(wait_until([&] { return port->link().up; }));
    frames_return(host, *port);
  }
}

TEST_CASE("testpmd: a vhost port goes on with the guest that takes the place of one that was killed") {
  goes_on("net_virtio_user0," + virtio_args(variants[0]), "net_vhost0", vhost_args(1), Begins::ours);
}

TEST_CASE("testpmd: a vhost port that connects goes on with the server that takes the place of one that was killed") {
  goes_on("net_virtio_user0," + virtio_args(variants[0]) + ",server=1", "net_vhost0", vhost_args(1) + ",client=1", Begins::theirs);
}

TEST_CASE("testpmd: a virtio-user port that listens goes on with the backend that takes the place of one that was killed") {
  goes_on("net_vhost0," + vhost_args(1) + ",client=1", "net_virtio_user0", virtio_args(variants[0]) + ",server=1", Begins::theirs);
}

TEST_CASE("testpmd: a virtio-user port that connects is opened anew once its backend was killed") {
  const Socket socket;
  for (int round = 0; round < 3; ++round) {
    Host host(4095);
    unlink(path.c_str());
    Testpmd backend("net_vhost0," + vhost_args(1), 1);
    REQUIRE(wait_until([] { return test::is_listening(path); }));
    const auto port = open_port(host, "net_virtio_user0", virtio_args(variants[0]), 1);
    frames_return(host, *port);
    backend.die();
    REQUIRE(wait_until([&] { return !port->link().up; }));
  }
}
