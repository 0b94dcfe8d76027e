// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/icmp/icmp.hpp>
#include <millrace/stack/ip/stack.hpp>
#include <millrace/stack/udp/udp.hpp>
#include <millrace/timer/wheel.hpp>
#include <millrace/wire/arp.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/nd.hpp>

#include "tests/support/balance.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace millrace::test {

using Bytes = std::vector<std::uint8_t>;

/// The text as an address; fails the test when it is none.
[[nodiscard]] IpAddress addr(std::string_view text);

// The host under test and the peer that the test plays, on one link.
inline constexpr MacAddress host_mac{{2, 0, 0, 0, 0, 2}};
inline constexpr MacAddress peer_mac{{2, 0, 0, 0, 0, 1}};
inline constexpr MacAddress all_macs{{255, 255, 255, 255, 255, 255}};
inline const IpAddress host4 = addr("10.77.0.2"), peer4 = addr("10.77.0.1");
inline const IpAddress host6 = addr("fd00:77::2"), peer6 = addr("fd00:77::1");
inline const IpAddress host_link = addr("fe80::2"), peer_link = addr("fe80::1");

/// A link that keeps what is sent, layer-4 checksums finished, as the port would.
class Wire final : public neighbor::LinkOutput {
 public:
  explicit Wire(Env& env) : env_(env) {}
  void transmit(pkt::Packet frame) override;
  /// The frames sent since the last call.
  [[nodiscard]] std::vector<Bytes> take() { return std::exchange(frames_, {}); }
  /// The only frame sent since the last call; fails the test when there was none or more.
  [[nodiscard]] Bytes take_one();

 private:
  Env& env_;
  std::vector<Bytes> frames_;
};

/// How a frame comes in, beside its bytes.
struct Arrival {
  bool is_copy = false;
  pkt::ChecksumVerdict checksum = pkt::ChecksumVerdict::unknown;
  std::size_t first_buffer = 0;  ///< bytes in the first buffer, the rest in further ones; 0: one buffer
  std::uint16_t gso_segs = 1;    ///< as if merged of so many
  std::uint16_t gso_size = 0;    ///< ... with so many bytes of payload each
  std::optional<std::uint64_t> rx_stamp{};  ///< the device's time
};

/// A host of one lcore, 10.77.0.2/24, fd00:77::2/64 and fe80::2/64 on one interface, with everything below the
/// sockets, under virtual time. The test plays the link: receives(), advance(), wire.take().
struct ScriptedHost {
  explicit ScriptedHost(const neighbor::Options& options = {}, std::uint32_t buffers = 1023);

  void receives(const Bytes& frame, const Arrival& arrival = {});
  /// As one burst.
  void receives(std::span<const std::pair<Bytes, Arrival>> burst);
  void advance(Duration by);
  /// Makes the peer's link address known for both families, by permanent entries: for tests of what lies above.
  void knows_peer();
  [[nodiscard]] std::uint64_t drops(stats::DropReason reason) const { return stats.drop[reason]; }
  [[nodiscard]] neighbor::State state_of(const IpAddress& address);
  [[nodiscard]] std::uint64_t operator[](stats::Ip c) const { return stats.ip[c]; }
  [[nodiscard]] std::uint64_t operator[](stats::Ip6 c) const { return stats.ip6[c]; }
  [[nodiscard]] std::uint64_t operator[](stats::Icmp c) const { return stats.icmp[c]; }
  [[nodiscard]] std::uint64_t operator[](stats::Icmp6 c) const { return stats.icmp6[c]; }
  [[nodiscard]] std::uint64_t operator[](stats::Udp c) const { return stats.udp[c]; }
  [[nodiscard]] std::uint64_t operator[](stats::Neighbor c) const { return stats.neighbor[c]; }

  [[nodiscard]] pkt::Packet arrived(const Bytes& frame, const Arrival& arrival);

  TestPool pool;
  stats::LcoreStats stats;
  BalanceCheck balance{stats, pool};
  Env env;
  timer::Wheel wheel{Instant{} + 1h};
  Wire wire{env};
  neighbor::Interface interface;
  ip::Stack ip;
  icmp::Icmp icmp;
  udp::Udp udp;
};

// Frames from the peer to the host. Lengths and checksums are right; spoil bytes afterwards to make them wrong.
[[nodiscard]] Bytes ethernet(const MacAddress& to, std::uint16_t ethertype, const Bytes& payload,
                             const MacAddress& from = peer_mac);
[[nodiscard]] Bytes arp_frame(const wire::ArpPacket& arp, const MacAddress& to = host_mac);
[[nodiscard]] wire::ArpPacket arp_request(const IpAddress& target);  ///< from the peer
[[nodiscard]] wire::ArpPacket arp_reply(const MacAddress& mac = peer_mac);
/// `header` with its length filled in, then `payload`; to the MAC that its destination maps to.
[[nodiscard]] Bytes ipv4_frame(wire::Ipv4Header header, const Bytes& payload);
[[nodiscard]] Bytes ipv6_frame(wire::Ipv6Header header, const Bytes& payload);
/// The IPv4 frame with options, a multiple of 4 bytes, in its header.
[[nodiscard]] Bytes with_options(Bytes frame, const Bytes& options);
/// The options of an IPv4 frame.
[[nodiscard]] Bytes options_of(const Bytes& frame);
/// From peer to host, in the family of `source`.
[[nodiscard]] Bytes ip_frame(std::uint8_t proto, const Bytes& payload, const IpAddress& source = peer4,
                             const IpAddress& destination = host4);
[[nodiscard]] Bytes udp_datagram(std::uint16_t source, std::uint16_t destination, const Bytes& payload,
                                 const IpAddress& from = peer4, const IpAddress& to = host4);
[[nodiscard]] Bytes icmp4_message(std::uint8_t type, std::uint8_t code, std::uint32_t rest, const Bytes& body);
[[nodiscard]] Bytes icmp6_message(std::uint8_t type, std::uint8_t code, std::uint32_t rest, const Bytes& body,
                                  const IpAddress& from = peer6, const IpAddress& to = host6);
template <class Message>
[[nodiscard]] Bytes nd_frame(const Message& message, const IpAddress& from, const IpAddress& to,
                             std::uint8_t hop_limit = 255) {
  Bytes body(wire::nd_max_bytes);
  body.resize(wire::emit(message, body.data()));
  wire::seal_icmp6(body, from, to);
  return ipv6_frame({.source = from, .destination = to, .next_header = wire::ip_proto::icmp6, .hop_limit = hop_limit},
                    body);
}
/// n bytes counting up from `first`.
[[nodiscard]] Bytes counting(std::size_t n, int first = 0);
/// The frame's bytes from `offset`.
[[nodiscard]] Bytes behind(const Bytes& frame, std::size_t offset);
/// Whether the ICMP, ICMPv6, UDP or IPv4 checksums in a frame that the host sent are right.
[[nodiscard]] bool has_right_checksums(const Bytes& frame);

}  // namespace millrace::test
