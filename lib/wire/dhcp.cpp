// SPDX-License-Identifier: BSD-3-Clause
// Reads and writes DHCP messages. Called by lib/stack/dhcp. RFC 2131 section 2, RFC 2132, RFC 3396, RFC 3442.
#include <millrace/wire/dhcp.hpp>

#include <algorithm>
#include <cstring>
#include <map>

namespace millrace::wire {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Value = std::vector<std::uint8_t>;
using Options = std::map<std::uint8_t, Value>;

// RFC 2131 figure 1.
constexpr std::size_t xid_at = 4, secs_at = 8, flags_at = 10, ciaddr_at = 12, yiaddr_at = 16, chaddr_at = 28;
constexpr std::size_t sname_at = 44, sname_bytes = 64, file_at = 108, file_bytes = 128, cookie_at = 236, options_at = 240;
constexpr std::uint8_t request_op = 1, reply_op = 2, ethernet = 1;
constexpr std::uint16_t broadcast_flag = 0x8000;
constexpr std::uint32_t cookie = 0x63825363;
constexpr std::uint8_t pad = 0, end = 255;
constexpr std::size_t longest_piece = 255;

void append(Value& to, Bytes bytes) {
  const std::size_t at = to.size();
  to.resize(at + bytes.size());  // g++ 12 takes insert() for a write past a new vector's end
  if (!bytes.empty()) std::memcpy(&to[at], bytes.data(), bytes.size());
}

// The options of one field. False: one does not end there.
bool read_field(Bytes field, Options& options) {
  for (std::size_t at = 0; at < field.size() && field[at] != end;) {
    if (field[at] == pad) {
      ++at;
      continue;
    }
    if (at + 2 > field.size() || at + 2 + field[at + 1] > field.size()) return false;
    append(options[field[at]], field.subspan(at + 2, field[at + 1]));  // RFC 3396 section 7: pieces make one
    at += std::size_t{2} + field[at + 1];
  }
  return true;
}

// RFC 3396 section 5: the options field, then file, then sname, of which the first alone says whether there are others.
std::optional<Options> read_options(Bytes message) {
  Options options;
  if (!read_field(message.subspan(options_at), options)) return std::nullopt;
  const auto overload = options.find(dhcp_option::overload);
  const unsigned fields = overload != options.end() && overload->second.size() == 1 ? overload->second[0] : 0;
  if ((fields & 1) != 0 && !read_field(message.subspan(file_at, file_bytes), options)) return std::nullopt;
  if ((fields & 2) != 0 && !read_field(message.subspan(sname_at, sname_bytes), options)) return std::nullopt;
  return options;
}

/// The options by their types.
class Reader {
 public:
  explicit Reader(const Options& options) : options_(options) {}
  [[nodiscard]] Bytes bytes(std::uint8_t code) const {
    const auto found = options_.find(code);
    return found != options_.end() ? Bytes(found->second) : Bytes();
  }
  [[nodiscard]] std::optional<IpAddress> address(std::uint8_t code) const {
    const Bytes value = bytes(code);
    return value.size() == 4 ? std::optional(IpAddress::v4_from(value.data())) : std::nullopt;
  }
  [[nodiscard]] std::optional<std::uint32_t> seconds(std::uint8_t code) const {
    const Bytes value = bytes(code);
    return value.size() == 4 ? std::optional(load_be32(value.data())) : std::nullopt;
  }
  [[nodiscard]] std::optional<std::uint16_t> number(std::uint8_t code) const {
    const Bytes value = bytes(code);
    return value.size() == 2 ? std::optional(load_be16(value.data())) : std::nullopt;
  }
  [[nodiscard]] std::vector<IpAddress> addresses(std::uint8_t code) const {
    std::vector<IpAddress> list;
    const Bytes value = bytes(code);
    if (value.size() % 4 != 0) return list;
    for (std::size_t at = 0; at < value.size() && list.size() < dhcp_max_addresses; at += 4) list.push_back(IpAddress::v4_from(&value[at]));
    return list;
  }

 private:
  const Options& options_;
};

// RFC 3442: of the destination only the bytes that its mask reaches.
std::vector<ClasslessRoute> read_routes(Bytes value) {
  std::vector<ClasslessRoute> routes;
  while (!value.empty()) {
    const std::uint8_t length = value[0];
    const std::size_t significant = (length + 7u) / 8;
    if (length > 32 || value.size() < 1 + significant + 4) return {};
    std::array<std::uint8_t, 4> network{};
    std::copy_n(value.begin() + 1, significant, network.begin());
    if (length % 8 != 0) network[significant - 1] = static_cast<std::uint8_t>(network[significant - 1] & (0xff00u >> (length % 8)));
    if (routes.size() < dhcp_max_routes)
      routes.push_back({{IpAddress::v4_from(network.data()), length}, IpAddress::v4_from(&value[1 + significant])});
    value = value.subspan(1 + significant + 4);
  }
  return routes;
}

/// Writes options, those too long for one in pieces.
class Writer {
 public:
  explicit Writer(Value& out) : out_(out) {}
  void put(std::uint8_t code, Bytes value) {
    while (!value.empty()) {
      const Bytes piece = value.first(std::min(value.size(), longest_piece));
      out_.push_back(code);
      out_.push_back(static_cast<std::uint8_t>(piece.size()));
      append(out_, piece);
      value = value.subspan(piece.size());
    }
  }
  void put(std::uint8_t code, const std::optional<IpAddress>& address) {
    if (address) put(code, Bytes(address->v4_bytes(), 4));
  }
  void put(std::uint8_t code, const std::optional<std::uint32_t>& seconds) {
    std::uint8_t value[4];
    if (seconds) put(code, (store_be32(value, *seconds), Bytes(value)));
  }
  void put(std::uint8_t code, const std::optional<std::uint16_t>& number) {
    std::uint8_t value[2];
    if (number) put(code, (store_be16(value, *number), Bytes(value)));
  }
  void put(std::uint8_t code, const std::vector<IpAddress>& addresses) {
    Value value;
    for (const IpAddress& address : addresses) append(value, {address.v4_bytes(), 4});
    put(code, Bytes(value));
  }
  void put(std::uint8_t code, const std::vector<ClasslessRoute>& routes) {
    Value value;
    for (const ClasslessRoute& route : routes) {
      value.push_back(route.to.length);
      append(value, {route.to.address.v4_bytes(), (route.to.length + 7u) / 8});
      append(value, {route.router.v4_bytes(), 4});
    }
    put(code, Bytes(value));
  }

