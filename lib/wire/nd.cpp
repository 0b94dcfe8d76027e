// SPDX-License-Identifier: BSD-3-Clause
// Reads and writes neighbour discovery messages. Called by neighbor/ and by router discovery. RFC 4861 section 4.
#include <millrace/wire/nd.hpp>

namespace millrace::wire {

namespace {

enum Option : std::uint8_t { source_link = 1, target_link = 2, prefix_info = 3, mtu = 5, nonce = 14, name_servers = 25 };

constexpr std::size_t target_message_bytes = 24;  ///< NS and NA before their options
constexpr std::size_t rs_bytes = 8;
constexpr std::size_t ra_bytes = 16;
constexpr std::size_t redirect_bytes = 40;

/// Everything that options may tell; each message uses its part.
struct Options {
  std::optional<MacAddress> source;
  std::optional<MacAddress> target;
  std::uint32_t mtu = 0;
  std::uint8_t prefix_count = 0;
  std::array<PrefixInfo, nd_max_prefixes> prefixes{};
  std::optional<Nonce> nonce;
  std::uint8_t dns_count = 0;
  std::array<DnsServer, nd_max_name_servers> dns{};
};

/// Of a repeated option the first counts, as in Linux.
bool read_link(std::span<const std::uint8_t> option, std::optional<MacAddress>& mac) {
  if (option.size() != 8) return false;
  if (mac) return true;
  mac.emplace();
  std::memcpy(mac->bytes.data(), &option[2], 6);
  return true;
}

bool read_prefix(std::span<const std::uint8_t> option, Options& options) {
  if (option.size() != 32) return false;
  if (option[2] > 128 || options.prefix_count == nd_max_prefixes) return true;
  PrefixInfo& info = options.prefixes[options.prefix_count++];
  info.prefix = {IpAddress::v6_from(&option[16]), option[2]};
  info.on_link = (option[3] & 0x80) != 0;
  info.autonomous = (option[3] & 0x40) != 0;
  info.valid_lifetime_s = load_be32(&option[4]);
  info.preferred_lifetime_s = load_be32(&option[8]);
  return true;
}

bool read_name_servers(std::span<const std::uint8_t> option, Options& options) {
  if (option.size() < 24 || option.size() % 16 != 8) return false;  // RFC 8106 section 5.1: eight bytes, then servers
  for (std::size_t at = 8; at < option.size() && options.dns_count < nd_max_name_servers; at += 16)
    options.dns[options.dns_count++] = {IpAddress::v6_from(&option[at]), load_be32(&option[4])};
  return true;
}

bool read_option(std::span<const std::uint8_t> option, Options& options) {
  switch (option[0]) {
    case source_link: return read_link(option, options.source);
    case target_link: return read_link(option, options.target);
    case prefix_info: return read_prefix(option, options);
    case mtu:
      if (option.size() != 8) return false;
      options.mtu = load_be32(&option[4]);
      return true;
    case nonce:
      if (option.size() == 8) std::memcpy(options.nonce.emplace().data(), &option[2], 6);
      return true;
    case name_servers: return read_name_servers(option, options);
    default: return true;  // RFC 4861 section 4.6: options of other types are skipped
  }
}

std::optional<Options> read_options(std::span<const std::uint8_t> bytes) {
  Options options;
  while (!bytes.empty()) {
    if (bytes.size() < 8) return std::nullopt;
    const std::size_t length = bytes[1] * 8u;
    // RFC 4861 section 4.6: a length of zero means that the packet must be silently discarded.
    if (length == 0 || length > bytes.size() || !read_option(bytes.first(length), options)) return std::nullopt;
    bytes = bytes.subspan(length);
  }
  return options;
}

/// The options of a message of `type` whose fixed part takes `fixed` bytes.
std::optional<Options> open(std::span<const std::uint8_t> message, std::uint8_t type, std::size_t fixed) {
  if (message.size() < fixed || message[0] != type || message[1] != 0) return std::nullopt;
  return read_options(message.subspan(fixed));
}

/// An address that cannot be one neighbour's: a group, or an IPv4 address in IPv6's clothes.
bool is_impossible_target(const IpAddress& target) { return target.is_v4() || target.is_multicast(); }

void put_fixed(std::uint8_t* out, std::uint8_t type, std::size_t fixed) {
  std::memset(out, 0, fixed);
  out[0] = type;
}

std::size_t put_link(std::uint8_t* out, Option type, const std::optional<MacAddress>& mac) {
  if (!mac) return 0;
  out[0] = type;
  out[1] = 1;
  std::memcpy(out + 2, mac->bytes.data(), 6);
  return 8;
}

std::size_t put_mtu(std::uint8_t* out, std::uint32_t value) {
  if (value == 0) return 0;
  store_be32(out, mtu << 24 | 1u << 16);
  store_be32(out + 4, value);
  return 8;
}

std::size_t put_prefix(std::uint8_t* out, const PrefixInfo& info) {
  out[0] = prefix_info;
  out[1] = 4;
  out[2] = info.prefix.length;
  out[3] = static_cast<std::uint8_t>((info.on_link ? 0x80 : 0) | (info.autonomous ? 0x40 : 0));
  store_be32(out + 4, info.valid_lifetime_s);
  store_be32(out + 8, info.preferred_lifetime_s);
  store_be32(out + 12, 0);
  std::memcpy(out + 16, info.prefix.address.bytes.data(), 16);
  return 32;
}

std::size_t put_name_server(std::uint8_t* out, const DnsServer& dns) {
  store_be32(out, name_servers << 24 | 3u << 16);
  store_be32(out + 4, dns.lifetime_s);
  std::memcpy(out + 8, dns.server.bytes.data(), 16);
  return 24;
}

}  // namespace

std::optional<NeighborSolicitation> NeighborSolicitation::parse(std::span<const std::uint8_t> message) {
  const auto options = open(message, icmp6_type::neighbor_solicitation, target_message_bytes);
  if (!options) return std::nullopt;
  const NeighborSolicitation ns{IpAddress::v6_from(&message[8]), options->source, options->nonce};
  if (is_impossible_target(ns.target)) return std::nullopt;
  return ns;
}

std::optional<NeighborAdvertisement> NeighborAdvertisement::parse(std::span<const std::uint8_t> message) {
  const auto options = open(message, icmp6_type::neighbor_advertisement, target_message_bytes);
  if (!options) return std::nullopt;
  const std::uint8_t flags = message[4];
  const NeighborAdvertisement na{IpAddress::v6_from(&message[8]), options->target, (flags & 0x80) != 0,
                                 (flags & 0x40) != 0, (flags & 0x20) != 0};
  if (is_impossible_target(na.target)) return std::nullopt;
  return na;
}

std::optional<RouterSolicitation> RouterSolicitation::parse(std::span<const std::uint8_t> message) {
  const auto options = open(message, icmp6_type::router_solicitation, rs_bytes);
  if (!options) return std::nullopt;
  return RouterSolicitation{options->source};
}

std::optional<RouterAdvertisement> RouterAdvertisement::parse(std::span<const std::uint8_t> message) {
  const auto options = open(message, icmp6_type::router_advertisement, ra_bytes);
  if (!options) return std::nullopt;
  RouterAdvertisement ra;
  ra.hop_limit = message[4];
  ra.managed = (message[5] & 0x80) != 0;
  ra.other_config = (message[5] & 0x40) != 0;
  constexpr int preferences[] = {0, 1, 0, -1};  // RFC 4191 section 2.1: 2 is reserved and taken for medium
  ra.preference = preferences[(message[5] >> 3) & 3];
  ra.router_lifetime_s = load_be16(&message[6]);
  ra.reachable_time_ms = load_be32(&message[8]);
  ra.retransmit_timer_ms = load_be32(&message[12]);
  ra.mtu = options->mtu;
  ra.source_link = options->source;
  ra.prefix_count = options->prefix_count;
  ra.prefixes = options->prefixes;
  ra.dns_count = options->dns_count;
  ra.dns = options->dns;
  return ra;
}

std::optional<Redirect> Redirect::parse(std::span<const std::uint8_t> message) {
  const auto options = open(message, icmp6_type::redirect, redirect_bytes);
  if (!options) return std::nullopt;
  const Redirect redirect{IpAddress::v6_from(&message[8]), IpAddress::v6_from(&message[24]), options->target};
  // Section 8.1: a router's link-local address, or the destination, which is no group.
  if (is_impossible_target(redirect.destination) || is_impossible_target(redirect.target)) return std::nullopt;
  if (!redirect.target.is_link_local() && redirect.target != redirect.destination) return std::nullopt;
  return redirect;
}

std::size_t emit(const NeighborSolicitation& message, std::uint8_t* out) {
  put_fixed(out, icmp6_type::neighbor_solicitation, target_message_bytes);
  std::memcpy(out + 8, message.target.bytes.data(), 16);
  std::size_t at = target_message_bytes + put_link(out + target_message_bytes, source_link, message.source_link);
  if (!message.nonce) return at;
  out[at] = nonce;
  out[at + 1] = 1;
  std::memcpy(out + at + 2, message.nonce->data(), message.nonce->size());
  return at + 8;
}

std::size_t emit(const NeighborAdvertisement& message, std::uint8_t* out) {
  put_fixed(out, icmp6_type::neighbor_advertisement, target_message_bytes);
  out[4] = static_cast<std::uint8_t>((message.router ? 0x80 : 0) | (message.solicited ? 0x40 : 0) |
                                     (message.override_existing ? 0x20 : 0));
  std::memcpy(out + 8, message.target.bytes.data(), 16);
  return target_message_bytes + put_link(out + target_message_bytes, target_link, message.target_link);
}

std::size_t emit(const RouterSolicitation& message, std::uint8_t* out) {
  put_fixed(out, icmp6_type::router_solicitation, rs_bytes);
  return rs_bytes + put_link(out + rs_bytes, source_link, message.source_link);
}

std::size_t emit(const RouterAdvertisement& message, std::uint8_t* out) {
  put_fixed(out, icmp6_type::router_advertisement, ra_bytes);
  out[4] = message.hop_limit;
  out[5] = static_cast<std::uint8_t>((message.managed ? 0x80 : 0) | (message.other_config ? 0x40 : 0) | (message.preference & 3) << 3);
  store_be16(out + 6, message.router_lifetime_s);
  store_be32(out + 8, message.reachable_time_ms);
  store_be32(out + 12, message.retransmit_timer_ms);
  std::size_t at = ra_bytes;
  at += put_link(out + at, source_link, message.source_link);
  at += put_mtu(out + at, message.mtu);
  for (std::size_t i = 0; i < message.prefix_count; ++i) at += put_prefix(out + at, message.prefixes[i]);
  for (std::size_t i = 0; i < message.dns_count; ++i) at += put_name_server(out + at, message.dns[i]);
  return at;
}

std::size_t emit(const Redirect& message, std::uint8_t* out) {
  put_fixed(out, icmp6_type::redirect, redirect_bytes);
  std::memcpy(out + 8, message.target.bytes.data(), 16);
  std::memcpy(out + 24, message.destination.bytes.data(), 16);
  return redirect_bytes + put_link(out + redirect_bytes, target_link, message.target_link);
}

}  // namespace millrace::wire
