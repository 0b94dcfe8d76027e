// SPDX-License-Identifier: BSD-3-Clause
// IPv4 options at their destination. Called by input_v4.cpp for headers that have any; pure.
// RFC 791 section 3.1; the order of net/ipv4/ip_options.c, which the pointer tells.
#include <millrace/stack/ip/options.hpp>

#include <millrace/wire/ipv4.hpp>

#include <bitset>
#include <cstddef>
#include <optional>

namespace millrace::ip {
namespace {

// Where in the option something is wrong.
using Fault = std::optional<std::uint8_t>;

// The octets that a pointer of at least `first` leaves for one entry of that size; behind the option it says that all are taken.
Fault fault_of_pointer(std::span<const std::uint8_t> option, std::uint8_t first, std::size_t entry) {
  const std::uint8_t next = option[2];
  if (next < first) return 2;
  return next <= option.size() && next - 1u + entry > option.size() ? Fault(2) : std::nullopt;
}

Fault fault_of_timestamp(std::span<const std::uint8_t> option) {
  using namespace option::timestamp_flag;
  constexpr std::uint8_t most_overflows = 15;
  if (option.size() < 4) return 1;
  const std::uint8_t flag = option[3] & 15;
  if (const Fault fault = fault_of_pointer(option, 5, flag == with_address || flag == prespecified ? 8 : 4)) return fault;
  const bool is_full = option[2] > option.size();
  return is_full && flag != prespecified && option[3] >> 4 == most_overflows ? Fault(3) : std::nullopt;
}

Fault fault_of(std::span<const std::uint8_t> option) {
  switch (option[0]) {
    case option::loose_source_route:
    case option::strict_source_route: return option.size() < 3 ? Fault(1) : option[2] < 4 ? Fault(2) : std::nullopt;
    case option::record_route: return option.size() < 3 ? Fault(1) : fault_of_pointer(option, 4, 4);
    case option::timestamp: return fault_of_timestamp(option);
    case option::router_alert: return option.size() < 4 ? Fault(1) : std::nullopt;
    default: return std::nullopt;
  }
}

// Of these there may be one; the two source routes are one kind.
std::uint8_t kind_of(std::uint8_t type) { return type == option::strict_source_route ? option::loose_source_route : type; }
bool may_repeat(std::uint8_t kind) {
  return kind != option::loose_source_route && kind != option::record_route && kind != option::timestamp && kind != option::commercial_security;
}

}  // namespace

OptionsVerdict judge_options(std::span<const std::uint8_t> options) {
  std::bitset<256> seen;
  const auto verdict = [&](OptionsVerdict::Kind kind, std::size_t at) {
    return OptionsVerdict{.kind = kind, .pointer = static_cast<std::uint8_t>(wire::ipv4_header_bytes + at), .is_recorded = seen[option::record_route] || seen[option::timestamp]};
  };
  const auto wrong = [&](std::size_t at) { return verdict(OptionsVerdict::malformed, at); };
  for (std::size_t at = 0; at < options.size() && options[at] != option::end_of_list;) {
    if (options[at] == option::no_operation) {
      ++at;
      continue;
    }
    if (at + 2 > options.size() || options[at + 1] < 2 || at + options[at + 1] > options.size()) return wrong(at);
    const auto option = options.subspan(at, options[at + 1]);
    const std::uint8_t kind = kind_of(option[0]);
    const bool is_one_too_many = seen[kind] && !may_repeat(kind);
    if (is_one_too_many && kind != option::loose_source_route) return wrong(at);
    if (const Fault fault = fault_of(option)) return wrong(at + *fault);
    if (is_one_too_many) return wrong(at);  // of source routes this is asked last
    seen[kind] = true;
    at += option.size();
  }
  return verdict(seen[option::loose_source_route] ? OptionsVerdict::source_route : OptionsVerdict::fine, 0);
}

}  // namespace millrace::ip
