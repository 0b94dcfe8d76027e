// SPDX-License-Identifier: BSD-3-Clause
// Judges what a server gives. Called by client.cpp; pure. RFC 2131 sections 4.3.1 and 4.4.5, RFC 2132, RFC 3442.
#include <millrace/stack/dhcp/lease.hpp>

#include <algorithm>
#include <bit>

namespace millrace::dhcp {
namespace {

constexpr std::uint32_t least_mtu = 576;  // RFC 791: what every host takes
constexpr std::uint32_t all_ones = 0xffffffff;

bool is_host_address(const IpAddress& address) {
  const std::uint32_t number = address.v4_number();
  return (number >> 24) != 0 && (number >> 28) < 14 && !address.is_loopback();
}

// ipconfig.c: without a mask, that of the address's class. Null: its ones are not in front.
std::optional<std::uint8_t> length_of(const std::optional<IpAddress>& mask, const IpAddress& address) {
  const std::uint32_t bits = mask ? mask->v4_number() : 0;
  if (bits == 0) {
    const unsigned first = address.bytes[12];
    return static_cast<std::uint8_t>(first < 128 ? 8 : first < 192 ? 16 : 24);
  }
  const int length = std::countl_one(bits);
  return std::popcount(bits) == length ? std::optional(static_cast<std::uint8_t>(length)) : std::nullopt;
}

// Neither the network's own address nor its broadcast address; RFC 3021 knows neither.
bool is_between(const IpPrefix& prefix) {
  if (prefix.length >= 31) return true;
  const std::uint32_t hosts = all_ones >> prefix.length;
  const std::uint32_t host = prefix.address.v4_number() & hosts;
  return host != 0 && host != hosts;
}

Duration time_of(std::uint32_t seconds) { return seconds == wire::dhcp_infinity ? for_ever : Duration(std::chrono::seconds(seconds)); }

// RFC 2131 section 4.4.5. What the server says counts if it can be obeyed.
void set_times(const wire::DhcpMessage& message, Lease& lease) {
  lease.lasts = time_of(*message.lease_s);
  const bool ends = lease.lasts != for_ever;
  lease.t1 = message.renewal_s ? time_of(*message.renewal_s) : ends ? lease.lasts / 2 : for_ever;
  lease.t2 = message.rebinding_s ? time_of(*message.rebinding_s) : ends ? lease.lasts / 8 * 7 : for_ever;
  const auto is_before = [](Duration a, Duration b) { return a < b || (a == for_ever && b == for_ever); };
  if (lease.t1 > Duration{0} && is_before(lease.t1, lease.t2) && is_before(lease.t2, lease.lasts)) return;
  lease.t1 = ends ? lease.lasts / 2 : for_ever;
  lease.t2 = ends ? lease.lasts / 8 * 7 : for_ever;
}

}  // namespace

std::optional<Lease> lease_of(const wire::DhcpMessage& message) {
  Lease lease;
  const auto length = length_of(message.subnet_mask, message.yiaddr);
  if (!message.server_id || !is_host_address(*message.server_id) || !message.lease_s || *message.lease_s == 0 || !length) return std::nullopt;
  lease.address = {message.yiaddr, *length};
  if (!is_host_address(message.yiaddr) || !is_between(lease.address)) return std::nullopt;
  lease.server = *message.server_id;
  if (message.broadcast_address && lease.address.contains(*message.broadcast_address) && *message.broadcast_address != message.yiaddr)
    lease.broadcast = *message.broadcast_address;
  if (message.mtu && *message.mtu >= least_mtu) lease.mtu = *message.mtu;
  lease.routes = message.routes;
  // RFC 3442: where there are classless routes, routers are not heeded. Of several routers the first is preferred.
  if (lease.routes.empty() && !message.routers.empty() && is_host_address(message.routers[0]))
    lease.routes.push_back({{IpAddress::v4(0, 0, 0, 0), 0}, message.routers[0]});
  std::copy_if(message.name_servers.begin(), message.name_servers.end(), std::back_inserter(lease.name_servers), is_host_address);
  set_times(message, lease);
  return lease;
}

}  // namespace millrace::dhcp
