// SPDX-License-Identifier: BSD-3-Clause
// Reads and writes DHCPv6 messages. Called by lib/stack/dhcp. RFC 8415 sections 8, 11 and 21, RFC 3646 section 3.
#include <millrace/wire/dhcp6.hpp>

#include <algorithm>
#include <cstring>

namespace millrace::wire {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Value = std::vector<std::uint8_t>;

constexpr std::size_t header_bytes = 4;
constexpr std::uint8_t relay_forward = 12, relay_reply = 13;

void append(Value& to, Bytes bytes) {
  const std::size_t at = to.size();
  to.resize(at + bytes.size());  // g++ 12 takes insert() for a write past a new vector's end
  if (!bytes.empty()) std::memcpy(&to[at], bytes.data(), bytes.size());
}

void read_duid(Bytes value, Value& duid) {
  if (duid.empty() && value.size() <= dhcp6_max_duid_bytes) append(duid, value);
}

void read_number(Bytes value, std::optional<std::uint32_t>& number) {
  if (!number && value.size() == 4) number = load_be32(value.data());
}

void read_codes(Bytes value, std::vector<std::uint16_t>& codes) {
  if (!codes.empty() || value.size() % 2 != 0) return;
  for (std::size_t at = 0; at < value.size(); at += 2) codes.push_back(load_be16(&value[at]));
}

void read_addresses(Bytes value, std::vector<IpAddress>& list) {
  if (!list.empty() || value.size() % 16 != 0) return;
  for (std::size_t at = 0; at < value.size() && list.size() < dhcp6_max_name_servers; at += 16) list.push_back(IpAddress::v6_from(&value[at]));
}

void read_option(std::uint16_t code, Bytes value, Dhcp6Message& message) {
  using namespace dhcp6_option;
  switch (code) {
    case client_id: return read_duid(value, message.client_id);
    case server_id: return read_duid(value, message.server_id);
    case option_request: return read_codes(value, message.requested);
    case elapsed_time:
      if (!message.elapsed_cs && value.size() == 2) message.elapsed_cs = load_be16(value.data());
      return;
    case status_code:
      if (!message.status && value.size() >= 2) message.status = load_be16(value.data());  // text for people follows
      return;
    case name_servers: return read_addresses(value, message.name_servers);
    case information_refresh_time: return read_number(value, message.refresh_s);
    case inf_max_rt: return read_number(value, message.inf_max_rt_s);
    default: return;
  }
}

void put(Value& out, std::uint16_t code, Bytes value) {
  const std::size_t at = out.size();
  out.resize(at + 4);
  store_be16(&out[at], code);
  store_be16(&out[at + 2], static_cast<std::uint16_t>(value.size()));
  append(out, value);
}

void put(Value& out, std::uint16_t code, const std::optional<std::uint16_t>& number) {
  std::uint8_t value[2];
  if (number) put(out, code, (store_be16(value, *number), Bytes(value)));
}

void put(Value& out, std::uint16_t code, const std::optional<std::uint32_t>& number) {
  std::uint8_t value[4];
  if (number) put(out, code, (store_be32(value, *number), Bytes(value)));
}

}  // namespace

std::optional<Dhcp6Message> Dhcp6Message::parse(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < header_bytes || bytes[0] == relay_forward || bytes[0] == relay_reply) return std::nullopt;
  Dhcp6Message message{.type = bytes[0], .xid = load_be32(bytes.data()) & 0xffffff};
  for (Bytes options = bytes.subspan(header_bytes); !options.empty();) {
    if (options.size() < 4) return std::nullopt;
    const std::size_t length = load_be16(&options[2]);
    if (options.size() < 4 + length) return std::nullopt;
    read_option(load_be16(options.data()), options.subspan(4, length), message);
    options = options.subspan(4 + length);
  }
  return message;
}

std::vector<std::uint8_t> make_dhcp6(const Dhcp6Message& message) {
  using namespace dhcp6_option;
  Value out(header_bytes);
  store_be32(out.data(), std::uint32_t{message.type} << 24 | (message.xid & 0xffffff));
  if (!message.client_id.empty()) put(out, client_id, Bytes(message.client_id));
  if (!message.server_id.empty()) put(out, server_id, Bytes(message.server_id));
  Value codes(2 * message.requested.size());
  for (std::size_t i = 0; i < message.requested.size(); ++i) store_be16(&codes[2 * i], message.requested[i]);
  if (!codes.empty()) put(out, option_request, Bytes(codes));
  put(out, elapsed_time, message.elapsed_cs);
  put(out, status_code, message.status);
  Value servers;
  for (const IpAddress& server : message.name_servers) append(servers, server.bytes);
  if (!servers.empty()) put(out, name_servers, Bytes(servers));
  put(out, information_refresh_time, message.refresh_s);
  put(out, inf_max_rt, message.inf_max_rt_s);
  return out;
}

std::vector<std::uint8_t> duid_ll(const MacAddress& mac) {
  Value duid{0, 3, 0, 1};  // type, hardware type
  append(duid, mac.bytes);
  return duid;
}

}  // namespace millrace::wire
