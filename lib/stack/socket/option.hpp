// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>
#include <millrace/pkt/packet_info.hpp>
#include <millrace/pkt/rx_stamp.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>
#include <optional>

namespace millrace::socket {

/// Options of sockets, as set_option() and get_option() of UdpSocket, Stream and ThreadQueue take them; doc/sockets.md
/// has the table. Those that are on or off are on for every value but 0, as in Linux.
enum class Option : std::uint8_t {
#define MR_OPTION(id, name, kinds, access, min, max) id,
#include <millrace/stack/socket/option.def>
#undef MR_OPTION
};

enum class SocketKind : std::uint8_t { stream = 1, udp = 2 };

/// "SO_TIMESTAMP".
[[nodiscard]] const char* name(Option option);
/// 0, or why a socket of that kind cannot set the option to `value`: -ENOPROTOOPT, it is none of its options;
/// -EOPNOTSUPP, it can only be read; -EINVAL, out of range.
[[nodiscard]] int check_set(Option option, SocketKind kind, std::int64_t value);
/// 0 or -ENOPROTOOPT.
[[nodiscard]] int check_get(Option option, SocketKind kind);

/// What bounds the buffers that sockets ask for. Linux's tunables and their defaults.
struct BufferLimits {
  std::uint32_t rmem_max = 4194304;  ///< net.core.rmem_max: largest SO_RCVBUF, bytes
  std::uint32_t wmem_max = 4194304;  ///< net.core.wmem_max: largest SO_SNDBUF, bytes
  bool may_force = false;            ///< socket.cap_net_admin: the FORCE options are allowed, which know no largest value
};
inline constexpr std::uint32_t min_rcvbuf = 2304;  ///< SOCK_MIN_RCVBUF
inline constexpr std::uint32_t min_sndbuf = 4608;  ///< SOCK_MIN_SNDBUF

/// The bytes that SO_RCVBUF, SO_SNDBUF or one of their FORCE kin set to `value` gives a socket, overhead included: twice
/// of it within the limits, at least min_rcvbuf or min_sndbuf. -EPERM: a FORCE option that is not allowed.
[[nodiscard]] std::int64_t buffer_bytes(Option option, std::int64_t value, const BufferLimits& limits);

/// Bits of SO_TIMESTAMPING, with Linux's values (SOF_TIMESTAMPING_*). Stamps are made whatever a socket asks for: the rx
/// bits ask for none that the port's rx_timestamp does not, and are taken for who sets them as on Linux.
namespace timestamping {
inline constexpr std::int64_t rx_hardware = 1 << 2;
inline constexpr std::int64_t rx_software = 1 << 3;
inline constexpr std::int64_t software = 1 << 4;      ///< Control::software is wanted
inline constexpr std::int64_t raw_hardware = 1 << 6;  ///< Control::raw_hardware is wanted
inline constexpr std::int64_t all = rx_hardware | rx_software | software | raw_hardware;
}  // namespace timestamping

/// What comes beside the bytes of a receive call: the twin of recvmsg()'s control messages. Each call sets all of it.
struct Control {
  /// SO_TIMESTAMP, SO_TIMESTAMPNS: when the packet was received (receive_path L7), by the engine's clock; in whole
  /// microseconds with SO_TIMESTAMP. None when neither is on, or nothing was read.
  std::optional<Instant> timestamp{};
  /// SO_TIMESTAMPING, its scm_timestamping: when the packet was received, by the engine's clock,
  std::optional<Instant> software{};
  /// and by the device's own clock and in its unit, nanoseconds with most; none when the device did not stamp it.
  std::optional<std::uint64_t> raw_hardware{};
  /// UDP_GRO: the bytes read are datagrams of this size, one after the other, the last perhaps shorter; 0: one datagram.
  std::uint16_t segment_size = 0;
  /// MSG_TRUNC: the datagram was longer than the room for it, and what did not fit is gone, unless it was only peeked at.
  bool truncated = false;
  /// IP_PKTINFO, IPV6_RECVPKTINFO: the address that the datagram was sent to, and the number of the interface by which it came
  /// (Engine::ifindex). None when the option was off when it came, as with the next two.
  std::optional<IpAddress> destination{};
  std::uint16_t ifindex = 0;
  std::optional<std::uint8_t> traffic_class{};  ///< IP_RECVTOS, IPV6_RECVTCLASS
  std::optional<std::uint8_t> hop_limit{};      ///< IP_RECVTTL, IPV6_RECVHOPLIMIT
};

/// Whether a receive call knows all of these flags of recvmsg(2): MSG_PEEK, MSG_TRUNC, MSG_DONTWAIT.
[[nodiscard]] bool knows_flags(int flags);

/// Which of a datagram's header a socket wants to be told: the options that Control names.
class InfoOption {
 public:
  /// Whether it is one of them.
  [[nodiscard]] static bool is_one(Option option) { return bit(option) != 0; }
  void set(Option which, std::int64_t value) { wanted_ = value != 0 ? wanted_ | bit(which) : wanted_ & ~bit(which); }
  [[nodiscard]] std::int64_t get(Option which) const { return (wanted_ & bit(which)) != 0; }
  [[nodiscard]] bool is_any() const { return wanted_ != 0; }
  void tell(const std::optional<pkt::PacketInfo>& info, std::uint16_t ifindex, Control& control) const;

 private:
  [[nodiscard]] static unsigned bit(Option option);
  unsigned wanted_ = 0;
};

/// SO_TIMESTAMP, SO_TIMESTAMPNS and SO_TIMESTAMPING of one socket. The first two are one switch and its resolution, as in
/// Linux, where the last one set decides and clearing either ends both.
class TimestampOption {
 public:
  void set(Option which, std::int64_t value);
  [[nodiscard]] std::int64_t get(Option which) const;
  /// Writes what the application is told of a packet received at those times.
  void tell(const pkt::RxTimes& received, Control& control) const;

 private:
  Duration resolution_{0};  ///< 0: off
  std::int64_t timestamping_ = 0;
};

}  // namespace millrace::socket
