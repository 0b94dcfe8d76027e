// SPDX-License-Identifier: BSD-3-Clause
// What raw and ping sockets send. Called by their users; calls IP. raw_sendmsg(), raw_send_hdrinc(), ping_v4_sendmsg().
#include <millrace/stack/raw/raw.hpp>

#include <millrace/env/build_packet.hpp>
#include <millrace/wire/checksum.hpp>
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/protocol.hpp>

#include <cerrno>

namespace millrace::raw {
namespace {

constexpr std::size_t largest_packet = 65535;

// icmp_out_count()
void count_out(Env& env, std::uint8_t proto, std::uint8_t type) {
  if (proto == wire::ip_proto::icmp) {
    env.stats->icmp.add(stats::Icmp::OutMsgs);
    if (type == wire::icmp4_type::echo_request) env.stats->icmp.add(stats::Icmp::OutEchos);
  }
  if (proto == wire::ip_proto::icmp6) {
    env.stats->icmp6.add(stats::Icmp6::OutMsgs);
    if (type == wire::icmp6_type::echo_request) env.stats->icmp6.add(stats::Icmp6::OutEchos);
  }
}

}  // namespace

std::int64_t Raw::send_to(Socket& socket, std::span<const std::uint8_t> bytes, const IpAddress* to) {
  if (const int error = std::exchange(socket.error_, 0); error != 0) return -error;
  if (to == nullptr && socket.remote_.is_unspecified()) return -EDESTADDRREQ;
  const IpAddress destination = to != nullptr ? *to : socket.remote_;
  if (destination.is_v4() == socket.v6_) return -EAFNOSUPPORT;
  if (bytes.size() > largest_packet) return -EMSGSIZE;
  if (socket.header_included && !socket.ping_) return send_whole(socket, bytes, destination);
  pkt::Packet message = packet_of(env_, bytes);
  if (!message) return -ENOBUFS;
  if (socket.ping_)
    if (const int refused = finish_echo_request(socket, message); refused != 0) {
      consume(env_, std::move(message), stats::Ledger::used);
      return refused;
    }
  return send_message(socket, std::move(message), destination);
}

// ping_supported(): nothing but echo requests.
int Raw::finish_echo_request(const Socket& socket, pkt::Packet& message) const {
  const std::uint8_t type = socket.v6_ ? wire::icmp6_type::echo_request : wire::icmp4_type::echo_request;
  std::uint8_t* const icmp = message.data().data();
  if (message.length() < wire::icmp4_header_bytes || icmp[0] != type || icmp[1] != 0) return -EINVAL;
  store_be16(icmp + 2, 0);
  store_be16(icmp + 4, socket.ident_);
  if (socket.v6_) return 0;
  wire::Sum sum;
  message.for_each_segment([&](std::span<const std::uint8_t> part) { sum.add(part); });
  store_be16(icmp + 2, sum.checksum());
  return 0;
}

std::int64_t Raw::send_message(Socket& socket, pkt::Packet message, const IpAddress& to) {
  const std::int64_t length = message.length();
  const std::uint8_t type = length != 0 ? message.data()[0] : std::uint8_t{0};
  if (socket.proto_ == wire::ip_proto::icmp6) {
    if (length < static_cast<std::int64_t>(wire::icmp6_header_bytes)) {
      consume(env_, std::move(message), stats::Ledger::used);
      return -EINVAL;
    }
    store_be16(message.data().data() + 2, 0);
    message.meta().tx_checksum = pkt::ChecksumRequest::icmp6;
  }
  const auto verdict = ip_.send(std::move(message), {.source = socket.local_.is_multicast() ? IpAddress{} : socket.local_,
                                                     .destination = to,
                                                     .proto = socket.proto_,
                                                     .hop_limit = socket.hop_limit,
                                                     .traffic_class = socket.traffic_class,
                                                     .dont_fragment = false,
                                                     .may_fragment = true});
  if (verdict != ip::SendVerdict::sent) return -errno_of(verdict);
  count_out(env_, socket.proto_, type);
  return length;
}

std::int64_t Raw::send_whole(Socket& socket, std::span<const std::uint8_t> bytes, const IpAddress& to) {
  constexpr std::size_t least_header = 20;
  const std::size_t header = bytes.empty() ? 0 : (bytes[0] & 0xfu) * 4u;
  if (bytes.size() < least_header || header < least_header || header > bytes.size()) return -EINVAL;
  pkt::Packet packet = packet_of(env_, bytes);
  if (!packet) return -ENOBUFS;
  const std::uint8_t proto = bytes[9];
  const std::uint8_t type = bytes.size() > header ? bytes[header] : std::uint8_t{0};
  const auto verdict = ip_.send_whole(std::move(packet), to);
  if (verdict != ip::SendVerdict::sent) return -errno_of(verdict);
  if (proto == wire::ip_proto::icmp) count_out(env_, proto, type);
  return static_cast<std::int64_t>(bytes.size());
}

}  // namespace millrace::raw
