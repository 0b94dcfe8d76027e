// SPDX-License-Identifier: BSD-3-Clause
// The kernel on a TAP device. Called by host_differential.cpp; needs root.
#include "tests/oracle/linux_host.hpp"

#include "tests/support/netns.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace millrace::test {
namespace {

constexpr const char* device = "diff0";

bool set(const std::string& path, const std::string& value) {
  std::ofstream file("/proc/sys/net/" + path);
  file << value << std::flush;
  return static_cast<bool>(file);
}

bool run(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

int bind_udp(int family, std::uint16_t port) {
  const int fd = socket(family, SOCK_DGRAM, 0);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  const int on = 1;
  if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const bool is_bound = family == AF_INET6 ? bind(fd, reinterpret_cast<sockaddr*>(&six), sizeof six) == 0 : bind(fd, reinterpret_cast<sockaddr*>(&four), sizeof four) == 0;
  return is_bound ? fd : -1;
}

}  // namespace

std::optional<LinuxHost> LinuxHost::make(std::string& why_not) {
  if (const auto reason = enter_network_namespace()) {
    why_not = *reason;
    return std::nullopt;
  }
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ifreq request{};
  std::strncpy(request.ifr_name, device, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0) {
    why_not = std::string("no TAP device: ") + std::strerror(errno);
    return std::nullopt;
  }
  const std::string dev = device;
  // Nothing of its own accord: no router solicitations, no address of its own choice, no duplicate address detection; and no
  // rate limits, which would depend on the clock.
  bool ok = set("ipv6/conf/" + dev + "/accept_ra", "0") && set("ipv6/conf/" + dev + "/router_solicitations", "0") && set("ipv6/conf/" + dev + "/accept_dad", "0") &&
            set("ipv6/conf/" + dev + "/dad_transmits", "0") && set("ipv4/icmp_ratelimit", "0") && set("ipv6/icmp/ratelimit", "0");
  set("ipv4/icmp_msgs_per_sec", "100000000");  // of the machine before Linux 6.13, which we do not touch
  set("ipv4/icmp_msgs_burst", "100000000");
  ok = ok && run("ip link set " + dev + " address 02:00:00:00:00:02") && run("ip addr add 10.77.0.2/24 brd + dev " + dev) &&
       run("ip addr add fd00:77::2/64 dev " + dev + " nodad") && run("ip link set " + dev + " up") &&
       set("ipv4/ipfrag_time", "3600") && set("ipv6/ip6frag_time", "3600");
  for (const char* address : {"10.77.0.1", "10.77.0.9", "fd00:77::1", "fd00:77::9"})
    ok = ok && run(std::string("ip neigh replace ") + address + " lladdr 02:00:00:00:00:01 nud permanent dev " + dev);
  std::vector<int> sockets;
  for (const int family : {AF_INET, AF_INET6}) {
    sockets.push_back(bind_udp(family, 7));
    ok = ok && sockets.back() >= 0;
  }
  if (!ok) {
    why_not = "the namespace could not be set up with ip(8)";
    return std::nullopt;
  }
  LinuxHost host(fd, std::move(sockets));
  for (int quiet = 0; quiet < 3;) {  // what it says when it comes up, MLD reports among it
    pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
    poll(&readable, 1, 300);
    quiet = host.take().empty() ? quiet + 1 : 0;
  }
  return host;
}

std::vector<Bytes> LinuxHost::deliver(std::span<const std::uint8_t> frame) {
  if (write(fd_, frame.data(), frame.size()) < 0) return {};
  std::array<std::uint8_t, 2048> read;  // UDP's checksums and counters are looked at by who reads
  for (const int socket : sockets_)
    while (recv(socket, read.data(), read.size(), MSG_DONTWAIT) >= 0) {
    }
  return take();
}

std::vector<Bytes> LinuxHost::take() const {
  std::vector<Bytes> frames;
  std::array<std::uint8_t, 70000> buffer;
  for (;;) {
    const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
    if (n <= 0) return frames;
    frames.emplace_back(buffer.begin(), buffer.begin() + n);
  }
}

std::string LinuxHost::read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace millrace::test
