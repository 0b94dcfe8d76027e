// SPDX-License-Identifier: BSD-3-Clause
// What the machine around a device under test does: the frames at the cable's other end, and the cable itself. Called by the subjects.
#include "tests/qemu/kernel_nic.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace millrace::qemu {
namespace {

[[noreturn]] void failed(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

// Segments would come out of the kernel's driver as one frame.
void turn_gro_off(int fd, const std::string& interface) {
  ethtool_value off{.cmd = ETHTOOL_SGRO, .data = 0};
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&off);
  if (ioctl(fd, SIOCETHTOOL, &request) != 0) failed("ETHTOOL_SGRO");
}

}  // namespace

KernelNic::KernelNic(const std::string& interface) : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
  if (fd_ < 0) failed("a packet socket");
  const int one = 1;
  const int room = 64 << 20;
  sockaddr_ll at{};
  at.sll_family = AF_PACKET;
  at.sll_protocol = htons(ETH_P_ALL);
  at.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (at.sll_ifindex == 0) failed(interface.c_str());
  turn_gro_off(fd_, interface);
  if (setsockopt(fd_, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) != 0) failed("PACKET_IGNORE_OUTGOING");
  // A wire that waits for the device must not make the suite wait, which is what empties the device's ring.
  for (const int direction : {SO_RCVBUFFORCE, SO_SNDBUFFORCE})
    if (setsockopt(fd_, SOL_SOCKET, direction, &room, sizeof room) != 0) failed("SO_RCVBUFFORCE, SO_SNDBUFFORCE");
  if (bind(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) failed("bind");
}

KernelNic::~KernelNic() { close(fd_); }

void KernelNic::send(std::span<const std::uint8_t> frame) {
  if (::send(fd_, frame.data(), frame.size(), 0) != static_cast<ssize_t>(frame.size())) failed("send");
}

std::vector<std::vector<std::uint8_t>> KernelNic::received() {
  std::vector<std::vector<std::uint8_t>> all;
  std::array<std::uint8_t, 65536> room;
  for (ssize_t n; (n = recv(fd_, room.data(), room.size(), MSG_DONTWAIT)) >= 0;) all.emplace_back(room.data(), room.data() + n);
  return all;
}

void set_link(const std::string& nic, bool up) {
  static std::ofstream to_monitor("/dev/ttyS1");
  static std::ifstream from_monitor("/dev/ttyS1");
  static int asked = 0;
  // Its greeting came while the kernel still echoed that line, and was taken for a command: what is not about ours is passed over.
  const auto ask = [](const std::string& command) {
    const std::string id = "\"id\": " + std::to_string(++asked);
    to_monitor << (asked == 1 ? "\xff" : "") << "{" << command << ", " << id << "}" << std::endl;
    for (std::string line; std::getline(from_monitor, line);) {
      if (line.find(id) == std::string::npos) continue;
      if (line.find("\"error\"") != std::string::npos) throw std::runtime_error(line);
      return;
    }
    throw std::runtime_error("QEMU's monitor does not answer");
  };
  if (asked == 0) ask(R"("execute": "qmp_capabilities")");
  ask(R"("execute": "set_link", "arguments": {"name": ")" + nic + R"(", "up": )" + (up ? "true" : "false") + "}");
}

}  // namespace millrace::qemu
