// SPDX-License-Identifier: BSD-3-Clause
// What DPDK's TAP driver needs from outside: rights, no signals, jumbo frames. Called by ethdev::open.
#include "drivers/ethdev/tap.hpp"

#include "drivers/ethdev/device_args.hpp"

#include <rte_ethdev.h>
#include <rte_version.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace millrace::ethdev {
namespace {

constexpr const char* tun_device = "/dev/net/tun";

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Error> tap_failure(const std::string& name, const std::string& iface, int code) {
  const std::string what = "TAP device '" + name + "'" + (iface.empty() ? "" : " (iface=" + iface + ")") + ": ";
  switch (code) {
    case EPERM:
    case EACCES:
      return failure(EPERM, what +
                                "making it needs CAP_NET_ADMIN in this network namespace; run as root, in a namespace "
                                "of your own (unshare -Urn), or use an in-memory port (driver: sim)");
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return failure(code, what + tun_device +
                               " is not there; load the kernel's tun module (modprobe tun) or use an "
                               "in-memory port (driver: sim)");
    case EBUSY: return failure(code, what + "another process holds this TAP device; choose another iface=");
    case EINVAL:
      return failure(code,
                     what + "an interface of this name exists and is no multi-queue TAP device; choose another iface=");
    default: return failure(code, what + std::strerror(code));
  }
}

/// The first members of the TAP driver's transmit queue, as DPDK 22.11 has them.
struct TapTxQueue {
  int type;
  std::uint16_t* mtu;
};

Result<void> set_kernel_mtu(std::uint16_t port_id, std::uint16_t mtu) {
  rte_eth_dev_info device{};
  ifreq request{};
  const Fd socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (rte_eth_dev_info_get(port_id, &device) != 0 || if_indextoname(device.if_index, request.ifr_name) == nullptr)
    return failure(ENODEV, "the TAP device's interface is gone");
  request.ifr_mtu = mtu;
  if (socket_fd.get() < 0 || ioctl(socket_fd.get(), SIOCSIFMTU, &request) != 0)
    return failure(errno, std::string("the kernel refused mtu ") + std::to_string(mtu) + " for " + request.ifr_name +
                              ": " + std::strerror(errno));
  return {};
}

}  // namespace

bool is_tap(const std::string& name) { return name.rfind("net_tap", 0) == 0; }

Result<void> check_tap(const std::string& name, const std::string& args) {
  const std::string iface = argument(args, "iface");
  if (iface.size() >= IFNAMSIZ)
    return failure(ENAMETOOLONG, "TAP device '" + name + "': iface=" + iface + " has more than 15 characters");
  const Fd fd(open(tun_device, O_RDWR | O_CLOEXEC));
  if (fd.get() < 0) return tap_failure(name, iface, errno);
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_MULTI_QUEUE;
  std::memcpy(request.ifr_name, iface.data(), iface.size());
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0) return tap_failure(name, iface, errno);
  return {};
}

WithoutTapSignal::WithoutTapSignal() {
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) {
    struct sigaction action {};
    if (sigaction(signal, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) continue;
    action.sa_handler = SIG_IGN;
    if (sigaction(signal, &action, nullptr) == 0) ignored_.set(static_cast<std::size_t>(signal));
  }
}

WithoutTapSignal::~WithoutTapSignal() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (std::size_t signal = 0; signal < ignored_.size(); ++signal)
    if (ignored_.test(signal)) sigaction(static_cast<int>(signal), &action, nullptr);
}

Result<void> set_tap_mtu(std::uint16_t port_id, std::uint16_t mtu) {
  const auto refuse = [&] {
    return failure(EINVAL, "mtu " + std::to_string(mtu) + ": the TAP driver of " + rte_version() +
                               " takes at most 1504; use a smaller mtu or DPDK 23.11");
  };
  // 22.11 announces 1522 bytes as the longest frame, and ethdev refuses a larger MTU before the driver is asked. What
  // its tx path checks is the MTU in ethdev's own data, to which the queue points; the layout is that of 22.11 alone.
  if (std::string(rte_version()).rfind("DPDK 22.11", 0) != 0) return refuse();
  auto* const queue = static_cast<TapTxQueue*>(rte_eth_fp_ops[port_id].txq.data[0]);
  std::uint16_t current = 0;
  if (queue == nullptr || rte_eth_dev_get_mtu(port_id, &current) != 0 || *queue->mtu != current) return refuse();
  if (auto done = set_kernel_mtu(port_id, mtu); !done) return done;
  *queue->mtu = mtu;
  if (rte_eth_dev_get_mtu(port_id, &current) != 0 || current != mtu) return refuse();
  return {};
}

}  // namespace millrace::ethdev