 private:
  Value& out_;
};

void put_options(const DhcpMessage& message, Writer out) {
  using namespace dhcp_option;
  const std::uint8_t type = static_cast<std::uint8_t>(message.type);
  out.put(message_type, Bytes(&type, 1));
  if (message.client_id) {
    Value id{ethernet};
    append(id, message.client_id->bytes);
    out.put(client_id, Bytes(id));
  }
  out.put(requested_address, message.requested);
  out.put(server_id, message.server_id);
  out.put(max_message_size, message.max_message_bytes);
  out.put(parameter_list, Bytes(message.parameters));
  out.put(lease_time, message.lease_s);
  out.put(renewal_time, message.renewal_s);
  out.put(rebinding_time, message.rebinding_s);
  out.put(subnet_mask, message.subnet_mask);
  out.put(broadcast_address, message.broadcast_address);
  out.put(routers, message.routers);
  out.put(name_servers, message.name_servers);
  out.put(interface_mtu, message.mtu);
  out.put(classless_routes, message.routes);
}

// False: it is of no type.
bool take_options(const Options& options, DhcpMessage& message) {
  using namespace dhcp_option;
  const Reader in(options);
  const Bytes type = in.bytes(message_type);
  if (type.size() != 1 || type[0] < 1 || type[0] > static_cast<std::uint8_t>(DhcpType::inform)) return false;
  message.type = static_cast<DhcpType>(type[0]);
  if (const Bytes id = in.bytes(client_id); id.size() == 7 && id[0] == ethernet)
    std::copy_n(id.begin() + 1, 6, message.client_id.emplace().bytes.begin());
  message.requested = in.address(requested_address);
  message.server_id = in.address(server_id);
  const Bytes wanted = in.bytes(parameter_list);
  message.parameters.assign(wanted.begin(), wanted.end());
  message.max_message_bytes = in.number(max_message_size);
  message.subnet_mask = in.address(subnet_mask);
  message.broadcast_address = in.address(broadcast_address);
  message.routers = in.addresses(routers);
  message.name_servers = in.addresses(name_servers);
  message.routes = read_routes(in.bytes(classless_routes));
  message.mtu = in.number(interface_mtu);
  message.lease_s = in.seconds(lease_time);
  message.renewal_s = in.seconds(renewal_time);
  message.rebinding_s = in.seconds(rebinding_time);
  return true;
}

}  // namespace

std::optional<DhcpMessage> DhcpMessage::parse(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < options_at || load_be32(&bytes[cookie_at]) != cookie) return std::nullopt;
  if ((bytes[0] != request_op && bytes[0] != reply_op) || bytes[1] != ethernet || bytes[2] != 6) return std::nullopt;
  const auto options = read_options(bytes);
  DhcpMessage message;
  if (!options || !take_options(*options, message)) return std::nullopt;
  message.is_reply = bytes[0] == reply_op;
  message.broadcast = (load_be16(&bytes[flags_at]) & broadcast_flag) != 0;
  message.xid = load_be32(&bytes[xid_at]);
  message.secs = load_be16(&bytes[secs_at]);
  message.ciaddr = IpAddress::v4_from(&bytes[ciaddr_at]);
  message.yiaddr = IpAddress::v4_from(&bytes[yiaddr_at]);
  std::copy_n(bytes.begin() + chaddr_at, 6, message.chaddr.bytes.begin());
  return message;
}

std::vector<std::uint8_t> make_dhcp(const DhcpMessage& message) {
  Value out(options_at);
  out[0] = message.is_reply ? reply_op : request_op;
  out[1] = ethernet;
  out[2] = 6;
  store_be32(&out[xid_at], message.xid);
  store_be16(&out[secs_at], message.secs);
  store_be16(&out[flags_at], message.broadcast ? broadcast_flag : std::uint16_t{0});
  std::memcpy(&out[ciaddr_at], message.ciaddr.v4_bytes(), 4);
  std::memcpy(&out[yiaddr_at], message.yiaddr.v4_bytes(), 4);
  std::memcpy(&out[chaddr_at], message.chaddr.bytes.data(), 6);
  store_be32(&out[cookie_at], cookie);
  put_options(message, Writer(out));
  out.push_back(end);
  if (out.size() < dhcp_min_bytes) out.resize(dhcp_min_bytes);
  return out;
}

}  // namespace millrace::wire
