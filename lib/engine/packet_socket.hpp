// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/base/time.hpp>
#include <millrace/engine/packet_handler.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace millrace {

/// sll_pkttype: to whom a frame was addressed, or that it was sent from here.
enum class PacketKind : std::uint8_t { host, broadcast, multicast, other_host, outgoing };

/// Whence a frame came: struct sockaddr_ll, and when.
struct PacketAddress {
  std::uint16_t ifindex = 0;   ///< Engine::ifindex
  std::uint16_t protocol = 0;  ///< the frame's EtherType, host order
  PacketKind kind{};
  MacAddress source{};
  Instant time{};              ///< by the engine's clock
};

/// A packet socket (packet(7), SOCK_RAW; receive_path L9): one thread outside the lcores sees frames of all lcores, where
/// Linux's taps see them, and sends frames as they are. What it does not read in time is lost to it alone, and counted.
class PacketSocket {
 public:
  struct Options {
    std::string port{};                          ///< only frames of that interface; empty: of all
    std::uint16_t protocol = PacketHandler::all; ///< only frames of that EtherType, a VLAN tag's included; `all`: of every one
    std::string filter{};                        ///< as for tcpdump, and then; empty: all
    bool ignore_outgoing = false;                ///< PACKET_IGNORE_OUTGOING
    std::uint32_t buffer_bytes = 4 << 20;        ///< of each lcore, for frames that wait: 262144..1073741824
  };
  /// PACKET_STATISTICS, since it was opened.
  struct Statistics {
    std::uint64_t packets = 0;  ///< that it saw
    std::uint64_t drops = 0;    ///< of these, lost, since they were not read in time
  };

  /// Goes before its engine.
  ~PacketSocket();
  PacketSocket(const PacketSocket&) = delete;
  PacketSocket& operator=(const PacketSocket&) = delete;

  /// The earliest frame that waits: copies what fits and returns its whole length; -EAGAIN: none waits.
  std::int64_t receive(std::span<std::uint8_t> into, PacketAddress& from);
  /// The same, waiting for one at most so long; looks again after a millisecond at most. Not under the manual clock.
  std::int64_t receive(std::span<std::uint8_t> into, PacketAddress& from, Duration timeout);
  /// Sends a whole Ethernet frame by the port of that number, bit by bit as it is, and waits until it is queued there. The
  /// count, or -ENXIO: the number is none of a port; -EMSGSIZE: longer than the port's MTU and a header with a VLAN tag;
  /// -EINVAL: shorter than a header; -ENOBUFS: no packet buffer is free; -ENETDOWN: the port is down.
  std::int64_t send(std::span<const std::uint8_t> frame, std::uint16_t ifindex);
  [[nodiscard]] Statistics statistics() const;

  /// Made by Engine::open_packet_socket().
  struct Impl;
  explicit PacketSocket(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace
