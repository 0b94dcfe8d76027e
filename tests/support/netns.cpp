// SPDX-License-Identifier: BSD-3-Clause
// A network namespace for the test process and the kernel's side of its interfaces, by system calls alone. Called by
// the interop programs; needs root.
#include "tests/support/netns.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace millrace::test {
namespace {

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

/// One ioctl on a throw-away socket.
template <class Request>
int control(int family, unsigned long code, Request& request) {
  const int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int result = ioctl(fd, code, &request);
  close(fd);
  return result;
}

ifreq request_for(const std::string& name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  return request;
}

sockaddr in_v4(std::uint32_t host_order) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(host_order);
  sockaddr any{};
  std::memcpy(&any, &in, sizeof in);
  return any;
}

void write_sysctl(const std::string& path, const std::string& value) {
  std::ofstream file("/proc/sys/net/" + path);
  file << value << std::flush;
  if (!file) fail("writing " + path);
}

/// A request to rtnetlink about links, its attributes nested by hand.
class LinkRequest {
 public:
  LinkRequest(std::uint16_t type, std::uint16_t flags) {
    auto& header = *append<nlmsghdr>();
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    append<ifinfomsg>();
  }
  template <class Header>
  Header* append() {
    auto* const at = reinterpret_cast<Header*>(bytes_.data() + length_);
    length_ += NLMSG_ALIGN(sizeof(Header));
    return at;
  }
  void add(std::uint16_t type, const std::string& value) {
    const std::size_t at = begin(type);
    std::memcpy(bytes_.data() + length_, value.c_str(), value.size() + 1);
    length_ += NLMSG_ALIGN(value.size() + 1);
    end(at);
  }
  /// What is added until end() lies in it.
  [[nodiscard]] std::size_t begin(std::uint16_t type) {
    const std::size_t at = length_;
    append<rtattr>()->rta_type = type;
    return at;
  }
  void end(std::size_t at) { reinterpret_cast<rtattr*>(bytes_.data() + at)->rta_len = static_cast<unsigned short>(length_ - at); }
  /// 0, or what the kernel says.
  [[nodiscard]] int send() {
    reinterpret_cast<nlmsghdr*>(bytes_.data())->nlmsg_len = static_cast<std::uint32_t>(length_);
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct {
      nlmsghdr header;
      nlmsgerr error;
      std::array<char, 1024> rest;
    } answer{};
    const bool answered = ::send(fd, bytes_.data(), length_, 0) >= 0 && recv(fd, &answer, sizeof answer, 0) > 0;
    const int error = answered ? -answer.error.error : errno;
    close(fd);
    return error;
  }

 private:
  alignas(NLMSG_ALIGNTO) std::array<char, 512> bytes_{};
  std::size_t length_ = 0;
};

}  // namespace

std::optional<std::string> enter_network_namespace() {
  if (unshare(CLONE_NEWNET) != 0)
    return std::string("a network namespace of its own needs root (CAP_SYS_ADMIN): ") + std::strerror(errno);
  KernelInterface("lo").set_up(true);
  return std::nullopt;
}

bool KernelInterface::exists() const { return if_nametoindex(name_.c_str()) != 0; }

int KernelInterface::index() const {
  const unsigned index = if_nametoindex(name_.c_str());
  if (index == 0) fail("index of " + name_);
  return static_cast<int>(index);
}

MacAddress KernelInterface::mac() const {
  ifreq request = request_for(name_);
  if (control(AF_INET, SIOCGIFHWADDR, request) != 0) fail("MAC of " + name_);
  MacAddress mac;
  std::memcpy(mac.bytes.data(), request.ifr_hwaddr.sa_data, mac.bytes.size());
  return mac;
}

int KernelInterface::mtu() const {
  ifreq request = request_for(name_);
  if (control(AF_INET, SIOCGIFMTU, request) != 0) fail("MTU of " + name_);
  return request.ifr_mtu;
}

