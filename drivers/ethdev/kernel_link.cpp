// SPDX-License-Identifier: BSD-3-Clause
// Asks the kernel for an interface's link: the drivers of AF_PACKET, AF_XDP and pcap say that it is up from start to stop (22.11). Called
// by EthdevPort::link().
#include "drivers/ethdev/kernel_link.hpp"

#include <millrace/base/log.hpp>

#include <rte_ethdev.h>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace millrace::ethdev {

KernelLink::KernelLink(std::uint16_t port_id) {
  rte_eth_dev_info device{};
  if (rte_eth_dev_info_get(port_id, &device) != 0 || device.if_index == 0) return;
  index_ = static_cast<int>(device.if_index);
  socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) log(LogLevel::warn, std::string("the link of interface ") + std::to_string(index_) + " is not watched, its driver is believed: socket: " + std::strerror(errno));
}

KernelLink::~KernelLink() {
  if (socket_ >= 0) ::close(socket_);
}

// An interface that is not found has been removed, or has left the namespace, and its sockets with it.
bool KernelLink::is_running() const {
  if (socket_ < 0) return true;
  ifreq request{};
  request.ifr_ifindex = index_;
  return ioctl(socket_, SIOCGIFNAME, &request) == 0 && ioctl(socket_, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_RUNNING) != 0;
}

}  // namespace millrace::ethdev
