// SPDX-License-Identifier: BSD-3-Clause
// Which options there are, for whom and in which range; the state of SO_TIMESTAMP and its kin. Called by UdpSocket, Stream and
// ThreadQueue. sk_setsockopt() and sk_getsockopt() of net/core/sock.c.
#include <millrace/stack/socket/option.hpp>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <iterator>
#include <sys/socket.h>

namespace millrace::socket {
namespace {

constexpr unsigned stream = static_cast<unsigned>(SocketKind::stream);
constexpr unsigned udp = static_cast<unsigned>(SocketKind::udp);
constexpr unsigned both = stream | udp;

enum class Access : std::uint8_t { get, set, put };

struct Rule {
  const char* name;
  unsigned kinds;
  Access access;
  std::int64_t min;
  std::int64_t max;
};

constexpr Rule rules[] = {
#define MR_OPTION(id, name, kinds, access, min, max) {name, kinds, Access::access, min, max},
#include <millrace/stack/socket/option.def>
#undef MR_OPTION
};

// Null: a number that names no option.
const Rule* rule_of(Option option, SocketKind kind) {
  const auto at = static_cast<std::size_t>(option);
  if (at >= std::size(rules) || (rules[at].kinds & static_cast<unsigned>(kind)) == 0) return nullptr;
  return &rules[at];
}

}  // namespace

const char* name(Option option) {
  const auto at = static_cast<std::size_t>(option);
  return at < std::size(rules) ? rules[at].name : "?";
}

int check_set(Option option, SocketKind kind, std::int64_t value) {
  const Rule* rule = rule_of(option, kind);
  if (rule == nullptr) return -ENOPROTOOPT;
  if (rule->access == Access::get) return -EOPNOTSUPP;
  if (option == Option::timestamping && (value & ~timestamping::all) != 0) return -EINVAL;
  return value < rule->min || value > rule->max ? -EINVAL : 0;
}

int check_get(Option option, SocketKind kind) {
  const Rule* rule = rule_of(option, kind);
  return rule != nullptr && rule->access != Access::put ? 0 : -ENOPROTOOPT;
}

// As in Linux a value below 0 is the largest one to SO_RCVBUF and SO_SNDBUF, which compare it unsigned, and 0 to FORCE.
std::int64_t buffer_bytes(Option option, std::int64_t value, const BufferLimits& limits) {
  const bool is_forced = option == Option::rcvbufforce || option == Option::sndbufforce;
  const bool is_receive = option == Option::rcvbuf || option == Option::rcvbufforce;
  if (is_forced && !limits.may_force) return -EPERM;
  const std::int64_t largest = is_receive ? limits.rmem_max : limits.wmem_max;
  const std::int64_t asked = is_forced ? std::max<std::int64_t>(value, 0) : value < 0 ? largest : std::min(value, largest);
  return std::max<std::int64_t>(2 * std::min<std::int64_t>(asked, INT_MAX / 2), is_receive ? min_rcvbuf : min_sndbuf);
}

bool knows_flags(int flags) { return (flags & ~(MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT)) == 0; }

unsigned InfoOption::bit(Option option) {
  switch (option) {
    case Option::pktinfo: return 1;
    case Option::recvtos: return 2;
    case Option::recvttl: return 4;
    case Option::ipv6_recvpktinfo: return 8;
    case Option::ipv6_recvtclass: return 16;
    case Option::ipv6_recvhoplimit: return 32;
    default: return 0;
  }
}

void InfoOption::tell(const std::optional<pkt::PacketInfo>& info, std::uint16_t ifindex, Control& control) const {
  if (!info) return;
  const bool v4 = info->destination.is_v4();
  if (get(v4 ? Option::pktinfo : Option::ipv6_recvpktinfo) != 0) {
    control.destination = info->destination;
    control.ifindex = ifindex;
  }
  if (get(v4 ? Option::recvtos : Option::ipv6_recvtclass) != 0) control.traffic_class = info->traffic_class;
  if (get(v4 ? Option::recvttl : Option::ipv6_recvhoplimit) != 0) control.hop_limit = info->hop_limit;
}

void TimestampOption::set(Option which, std::int64_t value) {
  if (which == Option::timestamping) {
    timestamping_ = value;
  } else if (value == 0) {
    resolution_ = Duration{0};
  } else {
    resolution_ = which == Option::timestamp ? Duration(1us) : Duration(1ns);
  }
}

std::int64_t TimestampOption::get(Option which) const {
  if (which == Option::timestamping) return timestamping_;
  return which == Option::timestamp ? resolution_ == Duration(1us) : resolution_ == Duration(1ns);
}

void TimestampOption::tell(const pkt::RxTimes& received, Control& control) const {
  const Instant time = received.software;
  if (resolution_ != Duration{0}) control.timestamp = time - time.time_since_epoch() % resolution_;
  if ((timestamping_ & timestamping::software) != 0) control.software = time;
  if ((timestamping_ & timestamping::raw_hardware) != 0) control.raw_hardware = received.hardware;
}

}  // namespace millrace::socket