void KernelInterface::set_up(bool up) {
  ifreq request = request_for(name_);
  if (control(AF_INET, SIOCGIFFLAGS, request) != 0) fail("flags of " + name_);
  request.ifr_flags = static_cast<short>(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
  if (control(AF_INET, SIOCSIFFLAGS, request) != 0) fail("setting " + name_ + (up ? " up" : " down"));
}

void KernelInterface::set_mtu(int mtu) {
  ifreq request = request_for(name_);
  request.ifr_mtu = mtu;
  if (control(AF_INET, SIOCSIFMTU, request) != 0) fail("MTU of " + name_);
}

void KernelInterface::remove() {
  LinkRequest request(RTM_DELLINK, 0);
  request.add(IFLA_IFNAME, name_);
  if ((errno = request.send()) != 0) fail("removing " + name_);
}

void make_veth(const std::string& one, const std::string& other) {
  LinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request.add(IFLA_IFNAME, one);
  const std::size_t info = request.begin(IFLA_LINKINFO);
  request.add(IFLA_INFO_KIND, "veth");
  const std::size_t data = request.begin(IFLA_INFO_DATA);
  const std::size_t peer = request.begin(VETH_INFO_PEER);
  request.append<ifinfomsg>();
  request.add(IFLA_IFNAME, other);
  request.end(peer);
  request.end(data);
  request.end(info);
  if ((errno = request.send()) != 0) fail("making " + one + " and " + other);
}

void KernelInterface::add_address(const IpPrefix& prefix) {
  if (prefix.address.is_v4()) {
    ifreq request = request_for(name_);
    request.ifr_addr = in_v4(prefix.address.v4_number());
    if (control(AF_INET, SIOCSIFADDR, request) != 0) fail("address of " + name_);
    request.ifr_netmask = in_v4(prefix.length == 0 ? 0 : ~0u << (32 - prefix.length));
    if (control(AF_INET, SIOCSIFNETMASK, request) != 0) fail("netmask of " + name_);
    return;
  }
  write_sysctl("ipv6/conf/" + name_ + "/accept_dad", "0");
  in6_ifreq request{};
  std::memcpy(&request.ifr6_addr, prefix.address.bytes.data(), 16);
  request.ifr6_prefixlen = prefix.length;
  request.ifr6_ifindex = index();
  if (control(AF_INET6, SIOCSIFADDR, request) != 0) fail("IPv6 address of " + name_);
}

void KernelInterface::add_neighbor(const IpAddress& address, const MacAddress& mac) {
  arpreq request{};
  request.arp_pa = in_v4(address.v4_number());
  request.arp_ha.sa_family = ARPHRD_ETHER;
  std::memcpy(request.arp_ha.sa_data, mac.bytes.data(), mac.bytes.size());
  request.arp_flags = ATF_COM | ATF_PERM;
  std::strncpy(request.arp_dev, name_.c_str(), sizeof request.arp_dev - 1);
  if (control(AF_INET, SIOCSARP, request) != 0) fail("neighbour on " + name_);
}

void KernelInterface::disable_ipv6() { write_sysctl("ipv6/conf/" + name_ + "/disable_ipv6", "1"); }

void new_interfaces_without_ipv6() { write_sysctl("ipv6/conf/default/disable_ipv6", "1"); }

PacketSocket::PacketSocket(const KernelInterface& interface)
    : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL))) {
  if (fd_ < 0) fail("AF_PACKET socket");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = interface.index();
  if (bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("binding to " + interface.name());
  const int room = 8 << 20;  // frames wait here until the test asks for them
  if (setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0) fail("room for frames of " + interface.name());
}

PacketSocket::~PacketSocket() { close(fd_); }

void PacketSocket::send(std::span<const std::uint8_t> frame) {
  if (::send(fd_, frame.data(), frame.size(), 0) != static_cast<ssize_t>(frame.size())) fail("sending a frame");
}

std::optional<std::vector<std::uint8_t>> PacketSocket::receive(std::chrono::milliseconds timeout) {
  std::vector<std::uint8_t> frame(65536);
  const auto end = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd readable{fd_, POLLIN, 0};
    if (poll(&readable, 1, static_cast<int>(std::max<long>(0, left))) == 0) return std::nullopt;
    sockaddr_ll from{};
    socklen_t from_length = sizeof from;
    const ssize_t n =
        recvfrom(fd_, frame.data(), frame.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &from_length);
    if (n <= 0 || from.sll_pkttype == PACKET_OUTGOING) continue;
    frame.resize(static_cast<std::size_t>(n));
    return frame;
  }
}

}  // namespace millrace::test
