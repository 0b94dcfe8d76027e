// SPDX-License-Identifier: BSD-3-Clause
// What a DHCP client says. Called by client.cpp; calls the neighbours and its owner. RFC 2131 sections 4.1, 4.3.6 and 4.4, table 5.
#include <millrace/stack/dhcp/client.hpp>

#include <millrace/env/build_packet.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/udp.hpp>

#include <algorithm>

namespace millrace::dhcp {
namespace {

constexpr Duration first_pause = 4s, most_pause = 64s;
constexpr std::uint32_t fuzz_ms = 1000;
constexpr IpAddress nobody = IpAddress::v4(0, 0, 0, 0), everybody = IpAddress::v4(255, 255, 255, 255);
constexpr std::uint32_t most_bytes = 1500;  // of an answer, in one packet

// RFC 3442: classless routes are asked for in front of routers.
void ask_for_parameters(wire::DhcpMessage& message, std::uint32_t mtu) {
  using namespace wire::dhcp_option;
  message.parameters = {subnet_mask, classless_routes, routers, name_servers, interface_mtu, broadcast_address, lease_time, renewal_time, rebinding_time};
  message.max_message_bytes = static_cast<std::uint16_t>(std::min(mtu, most_bytes));
}

}  // namespace

// Section 4.1: 4 seconds, twice as much each time up to 64, a second more or less.
Duration Client::pause() {
  backoff_ = sent_ <= 1 ? first_pause : std::min(2 * backoff_, most_pause);
  return backoff_ - std::chrono::milliseconds(fuzz_ms) + std::chrono::milliseconds(env_.rng.below(2 * fuzz_ms + 1));
}

wire::DhcpMessage Client::message(wire::DhcpType type) const {
  const auto waited = std::chrono::duration_cast<std::chrono::seconds>(env_.now - acquiring_).count();
  return {.type = type,
          .xid = xid_,
          .secs = static_cast<std::uint16_t>(std::clamp<std::int64_t>(waited, 0, 65535)),
          .chaddr = interface_.mac,
          .client_id = interface_.mac};
}

// Section 4.1: an answer is asked to be broadcast, for the way that IP's input has for a host without an address is that of
// broadcasts, which come to every lcore; one that comes to the offered address all the same is heard, too (Dhcp).
void Client::discover() {
  wire::DhcpMessage discover = message(wire::DhcpType::discover);
  discover.broadcast = true;
  discover.requested = wish_;
  secs_ = discover.secs;
  ask_for_parameters(discover, interface_.mtu);
  ++sent_;
  broadcast(nobody, discover);
  arm(env_.now + pause());
}

// Section 4.4.1: xid and secs are those of the DISCOVER that was answered. Section 4.3.2: in REBOOTING there was none, and no
// server is named.
void Client::request() {
  wire::DhcpMessage request = message(wire::DhcpType::request);
  if (sent_ == 0) asked_ = env_.now;  // the lease counts from the first, whichever is answered
  request.broadcast = true;
  request.requested = wanted();
  if (state_ == State::requesting) {
    request.secs = secs_;
    request.server_id = lease_->server;
  }
  ask_for_parameters(request, interface_.mtu);
  ++sent_;
  broadcast(nobody, request);
  arm(env_.now + pause());
}

// Section 4.3.2, RENEWING and REBINDING: neither requested address nor server identifier. Each request is a new one, so that
// an answer tells from when the time counts.
void Client::request_more() {
  xid_ = static_cast<std::uint32_t>(env_.rng.next());
  asked_ = env_.now;
  wire::DhcpMessage request = message(wire::DhcpType::request);
  request.ciaddr = lease_->address.address;
  ask_for_parameters(request, interface_.mtu);
  if (state_ == State::rebinding) return broadcast(request.ciaddr, request);
  owner_.send_to_server(request.ciaddr, lease_->server, wire::make_dhcp(request));
}

// Section 4.4.4.
void Client::decline() {
  wire::DhcpMessage no = message(wire::DhcpType::decline);
  no.secs = 0;
  no.requested = lease_->address.address;
  no.server_id = lease_->server;
  broadcast(nobody, no);
}

// Section 4.4.6.
void Client::release() {
  wire::DhcpMessage bye = message(wire::DhcpType::release);
  bye.secs = 0;  // table 5
  bye.ciaddr = lease_->address.address;
  bye.server_id = lease_->server;
  owner_.send_to_server(bye.ciaddr, lease_->server, wire::make_dhcp(bye));
}

// IP's output has no way for a packet from 0.0.0.0.
void Client::broadcast(const IpAddress& source, const wire::DhcpMessage& message) {
  const std::vector<std::uint8_t> payload = wire::make_dhcp(message);
  pkt::Packet packet = packet_of(env_, payload);
  if (!packet) return;  // it is sent again
  const auto length = static_cast<std::uint16_t>(wire::udp_header_bytes + payload.size());
  std::uint8_t* const udp = packet.prepend(wire::udp_header_bytes);
  wire::emit(wire::UdpHeader{.source_port = wire::dhcp_client_port, .destination_port = wire::dhcp_server_port, .length = length}, udp);
  wire::Sum sum = wire::pseudo_header(source, everybody, wire::ip_proto::udp, length);
  sum.add({udp, wire::udp_header_bytes});
  sum.add(payload);
  wire::set_udp_checksum(udp, sum.checksum());
  wire::emit(wire::Ipv4Header{.source = source,
                              .destination = everybody,
                              .total_length = static_cast<std::uint16_t>(wire::ipv4_header_bytes + length),
                              .proto = wire::ip_proto::udp},
             packet.prepend(wire::ipv4_header_bytes));
  pkt::Meta& meta = packet.meta();
  meta.l3_offset = wire::ethernet_header_bytes;
  meta.l4_offset = wire::ethernet_header_bytes + wire::ipv4_header_bytes;
  meta.l4_proto = wire::ip_proto::udp;
  ip_.neighbors().send(interface_, everybody, std::move(packet));
}

}  // namespace millrace::dhcp
