// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>

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

/// What comes beside the bytes of a receive call: the twin of recvmsg()'s control messages. Each call sets all of it.
struct Control {
  /// SO_TIMESTAMP, SO_TIMESTAMPNS: when the packet was received (receive_path L7), by the engine's clock; in whole
  /// microseconds with SO_TIMESTAMP. None when neither is on, or nothing was read.
  std::optional<Instant> timestamp{};
  /// UDP_GRO: the bytes read are datagrams of this size, one after the other, the last perhaps shorter; 0: one datagram.
  std::uint16_t segment_size = 0;
};

/// SO_TIMESTAMP and SO_TIMESTAMPNS of one socket: one switch and its resolution, as in Linux, where the last one set
/// decides and clearing either ends both.
class TimestampOption {
 public:
  void set(Option which, bool on);
  [[nodiscard]] bool get(Option which) const;
  [[nodiscard]] bool is_on() const { return resolution_ != Duration{0}; }
  /// What the application is told of a packet received at `time`.
  [[nodiscard]] std::optional<Instant> told(Instant time) const;

 private:
  Duration resolution_{0};  ///< 0: off
};

}  // namespace millrace::socket
