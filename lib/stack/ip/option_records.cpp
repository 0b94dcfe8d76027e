// SPDX-License-Identifier: BSD-3-Clause
// The options that tell a datagram's way: an entry when it comes, one when it is answered. Called by input_v4.cpp, output.cpp
// and by ICMP; asks Output which addresses are ours. RFC 791 section 3.1, RFC 1122 sections 3.2.1.8 and 3.2.2.6; net/ipv4/ip_options.c.
#include <millrace/stack/ip/option_records.hpp>

#include <algorithm>

namespace millrace::ip {
namespace {

using namespace option::timestamp_flag;

// inet_addr_type() is not RTN_UNICAST.
bool is_ours(const Output& ip, const std::uint8_t* at) {
  const IpAddress address = IpAddress::v4_from(at);
  return ip.is_local(address) || address.is_multicast() || ip.is_broadcast(address);
}

// Entries begin at the octet that the pointer names, the option's first being 1.
bool has_room(std::span<const std::uint8_t> option, std::size_t bytes) { return option[2] != 0 && option[2] - 1u + bytes <= option.size(); }
bool is_full(std::span<const std::uint8_t> option) { return option[2] > option.size(); }

void put_address(std::uint8_t* at, const IpAddress& own) { std::copy_n(own.v4_bytes(), 4, at); }

void record_time(std::span<std::uint8_t> option, const OptionRecord& record, const Output& ip) {
  std::uint8_t* const entry = option.data() + option[2] - 1;
  const std::uint8_t flag = option[3] & 15;
  if (is_full(option)) {
    if (flag != prespecified) option[3] = static_cast<std::uint8_t>(option[3] + 0x10);  // one more that found no room
  } else if (flag == time_only) {
    store_be32(entry, record.time_of_day);
    option[2] = static_cast<std::uint8_t>(option[2] + 4);
  } else if (flag == with_address || (flag == prespecified && is_ours(ip, entry))) {
    if (flag == with_address) put_address(entry, record.own);
    store_be32(entry + 4, record.time_of_day);
    option[2] = static_cast<std::uint8_t>(option[2] + 8);
  }
}

// Adds an option as it is; returns where it begins.
std::uint8_t append(SentOptions& answer, std::span<const std::uint8_t> option) {
  const std::uint8_t at = answer.size;
  std::copy(option.begin(), option.end(), answer.bytes.begin() + at);
  answer.size = static_cast<std::uint8_t>(at + option.size());
  return at;
}

bool echo_route(SentOptions& answer, std::span<const std::uint8_t> option) {
  const std::uint8_t at = append(answer, option);
  if (option.empty() || is_full(option)) return true;
  if (!has_room(option, 4)) return false;
  answer.route_at = static_cast<std::uint8_t>(at + option[2] - 1);
  answer.bytes[at + 2u] = static_cast<std::uint8_t>(option[2] + 4);
  return true;
}

bool echo_times(SentOptions& answer, std::span<const std::uint8_t> option, const Output& ip) {
  const std::uint8_t at = append(answer, option);
  if (option.empty() || is_full(option)) return true;
  const std::uint8_t flag = option[3] & 15;
  const std::uint8_t entry = flag == time_only ? 4 : 8;
  if (flag == prespecified && !(has_room(option, entry) && is_ours(ip, &option[option[2] - 1u]))) return true;
  if (flag != time_only && flag != with_address && flag != prespecified) return true;
  if (!has_room(option, entry)) return false;
  const auto begin = static_cast<std::uint8_t>(at + option[2] - 1);
  if (flag == with_address) answer.address_at = begin;
  answer.time_at = static_cast<std::uint8_t>(begin + entry - 4);
  answer.bytes[at + 2u] = static_cast<std::uint8_t>(option[2] + entry);
  return true;
}

}  // namespace

std::uint8_t record_arrival(std::span<std::uint8_t> options, const OptionRecord& record, const Output& ip) {
  std::uint8_t route_at = 0;
  for_each_option(options, [&](std::span<std::uint8_t> option, std::size_t at) {
    if (option[0] == option::timestamp) record_time(option, record, ip);
    if (option[0] != option::record_route || !has_room(option, 4)) return;
    route_at = static_cast<std::uint8_t>(at + option[2] - 1);
    put_address(&options[route_at], record.own);
    option[2] = static_cast<std::uint8_t>(option[2] + 4);
  });
  return route_at;
}

void SentOptions::fill(const OptionRecord& record) {
  if (route_at != 0) put_address(&bytes[route_at], record.own);
  if (address_at != 0) put_address(&bytes[address_at], record.own);
  if (time_at != 0) store_be32(&bytes[time_at], record.time_of_day);
}

std::optional<SentOptions> echo_options(std::span<const std::uint8_t> received, const Output& ip) {
  std::span<const std::uint8_t> route, times, label;
  for_each_option(received, [&](std::span<const std::uint8_t> option, std::size_t) {
    if (option[0] == option::record_route && option.size() >= 3) route = option;
    if (option[0] == option::timestamp && option.size() >= 4) times = option;
    if (option[0] == option::commercial_security) label = option;
  });
  SentOptions answer;
  if (!echo_route(answer, route) || !echo_times(answer, times, ip)) return std::nullopt;
  append(answer, label);
  answer.size = static_cast<std::uint8_t>((answer.size + 3) & ~3);  // behind them: the end of the list
  return answer;
}

}  // namespace millrace::ip
