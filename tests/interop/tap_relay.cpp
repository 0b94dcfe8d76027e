// SPDX-License-Identifier: BSD-3-Clause
// A lossy cable for the kernel: joins an interface of this network namespace to a TAP device in a new one, where it runs
// a command, and loses, doubles, reorders and delays frames in between, from one seed.
//   tap_relay --seed N --loss P --reorder P --duplicate P --delay-us N INTERFACE -- COMMAND...
#include "drivers/sim/channel.hpp"
#include "tests/support/netns.hpp"

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace millrace;

constexpr const char* client_device = "cl0";

struct Options {
  std::uint64_t seed = 1;
  sim::Impairments impairments{.reorder_delay = 2ms, .limit = 10000};
  std::string interface;
  std::vector<std::string> command;
};

Instant now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return Instant(std::chrono::seconds(t.tv_sec) + Duration(t.tv_nsec));
}

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error("tap_relay: " + what + ": " + std::strerror(errno)); }

int open_tap() {
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) fail("/dev/net/tun");
  ifreq request{};
  std::strncpy(request.ifr_name, client_device, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (ioctl(fd, TUNSETIFF, &request) != 0) fail("making the TAP device");
  return fd;
}

pid_t start(const std::vector<std::string>& command) {
  const pid_t child = fork();
  if (child != 0) return child;
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  std::fprintf(stderr, "tap_relay: %s: %s\n", argv[0], std::strerror(errno));
  _exit(127);
}

// Carries frames until the command ends; returns its exit code.
int relay(test::PacketSocket& wire, int tap, const Options& options, pid_t child) {
  sim::Channel to_wire(options.seed, options.impairments, 1);
  sim::Channel to_tap(options.seed + 1, options.impairments, 1);
  std::array<std::uint8_t, 65536> buffer;
  sim::Frame frame;
  for (;;) {
    bool worked = false;
    for (int i = 0; i < 64; ++i) {
      const ssize_t n = read(tap, buffer.data(), buffer.size());
      if (n <= 0) break;
      to_wire.send(now(), {.bytes = {buffer.begin(), buffer.begin() + n}});
      worked = true;
    }
    for (int i = 0; i < 64; ++i) {
      const auto received = wire.receive(std::chrono::milliseconds(0));
      if (!received) break;
      to_tap.send(now(), {.bytes = *received});
      worked = true;
    }
    for (; to_wire.take_any(now(), frame); worked = true) wire.send(frame.bytes);
    // The kernel's queue may be full for a moment: the frame is lost then, as on a cable.
    for (; to_tap.take_any(now(), frame); worked = true)
      if (write(tap, frame.bytes.data(), frame.bytes.size()) < 0 && errno != EAGAIN && errno != EIO) fail("writing to the TAP device");
    int status = 0;
    if (!worked && waitpid(child, &status, WNOHANG) == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (!worked) usleep(50);
  }
}

int run(const Options& options) {
  test::KernelInterface interface(options.interface);
  test::PacketSocket wire(interface);  // stays in this namespace
  if (unshare(CLONE_NEWNET) != 0) fail("a network namespace");
  const int tap = open_tap();
  test::KernelInterface client(client_device);
  test::KernelInterface("lo").set_up(true);
  client.set_up(true);
  client.add_address(*IpPrefix::parse("10.77.0.1/24"));
  client.add_address(*IpPrefix::parse("fd00:77::1/64"));
  return relay(wire, tap, options, start(options.command));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("A lossy cable between an interface and the commands of a new namespace");
  app.add_option("--seed", options.seed);
  app.add_option("--loss", options.impairments.loss);
  app.add_option("--reorder", options.impairments.reorder);
  app.add_option("--duplicate", options.impairments.duplicate);
  app.add_option("interface", options.interface)->required();
  app.add_option("command", options.command)->required();
  CLI11_PARSE(app, argc, argv);
  std::printf("tap_relay: seed %llu\n", static_cast<unsigned long long>(options.seed));
  std::fflush(stdout);
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
