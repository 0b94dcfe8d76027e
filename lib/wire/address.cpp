// SPDX-License-Identifier: BSD-3-Clause
// Addresses to text and back. Called by configuration, control and tests, never per packet. RFC 4291 section 2.2 for
// what is read, RFC 5952 section 4 for what is written.
#include <millrace/wire/address.hpp>

#include <charconv>

namespace millrace {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// A decimal number without sign or leading zeros, which other programs read as octal.
std::optional<std::uint32_t> parse_decimal(std::string_view text, std::uint32_t max) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::uint32_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (value > max) return std::nullopt;
  return value;
}

std::optional<std::array<std::uint8_t, 4>> parse_quad(std::string_view text) {
  std::array<std::uint8_t, 4> quad{};
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t dot = i < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return std::nullopt;
    const auto byte = parse_decimal(text.substr(0, dot), 255);
    if (!byte) return std::nullopt;
    quad[i] = static_cast<std::uint8_t>(*byte);
    text.remove_prefix(i < 3 ? dot + 1 : dot);
  }
  return quad;
}

/// One side of "::", or a whole address without one: groups of 16 bits, the last perhaps a dotted quad.
struct Groups {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t size = 0;  ///< bytes in use

  bool take(std::string_view group, bool is_last) {
    if (is_last && group.find('.') != std::string_view::npos) {
      const auto quad = parse_quad(group);
      if (!quad || size > 12) return false;
      for (std::uint8_t b : *quad) bytes[size++] = b;
      return true;
    }
    if (group.empty() || group.size() > 4 || size > 14) return false;
    std::uint16_t value = 0;
    for (char c : group) {
      const int digit = hex_digit(c);
      if (digit < 0) return false;
      value = static_cast<std::uint16_t>(value << 4 | digit);
    }
    store_be16(&bytes[size], value);
    size += 2;
    return true;
  }
};

/// `quad_allowed`: the text ends the address, where a dotted quad may stand.
std::optional<Groups> parse_groups(std::string_view text, bool quad_allowed) {
  Groups groups;
  if (text.empty()) return groups;
  for (;;) {
    const std::size_t colon = text.find(':');
    const bool is_last = colon == std::string_view::npos;
    if (!groups.take(text.substr(0, colon), is_last && quad_allowed)) return std::nullopt;
    if (is_last) return groups;
    text.remove_prefix(colon + 1);
  }
}

std::optional<IpAddress> parse_v6(std::string_view text) {
  const std::size_t gap = text.find("::");
  IpAddress address;
  if (gap == std::string_view::npos) {
    const auto all = parse_groups(text, true);
    if (!all || all->size != 16) return std::nullopt;
    address.bytes = all->bytes;
    return address;
  }
  const auto head = parse_groups(text.substr(0, gap), false);
  const auto tail = parse_groups(text.substr(gap + 2), true);
  // "::" stands for one group of zeros at least (RFC 4291 section 2.2).
  if (!head || !tail || head->size + tail->size > 14) return std::nullopt;
  std::memcpy(address.bytes.data(), head->bytes.data(), head->size);
  std::memcpy(address.bytes.data() + 16 - tail->size, tail->bytes.data(), tail->size);
  return address;
}

/// The longest run of two zero groups or more, the first among equals (RFC 5952 sections 4.2.2 and 4.2.3).
struct ZeroRun {
  std::size_t first = 8;
  std::size_t count = 1;
};

ZeroRun longest_zero_run(const IpAddress& address) {
  ZeroRun best;
  std::size_t count = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    count = load_be16(&address.bytes[2 * i]) == 0 ? count + 1 : 0;
    if (count > best.count) best = {i + 1 - count, count};
  }
  return best;
}

std::string quad_to_string(const std::uint8_t* b) {
  return std::to_string(b[0]) + '.' + std::to_string(b[1]) + '.' + std::to_string(b[2]) + '.' + std::to_string(b[3]);
}

}  // namespace

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  MacAddress mac;
  for (std::size_t i = 0; i < 6; ++i) {
    const int high = hex_digit(text[3 * i]);
    const int low = hex_digit(text[3 * i + 1]);
    if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':')) return std::nullopt;
    mac.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return mac;
}

std::string MacAddress::to_string() const {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (std::uint8_t byte : bytes) {
    if (!text.empty()) text += ':';
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return parse_v6(text);
  const auto quad = parse_quad(text);
  if (!quad) return std::nullopt;
  return v4_from(quad->data());
}

std::string IpAddress::to_string() const {
  if (is_v4()) return quad_to_string(v4_bytes());
  const ZeroRun run = longest_zero_run(*this);
  std::string text;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == run.first) {
      text += "::";
      i += run.count - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    char hex[4];
    text.append(hex, std::to_chars(hex, hex + sizeof hex, unsigned{load_be16(&bytes[2 * i])}, 16).ptr);
  }
  return text;
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const auto length = parse_decimal(text.substr(slash + 1), address->is_v4() ? 32 : 128);
  if (!length) return std::nullopt;
  return IpPrefix{*address, static_cast<std::uint8_t>(*length)};
}

std::string IpPrefix::to_string() const { return address.to_string() + '/' + std::to_string(length); }

bool IpPrefix::contains(const IpAddress& other) const {
  if (address.is_v4() != other.is_v4()) return false;
  const unsigned bits = length + (address.is_v4() ? 96u : 0u);
  const std::size_t whole = bits / 8;
  if (std::memcmp(address.bytes.data(), other.bytes.data(), whole) != 0) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((address.bytes[whole] ^ other.bytes[whole]) >> (8 - rest)) == 0;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  // Brackets are IPv6's, and IPv6 must have them: fd00::1:80 could be read in two ways (RFC 5952 section 6).
  if (is_bracketed != (host.find(':') != std::string_view::npos)) return std::nullopt;
  const auto address = IpAddress::parse(host);
  const auto port = parse_decimal(text.substr(colon + 1), 65535);
  if (!address || !port) return std::nullopt;
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::string Endpoint::to_string() const {
  const std::string host = address.to_string();
  return (address.is_v4() ? host : '[' + host + ']') + ':' + std::to_string(port);
}

}  // namespace millrace
